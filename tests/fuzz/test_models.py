"""Damaged models of every exported format: refused, or run; never a crash, never code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from archives import ARCHIVE, PROGRAM
from campaign import Target
from documents import JSON
from graphs import ONNX
from mutations import BYTES
from rule import command
from seeds import part_of

Hold = Callable[[Target], None]

PREDICT = {"model.onnx": 66, "model.e2e.onnx": 28, "model.ort": 22, "model.torchscript": 33,
           "model.pt2": 7}  # fmt: skip
PROFILE = {"model.onnx": 44, "model.ort": 11, "model.torchscript": 7, "model.pt2": 3}
KINDS = {".onnx": ONNX, ".ort": BYTES, ".torchscript": PROGRAM, ".pt2": ARCHIVE}


@pytest.mark.parametrize("name", PREDICT)
def test_predict(hold: Hold, seeds: Path, tmp_path: Path, name: str) -> None:
    folder = part_of(seeds, tmp_path / "seeds", f"export/{name}", "pictures/plain.png")
    hold(Target(
        f"predict-{name}", folder, {name: KINDS[Path(name).suffix]},
        command("predict", f"{{}}/{name}", "{}/plain.png", "--json", "--trust"),
        count=PREDICT[name],
        renamed=lambda new: command("predict", f"{{}}/{new}", "{}/plain.png", "--json", "--trust"),
    ))  # fmt: skip


@pytest.mark.parametrize("name", PROFILE)
def test_profile(hold: Hold, seeds: Path, tmp_path: Path, name: str) -> None:
    folder = part_of(seeds, tmp_path / "seeds", f"export/{name}")
    hold(Target(f"profile-{name}", folder, {name: KINDS[Path(name).suffix]},
                command("profile", f"{{}}/{name}", "--json", "--trust"),
                count=PROFILE[name]))  # fmt: skip


def test_eval(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "export/model.onnx", "images")
    hold(Target(
        "eval-model.onnx", folder, {"model.onnx": ONNX},
        command("eval", "{}/model.onnx", "--data", "{}/images", "--protocol", "top1", "--json"),
        count=7,
    ))  # fmt: skip


def test_only_what_the_manifest_lists_is_opened(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "export/model.torchscript",
                     "export/manifest.json", "pictures/plain.png")  # fmt: skip
    hold(Target(
        "trust", folder, {"manifest.json": (*JSON * 2, *BYTES), "model.torchscript": ARCHIVE},
        command("predict", "{}/model.torchscript", "{}/plain.png", "--json"), count=22, same=True,
    ))  # fmt: skip
