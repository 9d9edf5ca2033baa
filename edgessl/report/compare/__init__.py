"""Runs and exported files side by side: which of them to ship."""
