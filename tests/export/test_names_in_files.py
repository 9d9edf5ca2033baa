"""A class in a checkpoint or a model is a name: it breaks no line and steers no terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl import checkpoint
from edgessl.artifact import Metadata
from edgessl.backbones import Backbone, Classifier, deployable_from, deployable_payload
from edgessl.errors import UserError

PREPROCESS = {"resize_px": 36, "crop_px": 32, "interpolation": "bilinear",
              "mean": [0.5] * 3, "std": [0.2] * 3}  # fmt: skip
EVIL = ("a\nb", "\x1b[31mred", "a\u2028b", "a\u202eb", "\x07", "a\x9bb")


@pytest.mark.parametrize("name", EVIL)
def test_a_checkpoint_whose_class_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    payload = deployable_payload(
        Classifier(Backbone("mobilenetv2"), 2), classes=("cat", "dog"), preprocess=PREPROCESS,
        provenance={},
    )  # fmt: skip
    checkpoint.save(tmp_path / "ckpt.pt", {**payload, "classes": ["cat", name]})
    with pytest.raises(UserError, match=r"must not hold line breaks or other control") as caught:
        deployable_from(checkpoint.load(tmp_path / "ckpt.pt"), "ckpt.pt")
    assert name not in str(caught.value)


@pytest.mark.parametrize("name", EVIL)
def test_a_model_whose_class_is_no_name_is_refused(name: str) -> None:
    text = Metadata("logits", ("cat", name), PREPROCESS, 32, {}).to_json()
    with pytest.raises(UserError, match=r"m\.onnx: must carry edgessl metadata") as caught:
        Metadata.from_json(text, "m.onnx")
    assert name not in str(caught.value)
