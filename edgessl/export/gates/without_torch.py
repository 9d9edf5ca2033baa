"""The file gives the same answers in a new process that has no PyTorch and no edgessl."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.export.gates.gate import Gate

_PROGRAM = """
import json, sys
for name in ("torch", "torchvision", "timm", "edgessl"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np
import onnxruntime
folder, jobs = sys.argv[1], json.load(sys.stdin)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.intra_op_num_threads = 1
said = {}
for number, (path, key) in enumerate(jobs):
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        json.loads(session.get_modelmeta().custom_metadata_map[key])
        images = np.load(f"{folder}/{number}.images.npy")
        answer = session.run(None, {session.get_inputs()[0].name: images})[0]
        np.save(f"{folder}/{number}.answer.npy", answer)
    except Exception as error:
        said[number] = f"{type(error).__name__}: {error}"
json.dump(said, sys.stdout)
"""
_TIMEOUT_S = 300

Array = NDArray[Any]


def check_without_torch(
    vectors: Mapping[Path, tuple[Array, NDArray[np.float32]]], key: str
) -> dict[Path, Gate]:
    """Run every file once in one new process, and compare its answers.

    Args:
        vectors: For each file one input and what this process got for it, ``(1, K)``.
        key: Name of the metadata that must be readable there.

    Returns:
        A gate for each file.
    """
    if not vectors:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (images, _) in enumerate(vectors.values()):
            np.save(Path(folder) / f"{number}.images.npy", images)
        jobs = json.dumps([(str(path.resolve()), key) for path in vectors])
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, folder],
            input=jobs, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            return {path: _failed(f"the process ended with: {reason}") for path in vectors}
        said = json.loads(done.stdout)
        return {
            path: _failed(said[str(number)])
            if str(number) in said
            else _compare(np.load(Path(folder) / f"{number}.answer.npy"), expected)
            for number, (path, (_, expected)) in enumerate(vectors.items())
        }


def _failed(reason: str) -> Gate:
    return Gate("without torch", "fail", " ".join(reason.split())[:200])


def _compare(got: Array, expected: NDArray[np.float32]) -> Gate:
    if got.shape != expected.shape:
        return _failed(f"gives shape {got.shape} in a new process, {expected.shape} in this one")
    # One thread there, several here: sums are taken in another order.
    allowed = 1e-4 * (1.0 + float(np.abs(expected).max()))
    difference = float(np.abs(got - expected).max())
    passed = difference <= allowed  # a NaN is no pass
    return Gate(
        "without torch",
        "pass" if passed else "fail",
        f"|d| {difference:.1e} in a new process with onnxruntime and numpy only",
        {"max_difference": difference if np.isfinite(difference) else None, "allowed": allowed},
    )
