"""Training: one loop for pretraining, fine-tuning and the baselines."""

from edgessl.train.fit import StepRecord, TrainingData, fit, steps_per_epoch

__all__ = ["StepRecord", "TrainingData", "fit", "steps_per_epoch"]
