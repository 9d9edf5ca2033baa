"""Damaged documents of a bench: imported and compared with, or refused in one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign import Target
from documents import JSON
from mutations import BYTES
from rule import command
from seeds import edit_json, part_of

from edgessl.pipeline import bench as story

Hold = Callable[[Target], None]

_DOCUMENT = (*JSON * 6, *BYTES)
_OUTPUTS = ("--csv", "{}/out.csv", "--markdown", "{}/out.md", "--html", "{}/out.html", "--json",
            "{}/out.json")  # fmt: skip


def test_import(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "bench/here.json", "bench/there.json")
    hold(Target(
        "bench-import", folder, {"here.json": _DOCUMENT, "there.json": _DOCUMENT},
        command("bench", "--import", "{}/here.json", "--import", "{}/there.json", *_OUTPUTS),
        count=82, writes=("out.",),
    ))  # fmt: skip


def test_baseline(
    hold: Hold, seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "bench/here.json", "bench/there.json",
                     "bench/quick.toml", "export/model.onnx")  # fmt: skip
    before = json.loads((folder / "here.json").read_text())
    before["models"] = before["models"][:1]
    edit_json(folder / "here.json", lambda document: document.update(before))

    def measured(*_arguments: Any, **_more: Any) -> dict[str, Any]:
        """Nothing is measured anew."""
        part = json.loads(json.dumps({key: before[key] for key in ("models", "conditions")}))
        return {**part, "comparisons": []}

    monkeypatch.setattr(story, "_measure_cell", measured)
    hold(Target(
        "bench-baseline", folder, {"here.json": _DOCUMENT, "there.json": _DOCUMENT},
        command("bench", "{}/model.onnx", "--device", "{}/quick.toml", "--baseline",
                "{}/here.json", "--import", "{}/there.json", *_OUTPUTS), count=44,
        codes=(3,), writes=("out.",),
    ))  # fmt: skip
