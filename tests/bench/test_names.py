"""Exports are all named model.onnx: what is measured of one is never taken for another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgessl.bench.compare.baseline import compare, refuse_unknown
from edgessl.bench.compare.document import read_document
from edgessl.bench.compare.names import counterparts, told_apart, with_names
from edgessl.bench.page.write import bench_page
from edgessl.errors import UserError


def entry(path: str, p50_ms: float) -> dict[str, Any]:
    samples = p50_ms * np.exp(np.random.default_rng(0).normal(0, 0.01, (6, 10, 5)))
    return {"path": path, "name": Path(path).name, "threads": 1, "batch": 1, "size_mb": 1.0,
            "sha256": path, "p50_ms": float(np.median(samples)), "p90_ms": None, "p99_ms": None,
            "p50_low_ms": None, "images_per_s": 1.0,
            "samples_ms": samples.tolist(), "notes": ["odd"]}  # fmt: skip


def document(*paths: str) -> dict[str, Any]:
    """One model for each path, each a millisecond slower than the one before."""
    models = [entry(path, 1.0 + index) for index, path in enumerate(paths)]
    return {"device": {"cpu": "x"}, "models": models, "conditions": [], "comparisons": []}


def test_folders_come_before_a_name_only_where_it_repeats() -> None:
    paths = ["runs/a/model.onnx", "runs/b/model.onnx", "runs/b/model.int8.onnx", "model.onnx"]
    names = told_apart([(path, Path(path).name) for path in paths])
    assert [names[path] for path in paths] == [
        "a/model.onnx", "b/model.onnx", "model.int8.onnx", "model.onnx",
    ]  # fmt: skip
    deeper = told_apart([("x/a/fp32/m.onnx", "m.onnx"), ("x/b/fp32/m.onnx", "m.onnx")])
    assert list(deeper.values()) == ["a/fp32/m.onnx", "b/fp32/m.onnx"]
    assert told_apart([("a/m.onnx", "m.onnx")] * 2) == {"a/m.onnx": "m.onnx"}


def test_every_part_of_a_document_is_renamed() -> None:
    one = document("a/model.onnx", "b/model.onnx")
    row = {"path": "b/model.onnx", "name": "model.onnx"}
    one["comparisons"] = [{**row, "base": "model.onnx", "base_path": "a/model.onnx"}]
    one["sustained"] = one["operators"] = one["end_to_end"] = [row]
    named = with_names(one)
    assert named["comparisons"][0]["base"] == "a/model.onnx"
    for part in ("comparisons", "sustained", "operators", "end_to_end"):
        assert named[part][0]["name"] == "b/model.onnx", part
    assert with_names(named) == named


def test_a_document_from_before_is_renamed_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document("a/model.onnx", "b/model.onnx")))
    names = [one["name"] for one in read_document(path)["models"]]
    assert names == ["a/model.onnx", "b/model.onnx"]


def test_two_exports_beside_themselves_are_the_same() -> None:
    one = with_names(document("a/model.onnx", "b/model.onnx"))
    rows = compare(one, one, 10)
    assert [(row["name"], row["ratio"], row["same_file"]) for row in rows] == [
        ("a/model.onnx", 1.0, True), ("b/model.onnx", 1.0, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "then", "found"),
    [
        (["new/m.onnx"], ["old/m.onnx"], ["old/m.onnx"]),
        (["/2/a/m.onnx", "/2/b/m.onnx"], ["/1/b/m.onnx", "/1/a/m.onnx"],
         ["/1/a/m.onnx", "/1/b/m.onnx"]),
        (["b/m.onnx"], ["a/m.onnx", "b/m.onnx"], ["b/m.onnx"]),
        (["c/m.onnx"], ["a/m.onnx", "b/m.onnx"], [None]),
        (["a/m.onnx", "b/m.onnx"], ["m.onnx"], [None, None]),
        (["a/m.onnx", "c/m.onnx"], ["a/m.onnx"], ["a/m.onnx", None]),
        (["1/a/m.onnx", "2/a/m.onnx"], ["a/m.onnx"], [None, None]),
        (["m.onnx"], ["other.onnx"], [None]),
    ],
)  # fmt: skip
def test_a_counterpart_has_the_same_name_and_where_that_repeats_the_same_folder(
    now: list[str], then: list[str], found: list[str | None]
) -> None:
    pairs = counterparts(now, then)
    assert [pairs.get(path) for path in now] == found


def test_a_baseline_in_which_any_of_two_could_be_meant_is_refused() -> None:
    before = with_names(document("a/model.onnx", "b/model.onnx"))
    refuse_unknown(before, [("x/b/model.onnx", 1, 1)], "F")
    with pytest.raises(UserError) as refused:
        refuse_unknown(before, [("c/model.onnx", 1, 1)], "F")
    assert "got F with a/model.onnx (1 thread(s), batch 1), b/model.onnx (1" in str(refused.value)
    assert "the same folders where file names repeat" in str(refused.value)


def test_the_page_says_which_of_two_exports_it_means() -> None:
    text = bench_page(with_names(document("a/model.onnx", "b/model.onnx")))
    assert "a/model.onnx answers in" in text
    assert "b/model.onnx takes 2.0 times that" in text
    assert "b/model.onnx, 1 thread, batch 1: odd." in text
