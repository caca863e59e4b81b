"""Side-by-side speed comparisons."""
