"""Scores of a network: nearest neighbours, linear probe, a classifier's answers."""
