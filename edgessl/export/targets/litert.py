"""LiteRT, once TensorFlow Lite: Android, and the entry to microcontrollers and Coral."""

from __future__ import annotations

from edgessl.artifact import Precision
from edgessl.export.targets.interface import Converted, DeviceTarget, Job
from edgessl.export.targets.names import DEVICE_NAMES
from edgessl.export.targets.program import convert_program


def to_litert(job: Job, precision: Precision) -> Converted:
    """Convert the network; the file takes ``(1, S, S, 3)``, as programs for LiteRT expect.

    Args:
        job: The network.
        precision: Of the weights, and for int8 of the activations.
    """
    return convert_program(
        job, precision,
        environment="litert-converter", program="to_litert.py", suffix=".tflite",
    )  # fmt: skip


LITERT = DeviceTarget(
    "litert", DEVICE_NAMES["litert"], "Android and Arm boards, through LiteRT", to_litert
)
