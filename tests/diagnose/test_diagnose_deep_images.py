"""Images of more than 8 bits are told as each network scales them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from deep_files import save_png16, shapes
from diagnose.drawn_networks import PREPROCESS, save

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.data.load import load_dataset
from edgessl.data.value_range import ValueRange
from edgessl.pipeline.diagnose.diagnose import diagnose


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of 12 bits in two classes, and a network that was trained on 8 bits."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    for number in range(24):
        name = "ab"[number % 2]
        values = shapes(number, 4000.0).astype(np.uint16)
        save_png16(tmp_path / "photos" / name / f"{number}.png", values)
    torch.manual_seed(0)
    save(tmp_path / "eight.pt", Backbone("timm:test_efficientnet", image_px=32))
    return tmp_path


def deep(place: Path) -> Path:
    """Return the same network as of a run on these images."""
    payload = checkpoint.load(place / "eight.pt")
    scaled = replace(PREPROCESS, value_range=load_dataset(str(place / "photos")).value_range)
    checkpoint.save(place / "deep.pt", {**payload, "preprocess": scaled.to_dict()})
    return place / "deep.pt"


def notes(place: Path, *networks: Path) -> str:
    return " ".join(diagnose(networks, data=place / "photos", device="cpu").notes)


def test_a_network_of_8_bits_scales_each_file_by_its_depth(place: Path) -> None:
    told = notes(place, place / "eight.pt")
    assert "The network was trained on images of 8 bits" in told
    assert "judged over the set" not in told


def test_a_network_of_such_images_scales_them_as_the_set(place: Path) -> None:
    assert "judged over the set" in notes(place, deep(place))


def test_networks_that_differ_are_told_one_by_one(place: Path) -> None:
    told = notes(place, place / "eight.pt", deep(place))
    assert "eight.pt: The network was trained on images of 8 bits" in told
    assert "deep.pt: Values of more than 8 bits are scaled as those of" in told
    assert "judged over the set" not in told
    assert load_dataset(str(place / "photos")).value_range != ValueRange()
