"""Every backbone, with and without its last stage, exports to every format and passes its gates."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl import checkpoint
from edgessl.backbones import BACKBONES, Backbone, Classifier, LastStage, deployable_payload
from edgessl.data.preprocess import Preprocess
from edgessl.pipeline.export import export_checkpoint

NETWORKS: list[tuple[str, LastStage]] = [
    (name, last_stage)
    for name, facts in BACKBONES.items()
    for last_stage in (("keep", "remove") if facts.removable else ("keep",))
]


def write(path: Path, name: str, last_stage: LastStage) -> Path:
    """Write a checkpoint of a random classifier for 32-pixel images."""
    payload = deployable_payload(
        Classifier(Backbone(name, last_stage, 32), 3),
        classes=("a", "b", "c"),
        preprocess=Preprocess(32, 32).to_dict(),
        provenance={"recipe": "none", "data": None},
    )
    checkpoint.save(path, payload)
    return path


@pytest.mark.parametrize(("name", "last_stage"), NETWORKS)
def test_opset_17_and_torchscript(name: str, last_stage: LastStage, tmp_path: Path) -> None:
    ckpt = write(tmp_path / "ckpt.pt", name, last_stage)
    for file in export_checkpoint(ckpt, formats=("onnx", "torchscript"), opset=17):
        assert file.passed, file.gates


@pytest.mark.slow
@pytest.mark.parametrize("opset", [18, 20, 21, 24])
@pytest.mark.parametrize(("name", "last_stage"), NETWORKS)
def test_current_opsets(name: str, last_stage: LastStage, opset: int, tmp_path: Path) -> None:
    """Last run 2026-11-20: 20 passed in 184 s of one core (torch 2.15, onnxruntime 1.31)."""
    ckpt = write(tmp_path / "ckpt.pt", name, last_stage)
    for head in ("logits", "probs", "features"):
        (file,) = export_checkpoint(ckpt, opset=opset, head=head)
        assert file.passed, file.gates
        assert (file.opset, file.metadata.head) == (opset, head)
