"""Training: one loop for pretraining, fine-tuning and the baselines."""

from edgessl.train.loop.engine import Engine, Precision
from edgessl.train.loop.fit import StepRecord, TrainingData, fit, step_images, steps_per_epoch

__all__ = ["Engine", "Precision", "StepRecord", "TrainingData", "fit", "step_images",
           "steps_per_epoch"]  # fmt: skip
