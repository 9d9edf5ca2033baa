"""A well-formed checkpoint that says what cannot be is refused in one message, by the key."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_from, deployable_payload
from edgessl.errors import UserError
from edgessl.start.kept_head import KeptHead

PREPROCESS = {"resize_px": 32, "crop_px": 32, "interpolation": "bilinear",
              "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}  # fmt: skip
SPOILT: tuple[object, ...] = (
    None, "", "x", -1, 0, 1.5, 10**30, float("nan"), [], [1, 2], {}, {"a": 1}, True, b"x",
    torch.zeros(2),
)  # fmt: skip
FREE = {
    ("batchnorm_eps", "None"), ("batchnorm_eps", "1.5"), ("batchnorm_eps", repr(10**30)),
    ("hidden", "None"), ("provenance", "{}"), ("provenance", "{'a': 1}"),
}  # fmt: skip
"""What is right as it is: the second value of the pair is its repr."""


def _payload() -> dict[str, Any]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Classifier(Backbone("resnet18", "keep", 32), 2)
    return deployable_payload(
        module, classes=("cat", "dog"), preprocess=PREPROCESS, provenance={"seed": 0}
    )


PAYLOAD = _payload()


def _changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    payload = {key: value if key == "weights" else copy.deepcopy(value)
               for key, value in PAYLOAD.items()}  # fmt: skip
    payload["weights"] = dict(payload["weights"])
    change(payload)
    return payload


def test_the_payload_as_it_is_is_right() -> None:
    assert deployable_from(_changed(lambda _: None), "ckpt.pt").classes == ("cat", "dog")


@pytest.mark.parametrize("key", [key for key in PAYLOAD if key not in ("kind", "reads")])
def test_a_key_that_is_missing_or_of_another_kind_is_named(key: str) -> None:
    optional = ("hidden", "batchnorm_eps")
    if key not in optional:
        with pytest.raises(UserError, match=r"^ckpt\.pt: "):
            deployable_from(_changed(lambda payload: payload.pop(key)), "ckpt.pt")
    for value in SPOILT:
        if (key, repr(value)) in FREE:
            continue
        with pytest.raises(UserError, match=r"^ckpt\.pt[:,]|backbone\.name"):
            deployable_from(_changed(lambda p, value=value: p.update({key: value})), "ckpt.pt")


@pytest.mark.parametrize("key", PREPROCESS)
def test_the_preprocessing_is_looked_into(key: str) -> None:
    for value in SPOILT:
        with pytest.raises(UserError, match=rf"preprocess\.{key}|in plain values"):
            deployable_from(_changed(lambda p, value=value: p["preprocess"].update({key: value})),
                            "ckpt.pt")  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["weights"].pop("fc.bias"),
        lambda p: p["weights"].update({"fc.bias": torch.zeros(3)}),
        lambda p: p["weights"].update({"stray": torch.zeros(3)}),
        lambda p: p.update(backbone="resnet50"),
        lambda p: p.update(last_stage="remove"),
        lambda p: p.update(hidden={"widths": [8]}),
        lambda p: p.update(classes=["cat"]),
        lambda p: p.update(head="features"),
    ],
)
def test_weights_of_another_network_are_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(UserError, match=r"ckpt\.pt: must hold every tensor of its resnet"):
        deployable_from(_changed(change), "ckpt.pt")


@pytest.mark.parametrize(
    "value",
    [None, [], {"layers": 1}, {"layers": {}, "weights": {}}, {"layers": {"widths": []}},
     {"layers": {"widths": ["8"]}, "weights": {}},
     {"layers": {"widths": [8]}, "weights": {"a": 1}}],
)  # fmt: skip
def test_a_kept_head_is_looked_into(value: object) -> None:
    with pytest.raises(UserError):
        KeptHead.from_payload({"pretraining_head": value})


@pytest.mark.parametrize("version", [None, "1", [], 1.0, torch.ones(1)])
def test_a_version_that_is_no_number_is_refused(
    tmp_path_factory: pytest.TempPathFactory, version: object
) -> None:
    path = tmp_path_factory.mktemp("versions") / "ckpt.pt"
    torch.save({"format": checkpoint.FORMAT, "version": version}, path)
    with pytest.raises(UserError, match="must be a checkpoint written by edgessl"):
        checkpoint.load(path)
