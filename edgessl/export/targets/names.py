"""The names of files for devices, known before any of them is made."""

from __future__ import annotations

from edgessl.artifact import Precision

DEVICE_NAMES: dict[str, dict[Precision, str]] = {
    "openvino": {"fp32": "model.xml", "fp16": "model.fp16.xml", "int8": "model.int8.xml"},
    "ncnn": {"fp32": "model.ncnn.param", "fp16": "model.ncnn.fp16.param"},
    "executorch": {"fp32": "model.pte", "int8": "model.int8.pte"},
    "litert": {"fp32": "model.tflite", "fp16": "model.fp16.tflite", "int8": "model.int8.tflite"},
}
"""Format -> precision -> the name of the model; files that belong to it have the same stem."""


def names_for(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return the models that an export for a device may write.

    Args:
        formats: A key of ``DEVICE_NAMES``, and ``int8`` where that is wanted.
    """
    return tuple(
        name for kind in formats if kind in DEVICE_NAMES
        for precision, name in DEVICE_NAMES[kind].items()
        if precision != "int8" or "int8" in formats
    )  # fmt: skip


ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "ncnn": ("ncnn-converter", "ncnn"),
    "executorch": ("executorch",),
    "litert": ("litert-converter", "litert"),
}
"""Format -> the environments that its files are made and run in."""
