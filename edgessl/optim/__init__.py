"""Optimisers and the parameter groups they work on."""

from edgessl.optim.build import build_optimizer, learning_rate, set_hyperparameters

__all__ = ["build_optimizer", "learning_rate", "set_hyperparameters"]
