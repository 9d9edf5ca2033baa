"""Comparing: intervals, noise, and which differences are real."""
