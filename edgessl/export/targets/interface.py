"""What every format of a device has: a name, files, and a way to make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edgessl.artifact import Format, Precision
from edgessl.export.core import Core
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.make import Int8
from edgessl.export.product import no_more_gates
from edgessl.export.targets.calibration import Calibration

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A network that is to become files of one format.

    Attributes:
        core: The network.
        folder: A folder of its own to work in.
        make_int8: Quantises the ONNX graph, or fails where the images are not to be had.
        find_calibration: Finds the images that a converter quantises with, or fails where they
            are not to be had.
        say: Called with the name of each step.
    """

    core: Core
    folder: Path
    make_int8: Callable[[], Int8]
    find_calibration: Callable[[], Calibration]
    say: Say

    @cached_property
    def int8(self) -> Int8:
        """The quantised ONNX graph, as ``--int8`` writes it, made once."""
        return self.make_int8()

    @cached_property
    def calibration(self) -> Calibration:
        """The images that a converter quantises with, found once."""
        return self.find_calibration()


@dataclass(frozen=True)
class Converted:
    """What a converter made of a network.

    Attributes:
        contents: The bytes of each file by its suffix, the model's own included.
        history: How it was made, as plain values; it goes into the metadata.
        more_gates: What only this file is checked for.
    """

    contents: Mapping[str, bytes]
    history: dict[str, Any] = field(default_factory=dict)
    more_gates: Callable[[Path], tuple[Gate, ...]] = no_more_gates


@dataclass(frozen=True)
class DeviceTarget:
    """A format of a device.

    Attributes:
        format: How edgessl calls it.
        names: The precisions it is written in -> the name of the model.
        purpose: What it is for, in a few words.
        convert: Makes the model in one precision.
    """

    format: Format
    names: Mapping[Precision, str]
    purpose: str
    convert: Callable[[Job, Precision], Converted]
