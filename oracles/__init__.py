"""Rules that hold for every TCP: a recorded trace goes in, violations come out."""
