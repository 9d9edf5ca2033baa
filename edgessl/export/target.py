"""What a deployment target asks of an exported file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from edgessl import catalog
from edgessl.errors import UserError
from edgessl.export.targets.elsewhere import refuse_elsewhere
from edgessl.export.targets.names import DEVICE_NAMES
from edgessl.schema import Table, read_toml, validate

OPSETS = range(13, 25)
"""13 to 17 come from PyTorch's legacy exporter, 18 to 24 from the current one."""


DEVICES = frozenset(DEVICE_NAMES)
"""Formats of runtimes of devices."""


class Target(Table):
    """One file of ``export/targets/``.

    Attributes:
        formats: What is written for it: ``int8`` stands for int8 ONNX files, or beside the format
            of a device for an int8 file of that.
        opset: ONNX operator set.
        precision: ``"int8"`` has int8 files written whatever else was asked for.
        atol: Largest absolute difference from the checkpoint.
        rtol: The same, as a share of the largest reference value.
        max_drop_percent: Points of test top-1 the file may lose against the checkpoint.
        int8_max_drop_percent: The same for an int8 file.
        fp16_rtol: Share of the largest reference value that an fp16 file's answers may differ by.
        int8_activations: Integers that its int8 kernels are fast with: ``"uint8"`` on x86,
            ``"int8"`` on arm64.
    """

    formats: tuple[
        Literal[
            "onnx", "torchscript", "pt2", "ort", "int8", "openvino", "ncnn", "litert", "executorch"
        ],
        ...,
    ] = Field(min_length=1)
    opset: int = Field(ge=OPSETS.start, lt=OPSETS.stop)
    precision: Literal["fp32", "int8"] = "fp32"
    atol: float = Field(gt=0)
    rtol: float = Field(ge=0)
    max_drop_percent: float = Field(ge=0)
    int8_max_drop_percent: float = Field(default=1.0, ge=0)
    fp16_rtol: float = Field(default=0.02, ge=0)
    int8_activations: Literal["uint8", "int8"] = "uint8"

    @property
    def for_device(self) -> bool:
        """Whether it is the format of a device, which comes without ONNX files."""
        return not DEVICES.isdisjoint(self.formats)


def read_target(name: str) -> Target:
    """Read a target.

    Args:
        name: A name in ``export/targets/``, or the path of a TOML file.

    Raises:
        UserError: It is unknown or wrong, or runs elsewhere only.
    """
    refuse_elsewhere(name)
    path = Path(name) if name.endswith(".toml") else catalog.find("targets", name)
    return validate(Target, read_toml(path), str(path))


def with_limits(target: Target, opset: int | None, max_drop_percent: float | None) -> Target:
    """Return a target with what the user asked for instead of its own.

    Args:
        target: What the files are for.
        opset: ONNX operator set; None for the target's.
        max_drop_percent: Points of test top-1 that a file may lose; None for the target's.

    Raises:
        UserError: There are no such points.
    """
    changes: dict[str, Any] = {} if opset is None else {"opset": opset}
    if max_drop_percent is not None:
        if not 0 <= max_drop_percent <= 100:
            raise UserError(
                f"--max-drop: must be 0 to 100 points of top-1, got {max_drop_percent:g}; "
                "leave it out for the target's own"
            )
        changes |= dict.fromkeys(("max_drop_percent", "int8_max_drop_percent"), max_drop_percent)
    return target.model_copy(update=changes)


def formats_for(
    asked: Sequence[str], target: Target, *, named: bool
) -> tuple[str, ...]:
    """Return the formats to write.

    Args:
        asked: What the user asked for; empty for the target's own.
        target: What the files are for.
        named: Whether the user named the target; else only ONNX is its own.
    """
    formats = tuple(asked) or (target.formats if named else ("onnx",))
    wants_int8 = target.precision == "int8" and "int8" not in formats
    return (*formats, "int8") if wants_int8 else formats


def refuse_formats(formats: Sequence[str], target: Target) -> None:
    """Refuse what a target does not run.

    Args:
        formats: What was asked for.
        target: What the files are for.

    Raises:
        UserError: One of them is not among the target's.
    """
    unfit = [kind for kind in formats if kind not in target.formats]
    if unfit:
        raise UserError(
            f"--{unfit[0]}: must be a format the target runs ({', '.join(target.formats)}), got "
            f"{', '.join(unfit)}; choose another --target"
        )


def formats_of_command(asked: Sequence[str], target: str | None) -> tuple[str, ...]:
    """Return what the options of a command mean: ONNX always, but for a format of a device.

    Args:
        asked: The options, such as ``int8``; none for the target's own.
        target: The name that was given; None for none.

    Raises:
        UserError: The target is unknown or wrong.
    """
    if not asked:
        return ()
    table = read_target(target or "cpu")
    first = table.formats[0] if table.for_device else "onnx"
    return tuple(dict.fromkeys((first, *asked)))
