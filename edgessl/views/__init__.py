"""Views: packed images to the random crops that a method compares, made on the training device."""

from edgessl.views.params import ViewParams, draw_params
from edgessl.views.sampler import ViewSampler

__all__ = ["ViewParams", "ViewSampler", "draw_params"]
