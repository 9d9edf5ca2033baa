"""Damaged caches: whatever is in them, the images are what they are."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from campaign import Target
from databases import DATABASE
from documents import JSON
from mutations import BYTES
from pipeline.tiny_run import Listener
from rule import function

from edgessl.data.pack import build_pack
from edgessl.data.verify import verify
from edgessl.pipeline import suggest as story
from edgessl.pipeline.suggest import MEASURED, suggest
from edgessl.recipe import load_recipe
from edgessl.train.place import choose_engine

Hold = Callable[[Target], None]

SIDE = 32


@pytest.fixture
def images(seeds: Path) -> list[Path]:
    return sorted((seeds / "images").rglob("*.png"))


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Lets the cache of a folder be used."""
    return lambda folder: monkeypatch.setenv("EDGESSL_CACHE", str(folder / "cache"))


def test_the_memory_of_files(
    hold: Hold, images: list[Path], tmp_path: Path, cached: Callable[[Path], None]
) -> None:
    folder = tmp_path / "seeds"

    def ask(place: Path) -> object:
        cached(place)
        return verify(images)

    ask(folder)
    hold(Target("verified", folder, {"cache/verified.sqlite": DATABASE}, function(ask), count=66,
                same=True, writes=("cache",)))  # fmt: skip


@pytest.mark.parametrize("unfinished", [False, True])
def test_a_pack(
    hold: Hold, images: list[Path], tmp_path: Path, cached: Callable[[Path], None],
    unfinished: bool,
) -> None:
    folder = tmp_path / "seeds"
    cached(folder)
    digests = [found.digest for found in verify(images)]

    def ask(place: Path) -> object:
        cached(place)
        pack = build_pack(images, digests, SIDE)
        return zlib.crc32(pack.images.tobytes()), pack.sizes.tolist()

    if unfinished:
        with pytest.raises(KeyboardInterrupt):
            build_pack(images, digests, SIDE, progress=_stop_at_twelve)
    else:
        ask(folder)
    files = [path for path in (folder / "cache/packs").iterdir() if path.is_file()]
    names = [str(path.relative_to(folder)) for path in files]
    assert len(names) == (2 if unfinished else 1)
    hold(Target(f"pack-{'unfinished' if unfinished else 'whole'}", folder,
                dict.fromkeys(names, BYTES), function(ask), count=44, same=True,
                writes=("cache",)))  # fmt: skip


def _stop_at_twelve(done: int, _total: int) -> None:
    if done == 12:
        raise KeyboardInterrupt


def test_what_was_measured_once(
    hold: Hold, seeds: Path, tmp_path: Path, cached: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "seeds"
    recipe = load_recipe(str(seeds / "tiny.toml"))

    def ask(place: Path) -> str:
        cached(place)
        choose_engine.engine_of(recipe, torch.device("cpu"), compiled=False, reporter=Listener())
        suggest("50 MB", image_px=32, within_s=0)
        return "chosen"

    ask(folder)
    row = {**dict.fromkeys(MEASURED, 1.0), "size_mb": 9.0, "noise_grade": "A"}
    monkeypatch.setattr(story, "_measure", lambda *_: row)
    suggest("50 MB", image_px=32)
    # What was measured in vain: how long that takes is no matter here.
    monkeypatch.setattr(choose_engine, "times_of", lambda *_: [1.0] * 4)
    damaged = {"cache/engines.json": (*JSON * 6, *BYTES), "cache/bench.json": (*JSON * 6, *BYTES)}
    hold(Target("measured", folder, damaged, function(ask), count=33, writes=("cache",)))
