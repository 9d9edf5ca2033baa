"""ExecuTorch: phones, through XNNPACK on their CPUs."""

from __future__ import annotations

from edgessl.artifact import Precision
from edgessl.export.targets.interface import Converted, DeviceTarget, Job
from edgessl.export.targets.names import DEVICE_NAMES
from edgessl.export.targets.program import convert_program


def to_executorch(job: Job, precision: Precision) -> Converted:
    """Convert the network, lowered to XNNPACK.

    Args:
        job: The network.
        precision: Of the weights, and for int8 of the activations.
    """
    return convert_program(
        job, precision, environment="executorch", program="to_executorch.py", suffix=".pte"
    )


EXECUTORCH = DeviceTarget(
    "executorch", DEVICE_NAMES["executorch"], "phones, through ExecuTorch and XNNPACK",
    to_executorch,
)  # fmt: skip
