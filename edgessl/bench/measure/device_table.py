"""How a device is measured: one file of ``bench/devices/``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edgessl import catalog
from edgessl.schema import Table, read_toml, validate


class Device(Table):
    """What to run on, and how long to measure.

    Attributes:
        provider: onnxruntime's execution provider.
        options: The provider's own options, as onnxruntime names them.
        threads: Threads inside an operator; 0 for every core the process may use.
        launches: Times that each model's process is started anew; latency differs between them, and
            there are no intervals under three.
        turn_ms: Least length of a model's turn before the next one's; 0 for five runs.
        min_runs: Timed runs of each model, at least.
        min_seconds: Timed seconds of each model, at least.
        max_seconds: Timed seconds of each model, at most; wins over ``min_runs``.
    """

    provider: str
    options: dict[str, str] = Field(default_factory=dict)
    threads: int = Field(ge=0)
    launches: int = Field(default=6, ge=1)
    turn_ms: float = Field(default=20.0, ge=0)
    min_runs: int = Field(ge=1)
    min_seconds: float = Field(ge=0)
    max_seconds: float = Field(gt=0)


def read_device(name: str) -> Device:
    """Read a device.

    Args:
        name: A name in ``bench/devices/``, or the path of a TOML file.

    Raises:
        UserError: It is unknown or wrong.
    """
    path = Path(name) if name.endswith(".toml") else catalog.find("devices", name)
    return validate(Device, read_toml(path), str(path))
