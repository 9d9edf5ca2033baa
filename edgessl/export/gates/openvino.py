"""The end-to-end file in OpenVINO, where that is installed: an extra, never a reason to fail."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.cores import usable_cores
from edgessl.data.preprocess import Preprocess
from edgessl.export.formats.front import cut_inside
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.parity import Images, Run, check_parity
from edgessl.export.gates.preprocessing import check_preprocessing

NAME = "openvino"
PRECISION = "f32"
"""Asked for in so many words: on CPUs that have bf16, OpenVINO takes that by itself."""


def check_in_openvino(
    path: Path, preprocess: Preprocess, reference: Run, *, shaped: Mapping[str, Image.Image],
    batches: Mapping[str, Images], atol: float, rtol: float, classifies: bool,
    levels: Sequence[float] = (),
) -> Gate | None:  # fmt: skip
    """Run a file in OpenVINO, through the checks that it passed in onnxruntime.

    Args:
        path: A float32 ONNX file that takes pixels.
        preprocess: The evaluation transform.
        reference: The checkpoint's network, of normalised images.
        shaped: RGB images of many shapes, by name.
        batches: Pixels to compare the answers on, ``(N, H, W, 3)`` uint8, by what they are.
        atol: Absolute tolerance of the answers.
        rtol: Tolerance as a share of the largest answer of an image.
        classifies: Whether the highest output is the answer.
        levels: Output from which on each class counts as shown, where an image may show several.

    Returns:
        A gate that passes or, with the reason, is skipped; None where OpenVINO is not installed.
    """
    if find_spec(NAME) is None:
        return None
    found = version(NAME)
    try:
        run, inside = _compiled(str(path)), _compiled(cut_inside(path))
        gates = [check_preprocessing(inside, preprocess, shaped)]
        for name, images in batches.items():
            gates.append(
                check_parity(
                    name, lambda pixels: reference(inside(pixels)), run, images,
                    atol=atol, rtol=rtol, classifies=classifies, levels=levels,
                )
            )
    except Exception as error:  # the runtime's own, and whatever a broken installation raises
        reason = " ".join(str(error).split())[:160]
        return Gate(NAME, "skip", f"not proven in OpenVINO {found}, which does not run: {reason}")
    numbers = {"version": found, "precision": PRECISION,
               "checks": [gate.to_dict() for gate in gates]}  # fmt: skip
    for gate in gates:
        if gate.status != "pass":
            other = f"not proven in OpenVINO {found}, use onnxruntime: {gate.name}, {gate.finding}"
            return Gate(NAME, "skip", other, numbers)
    finding = f"OpenVINO {found} in {PRECISION}: {gates[0].finding}; {gates[-1].finding}"
    return Gate(NAME, "pass", finding, numbers)


@cache
def _core() -> Any:
    """Return OpenVINO's runtime, one for the process and never let go.

    Each puts an alternate signal stack into the thread that makes it. Of two, the one that goes
    last puts back that of the other, which is unmapped by then (2026.4): the next Ctrl-C of the
    process would end it in a segmentation fault.
    """
    openvino: Any = importlib.import_module(NAME)
    return openvino.Core()


def _compiled(model: str | bytes | None) -> Run:
    """Compile an ONNX file, or the content of one, for the CPU."""
    core = _core()
    settings = {"INFERENCE_PRECISION_HINT": PRECISION, "INFERENCE_NUM_THREADS": usable_cores()}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)

    def run(images: Images) -> NDArray[np.float32]:
        return np.array(compiled([images])[0], dtype=np.float32)  # a copy: its memory is reused

    return run
