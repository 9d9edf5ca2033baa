"""Heads: features to what a loss compares."""
