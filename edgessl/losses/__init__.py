"""Losses: pure functions, tensors in, a scalar out."""
