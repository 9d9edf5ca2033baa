"""Runs and files side by side: which of these to ship."""
