"""Damaged images: named and left out, or decoded; a folder of them is still understood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from campaign import Target
from mutations import BYTES, splice_with
from rule import command, function
from seeds import part_of

from edgessl.data.decode import BadImage, read_image
from edgessl.errors import UserError

Hold = Callable[[Target], None]


@pytest.fixture(scope="module")
def pictures(seeds: Path) -> list[Path]:
    return sorted((seeds / "pictures").iterdir())


def test_decoding(hold: Hold, seeds: Path, pictures: list[Path]) -> None:
    kinds = (*BYTES, splice_with([path.read_bytes() for path in pictures]))

    def decode(folder: Path) -> str:
        for path in sorted(folder.iterdir()):
            try:
                pixels = np.asarray(read_image(path))
            except BadImage as bad:
                raise UserError(f"{path}: {bad}") from bad
            assert pixels.ndim == 3
            assert pixels.dtype == np.uint8
        return "decoded"

    hold(Target("image-decode", seeds / "pictures", {path.name: kinds for path in pictures},
                function(decode), count=275))  # fmt: skip


def test_predict(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "pictures/turned.jpg", "export/model.e2e.onnx")
    hold(Target(
        "image-predict", folder, {"turned.jpg": BYTES},
        command("predict", "{}/model.e2e.onnx", "{}/turned.jpg", "--json"), count=22,
        renamed=lambda name: command("predict", "{}/model.e2e.onnx", f"{{}}/{name}", "--json"),
    ))  # fmt: skip


def test_a_folder(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "images")
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.png"))][:3]
    run = command("data", "{}/images", "--json")
    hold(Target("image-folder", folder, dict.fromkeys(names, BYTES), run, count=22,
                renamed=lambda _name: run))  # fmt: skip
