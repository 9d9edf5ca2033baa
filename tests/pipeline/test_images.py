"""All stages read one store of packed images, and streaming it instead changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_run import Listener, write_recipe

from edgessl.data.load import load_dataset
from edgessl.data.store import FirstImages, MemoryStore
from edgessl.data.stream import StreamStore
from edgessl.recipe import load_recipe
from edgessl.train.place.images import Images, images_of

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Smooth pictures of three shapes: two classes, and unlabelled ones."""
    rng = np.random.default_rng(0)
    for number in range(30):
        height, width = ((48, 60), (60, 48), (50, 50))[number % 3]
        y, x = np.mgrid[0:height, 0:width]
        waves = rng.uniform(0.01, 0.05, (3, 2))
        pixels = np.stack([np.sin(a * x + b * y) for a, b in waves], -1)
        part = f"class{number % 2}" if number < 24 else "unlabeled"
        (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(((pixels + 1) * 127).astype(np.uint8))
        image.save(tmp_path / "data" / part / f"{number}.png")
    return tmp_path / "data"


def _images(folder: Path, tmp_path: Path, listener: Listener) -> Images:
    recipe = load_recipe(str(write_recipe(tmp_path)))
    return images_of(load_dataset(str(folder)), recipe, listener)


def test_labelled_images_are_the_first_of_the_same_store(folder: Path, tmp_path: Path) -> None:
    listener = Listener()
    images = _images(folder, tmp_path, listener)
    everything, labelled = images.pretraining().images, images.labelled().images
    assert isinstance(everything, MemoryStore)
    assert isinstance(labelled, FirstImages)
    assert np.shares_memory(labelled.sizes, everything.sizes)
    ids = [np.arange(len(labelled))]
    (packed,) = labelled.batches(ids, CPU)
    assert torch.equal(packed, everything.images[: len(labelled)])
    assert images.pretraining().images is everything
    assert [s for s in listener.sentences if "kept in RAM" in s] == [
        f"The pack (all images at {images.size_px} px, 0 MB) is kept in RAM."
    ]


def test_pretraining_may_see_a_few_images_and_fine_tuning_all(
    folder: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(str(write_recipe(tmp_path)), overrides=["data.max_images=7"])
    full = load_dataset(str(folder))
    few = load_dataset(str(folder), max_images=recipe.data.max_images, seed=3)
    assert (len(few.pretraining), len(few.everything)) == (7, len(full.pretraining))
    assert (few.train, few.fingerprint) == (full.train, full.fingerprint)
    count = len(full.pretraining)
    assert few.notes[-1] == f"Pretraining sees 7 of {count} images, drawn at random."
    images = images_of(few, recipe, Listener())
    seen, labelled = images.pretraining().images, images.labelled().images
    assert (len(seen), len(labelled)) == (7, len(full.train))
    assert few.drawn is not None
    (own,) = seen.batches([np.array([6, 0])], CPU)
    (same,) = images.packed.everything().batches([np.array([few.drawn[6], few.drawn[0]])], CPU)
    assert torch.equal(own, same)
    exact = images.pixels(few.pretraining).astype(float)
    nearly = images.packed_pixels("pretraining", range(7))
    assert np.abs(nearly - exact).mean() < 2.0  # of 255: the monitor's are the same images


def test_streaming_gives_the_same_images(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = _images(folder, tmp_path, Listener())
    monkeypatch.setenv("EDGESSL_PACK_LIMIT_GB", "0")
    listener = Listener()
    streamed = _images(folder, tmp_path, listener)
    ids = [np.array([3, 20, 0]), np.array([7])]
    stores = packed.pretraining().images, streamed.pretraining().images
    assert isinstance(stores[1], StreamStore)
    assert np.array_equal(stores[0].sizes, stores[1].sizes)
    for a, b in zip(*(store.batches(ids, CPU) for store in stores), strict=True):
        assert torch.equal(a, b)
    val = packed.packed_pixels("val", [1, 0])
    assert np.array_equal(streamed.packed_pixels("val", [1, 0]), val)
    assert any("decoded anew in every epoch" in sentence for sentence in listener.sentences)


@pytest.mark.parametrize("name", ["train", "val"])
def test_packed_pixels_are_nearly_the_evaluation_pixels(
    folder: Path, tmp_path: Path, name: str
) -> None:
    images = _images(folder, tmp_path, Listener())
    split = images.dataset.train if name == "train" else images.dataset.val
    chosen = list(range(len(split)))[::-1]
    exact = images.pixels(split)[chosen].astype(float)
    nearly = images.packed_pixels("train" if name == "train" else "val", chosen)
    assert nearly.shape == exact.shape
    assert np.abs(nearly - exact).mean() < 2.0  # of 255


def test_the_monitor_s_images_come_from_the_pack_alone(folder: Path, tmp_path: Path) -> None:
    listener = Listener()
    images = _images(folder, tmp_path, listener)
    images.packed_pixels("pretraining", [0, 5])
    images.packed_pixels("val", [0])
    assert "packing" in listener.stages
    assert "reading originals" not in listener.stages


def test_memory_counts_the_store_or_every_evaluated_split(folder: Path, tmp_path: Path) -> None:
    images = _images(folder, tmp_path, Listener())
    dataset, size_px = images.dataset, images.size_px
    evaluated = len(dataset.train) + len(dataset.val) + len(dataset.test)
    pixels = max(len(dataset.pretraining) * 3 * size_px**2, evaluated * 3 * 32**2)
    assert pixels <= images.ram_bytes() < pixels + 1000
