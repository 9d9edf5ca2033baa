"""Optimisers and the parameter groups they work on."""

from edgessl.optim.build import build_optimizer, learning_rate, set_hyperparameters
from edgessl.optim.layers import layer_scales

__all__ = ["build_optimizer", "layer_scales", "learning_rate", "set_hyperparameters"]
