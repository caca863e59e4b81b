"""Tests of signed segments."""
