"""A classifier reads features as they are, at length 1, or the class tokens of four blocks."""

from __future__ import annotations

import pytest
import torch

from edgessl.backbones import Backbone, Classifier, deployable_from, deployable_payload
from edgessl.backbones.readout import last_blocks, normalised_features
from edgessl.errors import UserError

VITS = pytest.mark.parametrize("name", ["vit-ti16", "deit-ti"])
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_px": 32, "crop_px": 32,
              "interpolation": "bicubic"}  # fmt: skip


def _backbone(name: str) -> Backbone:
    torch.manual_seed(0)
    return Backbone(name, image_px=32).eval()


@VITS
@torch.no_grad()
def test_the_last_of_four_blocks_gives_the_features(name: str) -> None:
    backbone = _backbone(name)
    tokens = last_blocks(backbone, IMAGES)
    assert tokens.shape == (2, 4 * backbone.feature_dim)
    torch.testing.assert_close(tokens[:, -backbone.feature_dim :], backbone(IMAGES))


@torch.no_grad()
def test_the_four_blocks_are_the_last_ones_in_their_order() -> None:
    backbone = _backbone("vit-ti16")
    *_, ninth, tenth, eleventh, twelfth = last_blocks(backbone, IMAGES).chunk(4, dim=1)
    for parameter in backbone.net.blocks[10].parameters():  # type: ignore[index, union-attr]
        parameter.zero_()
    after = last_blocks(backbone, IMAGES).chunk(4, dim=1)
    assert torch.equal(after[0], ninth)
    assert torch.equal(after[1], tenth)
    torch.testing.assert_close(after[2], tenth)  # a block of zeros passes its tokens on
    assert not torch.allclose(after[2], eleventh)
    assert not torch.allclose(after[3], twelfth)


@torch.no_grad()
def test_normalised_features_have_length_one_and_the_direction_of_the_features() -> None:
    backbone = _backbone("resnet18")
    found, plain = normalised_features(backbone, IMAGES), backbone(IMAGES)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(found * plain.norm(dim=1, keepdim=True), plain)


@pytest.mark.parametrize(
    ("name", "reads", "width"),
    [
        ("vit-ti16", "features", 192),
        ("vit-ti16", "last_4_blocks", 768),
        ("resnet18", "normalised_features", 512),
    ],
)
@torch.no_grad()
def test_a_classifier_of_each_kind_is_saved_traced_and_exported(
    name: str, reads: str, width: int
) -> None:
    classifier = Classifier(_backbone(name), 3, reads).eval()  # type: ignore[arg-type]
    assert classifier.fc.in_features == width
    payload = deployable_payload(
        classifier, classes=("a", "b", "c"), preprocess=PREPROCESS, provenance={}
    )
    again = deployable_from(payload, "ckpt.pt").module
    logits = classifier(IMAGES)
    assert torch.equal(again(IMAGES), logits)
    torch.testing.assert_close(torch.jit.trace(classifier, IMAGES)(IMAGES), logits)
    program = torch.export.export(classifier, (IMAGES,))
    torch.testing.assert_close(program.module()(IMAGES), logits)


def test_a_checkpoint_of_before_reads_features() -> None:
    classifier = Classifier(_backbone("resnet18"), 2)
    payload = deployable_payload(
        classifier, classes=("a", "b"), preprocess=PREPROCESS, provenance={}
    )
    del payload["reads"]
    module = deployable_from(payload, "ckpt.pt").module
    assert isinstance(module, Classifier)
    assert module.reads == "features"


def test_a_cnn_has_no_blocks_to_read() -> None:
    with pytest.raises(UserError, match=r"^finetune\.reads: must be 'features' or 'normalised_"):
        Classifier(_backbone("resnet18"), 2, "last_4_blocks")


def test_a_temperature_divides_the_logits_and_changes_no_answer() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = Classifier(Backbone("mobilenetv2", "keep", 32), 4).eval()
        images = torch.rand(3, 3, 32, 32)
    payload = deployable_payload(
        classifier, classes=tuple("abcd"), preprocess=PREPROCESS, provenance={},
        calibration={"temperature": 2.5, "images": 60},
    )  # fmt: skip
    found = deployable_from(payload, "ckpt.pt")
    with torch.inference_mode():
        expected, got = classifier(images), found.module(images)
    assert found.temperature == 2.5
    assert torch.allclose(got, expected / 2.5, atol=1e-6)
    assert torch.equal(got.argmax(dim=1), expected.argmax(dim=1))
    before = {key: value for key, value in payload.items() if key != "calibration"}
    with torch.inference_mode():
        assert torch.equal(deployable_from(before, "ckpt.pt").module(images), expected)
