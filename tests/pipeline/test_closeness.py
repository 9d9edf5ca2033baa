"""A run says where val or test are so close to train that scores on them flatter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from pipeline.stories import run_recipe
from tiny_run import Listener, request

from edgessl.pipeline.closeness import closeness_in_words


def _top1(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 5, "high": value + 5, "n": 100}


def test_nothing_is_said_of_splits_that_are_apart() -> None:
    assert not closeness_in_words({})
    tops = {"val": _top1(70.0), "test": _top1(62.0)}
    assert not closeness_in_words({"near_copies": {"val": 0, "test": 0}, "finetune_top1": tops})


def test_a_val_that_is_surely_easier_than_test_is_told() -> None:
    (said,) = closeness_in_words({"finetune_top1": {"val": _top1(80.0), "test": _top1(60.0)}})
    assert said.startswith("val is easier than test: 80.0 % [75.0, 85.0] against 60.0 % ")
    assert said.endswith("Hold whole folders or groups out with --val-group.")


def test_a_val_that_is_harder_than_test_is_no_matter() -> None:
    assert not closeness_in_words({"finetune_top1": {"val": _top1(60.0), "test": _top1(80.0)}})


def test_a_run_counts_near_copies_of_train_and_says_so(tiny: Path, tmp_path: Path) -> None:
    """The only test images are training images, encoded again."""
    data = tmp_path / "data"
    for source in sorted((tiny / "images").rglob("*.png")):
        name = f"{source.parent.name}/{source.name}"
        with Image.open(source) as image:
            split = "train"
            if source.stem in ("0", "1"):
                copy = data / "test" / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                image.point(lambda value: min(255, value + 2)).save(copy)
            (data / split / name).parent.mkdir(parents=True, exist_ok=True)
            image.save(data / split / name)
    listener = Listener()
    wanted = request(
        tiny / "tiny.toml", data, tmp_path / "run", "pretrain.epochs=1", "finetune.epochs=1",
        "data.val_percent=0",
    )  # fmt: skip
    report = run_recipe(wanted, listener)
    assert report["closeness"]["near_copies"] == {"test": 4}
    (said,) = [line for line in listener.sentences if line.startswith("4 image(s) of test look")]
    assert said in report["data"]["notes"]
