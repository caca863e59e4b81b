"""Listeners of run events: Allure attachments and labels, ladder diagrams, run comparison."""
