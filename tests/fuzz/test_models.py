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

PREDICT = {"model.onnx": 120, "model.e2e.onnx": 50, "model.ort": 40, "model.torchscript": 60,
           "model.pt2": 12}  # fmt: skip
PROFILE = {"model.onnx": 80, "model.ort": 20, "model.torchscript": 12, "model.pt2": 4}
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
        count=12,
    ))  # fmt: skip


def test_only_what_the_manifest_lists_is_opened(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "export/model.torchscript",
                     "export/manifest.json", "pictures/plain.png")  # fmt: skip
    hold(Target(
        "trust", folder, {"manifest.json": (*JSON * 2, *BYTES), "model.torchscript": ARCHIVE},
        command("predict", "{}/model.torchscript", "{}/plain.png", "--json"), count=40, same=True,
    ))  # fmt: skip
