"""Every file says which runtimes it was proven in; OpenVINO is tried where it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image
from small_network import PREPROCESS, Case

from edgessl.artifact import open_artifact
from edgessl.export.gates import openvino
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.parity import extreme_pixels
from edgessl.export.gates.proven_with import proven_with

HERE = find_spec("openvino") is not None
ONNXRUNTIME = {"onnxruntime": version("onnxruntime")}
BOTH = {**ONNXRUNTIME, "openvino": version("openvino")} if HERE else ONNXRUNTIME
"""What the end-to-end file of this machine is proven with."""
needs_openvino = pytest.mark.skipif(not HERE, reason="openvino is not installed here")


def as_text(runtimes: dict[str, str]) -> str:
    return ", ".join(f"{name} {found}" for name, found in runtimes.items())


def check(case: Case, shift: float = 0.0) -> Gate | None:
    network = open_artifact(case.files["model.onnx"].path).run

    def reference(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return network(images) + np.float32(shift)

    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    return openvino.check_in_openvino(
        case.files["model.e2e.onnx"].path, PREPROCESS, reference,
        shaped={"noise": Image.fromarray(noise)}, batches={"parity": extreme_pixels(64)},
        atol=1e-4, rtol=1e-4, classifies=True,
    )  # fmt: skip


def test_the_file_itself_says_so(case: Case) -> None:
    for name, file in case.files.items():
        expected = {"torch": version("torch")} if name.endswith((".torchscript", ".pt2")) else (
            BOTH if name == "model.e2e.onnx" else ONNXRUNTIME
        )  # fmt: skip
        assert open_artifact(file.path, trust=True).known().provenance["proven_with"] == expected
        if file.format in ("onnx", "ort"):
            session = onnxruntime.InferenceSession(str(file.path))
            known = session.get_modelmeta().custom_metadata_map
            assert known["edgessl.proven_with"] == as_text(expected), name


def test_the_card_and_the_manifest_say_so(case: Case) -> None:
    card = (case.ckpt.parent / "MODEL_CARD.md").read_text()
    assert f"- model.e2e.onnx: {as_text(BOTH)}\n" in card
    assert f"- model.onnx: {as_text(ONNXRUNTIME)}\n" in card
    assert "`INFERENCE_PRECISION_HINT` to `f32`" in card
    manifest = json.loads((case.ckpt.parent / "manifest.json").read_text())
    assert manifest["files"]["model.e2e.onnx"]["proven_with"] == BOTH


@needs_openvino
def test_the_end_to_end_file_passes_in_openvino(case: Case) -> None:
    gates = {gate.name: gate for gate in case.files["model.e2e.onnx"].gates}
    assert gates["openvino"].status == "pass"
    assert gates["openvino"].numbers["precision"] == "f32"
    assert "openvino" not in {gate.name for gate in case.files["model.onnx"].gates}


@needs_openvino
def test_other_answers_are_told_and_not_counted_as_proof(case: Case) -> None:
    gate = check(case, shift=1.0)
    assert gate is not None
    assert gate.status == "skip"
    assert gate.finding.startswith(f"not proven in OpenVINO {version('openvino')}, use onnxruntime")
    assert proven_with("onnx", [gate]) == ONNXRUNTIME


def test_without_openvino_there_is_nothing_to_tell(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "find_spec", lambda _name: None)
    assert check(case) is None


@needs_openvino
def test_ctrl_c_after_it_is_no_segmentation_fault(case: Case) -> None:
    """Two of OpenVINO's cores would leave an unmapped signal stack behind."""
    code = (
        "import gc, signal, sys\n"
        "from edgessl.export.gates.openvino import _compiled\n"
        "one, other = _compiled(sys.argv[1]), _compiled(sys.argv[1])\n"
        "del one; gc.collect(); del other; gc.collect()\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('handled'))\n"
        "signal.raise_signal(signal.SIGTERM)"
    )
    path = str(case.files["model.e2e.onnx"].path)
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "handled\n")


def test_a_broken_openvino_fails_no_export(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise ImportError("libopenvino.so: cannot open\nshared object file")

    monkeypatch.setattr(openvino, "find_spec", lambda _name: True)
    monkeypatch.setattr(openvino, "version", lambda _name: "1.0")
    monkeypatch.setattr(openvino, "importlib", SimpleNamespace(import_module=broken))
    monkeypatch.setattr(openvino, "_core", openvino._core.__wrapped__)
    gate = check(case)
    assert gate is not None
    assert gate.status == "skip"
    assert gate.finding == (
        "not proven in OpenVINO 1.0, which does not run: "
        "libopenvino.so: cannot open shared object file"
    )


def test_a_file_that_failed_is_proven_with_nothing() -> None:
    assert proven_with("onnx", [Gate("structure", "fail", "")]) == {}
