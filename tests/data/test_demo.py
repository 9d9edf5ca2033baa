"""The demo set is the same everywhere, balanced, and cannot be told apart by raw pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgessl.data.dataset import Dataset
from edgessl.data.demo import draw
from edgessl.data.load import load_dataset
from edgessl.data.textures import TEXTURES


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The whole set, drawn once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(tmp_path_factory.mktemp("demo")))
        return load_dataset("demo", val_percent=0)


def test_twelve_classes_of_a_hundred_and_thirty(demo: Dataset) -> None:
    assert demo.classes == tuple(sorted(TEXTURES))
    assert np.bincount(demo.train.labels or ()).tolist() == [100] * 12
    assert np.bincount(demo.test.labels or ()).tolist() == [30] * 12
    assert (demo.duplicates, demo.quarantined) == (0, ())


def test_the_same_bytes_on_every_machine(demo: Dataset) -> None:
    # The digests of all files; made with numpy 2.4 on x86-64.
    assert demo.fingerprint == "5779ef5e25430ca5fd52acd378287c916d0b316f"


def test_files_hold_what_was_drawn(demo: Dataset) -> None:
    index = list(TEXTURES).index("stripes")
    drawn = draw("test", index, 7)
    path = demo.test.paths[0].parents[1] / "stripes" / "007.png"
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), drawn)


def test_one_image_depends_on_its_place_alone() -> None:
    assert np.array_equal(draw("train", 3, 5), draw("train", 3, 5))
    others = [draw("train", 3, 6), draw("train", 4, 5), draw("test", 3, 5)]
    assert all(np.abs(other - 1.0 * draw("train", 3, 5)).mean() > 10 for other in others)


def test_raw_pixels_tell_little(demo: Dataset) -> None:
    def thumbnails(paths: tuple[Path, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        small = [Image.open(path).resize((16, 16), Image.Resampling.BOX) for path in paths]
        flat = np.stack([np.asarray(image, np.float64).ravel() for image in small])
        flat -= flat.mean(axis=1, keepdims=True)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    similarity = thumbnails(demo.test.paths) @ thumbnails(demo.train.paths).T
    nearest = np.argsort(-similarity, axis=1)[:, :5]
    labels = np.array(demo.train.labels)[nearest]  # (N, 5)
    votes = (labels[:, :, None] == np.arange(12)).sum(axis=1)
    top1_percent = 100 * (votes.argmax(axis=1) == np.array(demo.test.labels)).mean()
    assert top1_percent < 25  # 11 when written; chance is 8


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_covers_the_plane_with_two_tones(name: str) -> None:
    v, u = np.mgrid[-4:4:0.05, -4:4:0.05]
    mask = TEXTURES[name](u, v, 0.5, 0.1)
    assert mask.min() == 0
    assert mask.max() == 1
    quarters = [quarter.mean() for half in np.split(mask, 2) for quarter in np.split(half, 2, 1)]
    assert min(quarters) > 0.1
    assert max(quarters) < 0.9
