"""What a run or the cache remembers is believed only as far as it can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import Listener, write_recipe

from edgessl.errors import UserError
from edgessl.pipeline import suggest as story
from edgessl.pipeline.results import Run
from edgessl.pipeline.suggest import MEASURED, suggest
from edgessl.recipe import load_recipe
from edgessl.runs.folder import RunFolder
from edgessl.train.place import choose_engine

NAMES = ("fp32 channels_last", "fp32 contiguous", "bf16 channels_last", "bf16 contiguous")
ROW = {**dict.fromkeys(MEASURED, 1.0), "size_mb": 9.0, "noise_grade": "A"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "times", [[], 3, "x", {}, {NAMES[0]: 1.0}, dict.fromkeys(NAMES, "1"), dict.fromkeys(NAMES, 0)]
)
def test_damaged_times_of_engines_are_measured_anew(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, times: Any
) -> None:
    monkeypatch.setattr(choose_engine, "times_of", lambda *_: [4.0, 3.0, 2.0, 1.0])
    recipe = load_recipe(str(write_recipe(tmp_path)))

    def precision() -> str:
        return choose_engine.engine_of(
            recipe, torch.device("cpu"), compiled=False, reporter=Listener()
        ).precision

    assert precision() == "bf16"
    known = json.loads((cache / "engines.json").read_text())
    (cache / "engines.json").write_text(json.dumps(dict.fromkeys(known, times)))
    assert precision() == "bf16"
    (cache / "engines.json").write_text("[" * 100_000)
    assert precision() == "bf16"


@pytest.mark.parametrize(
    "row", [[], {}, 3, {**ROW, "p50_ms": "1"}, {**ROW, "noise_grade": 3}, {**ROW, "size_mb": -1}]
)
def test_damaged_latencies_of_backbones_are_measured_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch, row: Any
) -> None:
    asked: list[str] = []

    def measure(name: str, *_more: object) -> dict[str, Any]:
        asked.append(name)
        return dict(ROW)

    monkeypatch.setattr(story, "_measure", measure)
    suggest("9 MB", image_px=32)
    first = len(asked)
    known = json.loads((cache / "bench.json").read_text())
    damaged = {key: dict.fromkeys(rows, row) for key, rows in known.items()}
    for content in (damaged, dict.fromkeys(known, 3), []):
        (cache / "bench.json").write_text(json.dumps(content))
        asked.clear()
        assert len(suggest("9 MB", image_px=32)["backbones"]) == first
        assert len(asked) == first


RUNS: dict[str, Any] = {
    "no table": [],
    "identity: input should be": {"identity": 3, "finished": {}},
    "recipe: field required": {"identity": {"seed": 0}, "finished": {}},
    "finished: field required": {"identity": {}},
    r"finished\.pretrain: input should be": {"identity": {}, "finished": {"pretrain": 3}},
    "seconds: field required": {"identity": {}, "finished": {"pretrain": {}}},
    "images_per_s: input should be": {
        "identity": {}, "finished": {"finetune": {"seconds": 1.0, "images_per_s": "fast"}}},
    r"scores\.knn_top1\.value: input should be": {
        "identity": {}, "finished": {"evaluate": {"scores": {
            "knn_top1": {"value": 900.0, "low": 0.0, "high": 1.0, "n": 3}}}}},
    "engine.precision: input should be": {
        "identity": {}, "finished": {}, "engine": {"device": "cpu", "precision": "fp7",
                                                   "memory_format": "contiguous"}},
}  # fmt: skip


@pytest.mark.parametrize("found", RUNS)
def test_a_run_json_of_another_shape_is_refused_by_name(tmp_path: Path, found: str) -> None:
    run = RunFolder(tmp_path / "run")
    run.write_json("run.json", RUNS[found])
    with pytest.raises(UserError, match=rf"must be the JSON that edgessl wrote, got {found}"):
        run.read()


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', "[" * 100_000, '{"scores": 3}'])
def test_a_damaged_report_is_no_finished_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(UserError, match="must be the report of a finished run"):
        _ = Run(tmp_path).report


def test_log_lines_without_a_place_are_cut(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    kept = '{"stage": "pretrain", "step": 1}'
    wild = ('{"stage": "pretrain", "step": Infinity}', "[" * 100_000, '{"step": []}', "3")
    run.write_text("log.jsonl", "\n".join((kept, *wild, "")))
    run.cut_logs("pretrain", 5, ())
    assert (tmp_path / "run/log.jsonl").read_text() == kept + "\n"
