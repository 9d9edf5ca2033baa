"""The runtimes that a file was proven in."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from edgessl.artifact import Format
from edgessl.artifact.opened import NEEDS_TORCH, ON_DEVICES
from edgessl.export.gates import openvino, own_runtime
from edgessl.export.gates.gate import Gate, failed


def proven_with(kind: Format, gates: Sequence[Gate]) -> dict[str, str]:
    """Return each runtime's package and its version; none for a file that failed.

    Args:
        kind: How the file is stored.
        gates: The outcome of all of its checks.
    """
    if failed(gates):
        return {}
    if kind in ON_DEVICES:
        ran = next(gate.numbers for gate in gates if gate.name == own_runtime.NAME)
        return {str(ran["runtime"]): str(ran["version"])}
    package = "torch" if kind in NEEDS_TORCH else "onnxruntime"
    passed = (gate for gate in gates if gate.name == openvino.NAME and gate.status == "pass")
    more = {gate.name: str(gate.numbers["version"]) for gate in passed}
    return {package: version(package), **more}
