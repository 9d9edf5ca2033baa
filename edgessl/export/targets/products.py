"""The files of an export for a device: converted in a folder of their own, then written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgessl.artifact import Metadata, Precision
from edgessl.artifact.device_file import save
from edgessl.export.core import Core
from edgessl.export.formats.cost import graph_cost
from edgessl.export.int8.make import Int8, make_int8
from edgessl.export.product import NotMade, Product
from edgessl.export.targets.calibration import read_calibration
from edgessl.export.targets.executorch import EXECUTORCH
from edgessl.export.targets.interface import Converted, DeviceTarget, Job, Say
from edgessl.export.targets.litert import LITERT
from edgessl.export.targets.names import ENVIRONMENTS
from edgessl.export.targets.ncnn import NCNN
from edgessl.export.targets.openvino import OPENVINO
from edgessl.runtimes.converter import ConversionFailed
from edgessl.runtimes.environment import python_for
from edgessl.runtimes.process import tell

TARGETS = {target.format: target for target in (OPENVINO, NCNN, LITERT, EXECUTORCH)}
"""What was asked for -> the format."""


def device_products(
    core: Core, formats: Sequence[str], folder: Path, *, data: str | None, say: Say
) -> tuple[tuple[Product, ...], tuple[NotMade, ...]]:
    """Convert a network for a device.

    Args:
        core: The network.
        formats: One key of ``TARGETS``, and ``int8`` where its int8 file is wanted.
        folder: A scratch folder.
        data: Data set to calibrate on; None for the checkpoint's own.
        say: Called with the name of each step.

    Returns:
        The files to write, and those that a converter gave up on.

    Raises:
        UserError: The data, or an environment, is not to be had.
        EdgesslError: Making an environment failed.
    """
    target = next(TARGETS[name] for name in formats if name in TARGETS)
    job = Job(
        core, folder, make_int8=lambda: _int8(core, data, say),
        find_calibration=lambda: read_calibration(core, data), say=say,
    )  # fmt: skip
    for name in ENVIRONMENTS[target.format]:  # before any work that would be lost
        python_for(name, tell)
    cost = _cost(core, folder)
    products, not_made = [], []
    for precision, name in target.names.items():
        if precision == "int8" and "int8" not in formats:
            continue
        say(f"converting to {name}")
        try:
            converted = target.convert(job, precision)
        except ConversionFailed as error:
            not_made.append(NotMade(name, " ".join(str(error).split())))
            continue
        products.append(_product(target, precision, converted, cost))
    return tuple(products), tuple(not_made)


def _product(
    target: DeviceTarget, precision: Precision, converted: Converted, cost: dict[str, int]
) -> Product:
    def write(path: Path, metadata: Metadata) -> None:
        save(path, converted.contents, metadata.to_json())

    return Product(
        target.names[precision], target.format, f"{target.purpose}, {precision}", write,
        precision=precision, batch=1, more_gates=converted.more_gates,
        history={"cost": cost, **converted.history},
    )  # fmt: skip


def _cost(core: Core, folder: Path) -> dict[str, int]:
    """Count the network, for a file that nobody can look into."""
    import onnx

    path = folder / "counted.onnx"
    onnx.save(core.graph, str(path))
    params, macs, _ = graph_cost(path, None)
    return {"params": params, "macs": macs}


def _int8(core: Core, data: str | None, say: Callable[[str], None]) -> Int8:
    return make_int8(core, data=data, time=None, say=say)

