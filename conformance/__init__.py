"""What is tested: requirements, deviations, scripts by document, and the pytest plugin."""
