"""The temperature of a run's classifier, fitted on ``val``, and what it does on ``test``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from edgessl.metrics.calibration import Temperature, calibration_of, fit_temperature
from edgessl.metrics.features import extract_features
from edgessl.train.place.context import Context


def calibrate(context: Context, classifier: nn.Module) -> Temperature:
    """Fit the temperature of a classifier on ``val``.

    Args:
        context: The run.
        classifier: As it was trained, on the device of the run.
    """
    val, image = context.dataset.val, context.recipe.image
    if not len(val):
        return Temperature(1.0, 0, "there are no images of val")
    logits = extract_features(
        classifier, context.images.pixels(val), image.mean, image.std, device=context.device
    )
    return fit_temperature(logits.numpy(), np.asarray(val.labels, np.int64))


def calibration_facts(
    fitted: dict[str, Any], logits: NDArray[Any], labels: NDArray[np.int64]
) -> dict[str, Any]:
    """Score a temperature on images that it was not fitted on.

    Args:
        fitted: How it was fitted, as the checkpoint says.
        logits: Of a network that divides by it already, ``(N, K)``.
        labels: ``(N,)``.

    Returns:
        ``temperature``, ``images`` and what else is known of the fit; ``ece`` and
        ``ece_uncalibrated``, each ``{value, low, high, n, if_perfect}`` in percent.
    """
    temperature = float(fitted.get("temperature", 1.0))
    return {
        "temperature": temperature, **fitted,
        "ece": calibration_of(logits, labels).to_dict(),
        "ece_uncalibrated": calibration_of(logits, labels, 1 / temperature).to_dict(),
    }  # fmt: skip
