"""A real pair of runs, and a file exported from one, are compared image by image."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pipeline.stories import run_recipe
from tiny_run import Listener, request

import edgessl
from edgessl.pipeline.compare.compare import compare
from edgessl.pipeline.results import Run
from edgessl.report.compare.page import compare_page
from edgessl.runs import tested_on


@pytest.fixture(scope="module")
def other(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of another seed on half of the labels, with a baseline."""
    out = tmp_path_factory.mktemp("compared") / "other"
    wanted = request(tiny / "tiny.toml", tiny / "images", out, "finetune.epochs=1", seed=1)
    run_recipe(replace(wanted, label_percent=50.0, baselines=("random",)), Listener())
    return out


def test_a_run_records_its_test_images_in_order(finished: Path) -> None:
    found = tested_on.read(finished)
    report = json.loads((finished / "report.json").read_text())
    assert found is not None
    assert found.fingerprint == report["data"]["fingerprint"]
    assert len(found.labels) == report["scores"]["finetune_top1"]["n"]
    assert all(Path(path).is_file() for path in found.paths)
    for path, label in zip(found.paths, found.labels, strict=True):
        assert Path(path).parent.name == report["data"]["classes"][label]


def test_runs_are_paired_though_they_trained_on_other_labels(finished: Path, other: Path) -> None:
    found = compare([Run(finished), other])
    (one,) = found.sets
    assert {row.name for row in one.rows} == {"run", "other", "other random"}
    assert all(difference.low is not None for _, difference in one.choice.to_leader)
    assert one.hardest is not None
    assert one.hardest.rows == 3
    assert {gain.name for gain in one.gains} == {"class0", "class1"}
    if one.hardest.images:
        assert 'src="data:image/jpeg;base64,' in compare_page(found)


def test_a_folder_of_runs_stands_for_those_that_are_finished(
    copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    copied(tmp_path / "runs" / "a")
    half = copied(tmp_path / "runs" / "b")
    (half / "report.json").unlink()
    (tmp_path / "runs" / "notes").mkdir()
    found = compare(tmp_path / "runs")
    assert [row.name for row in found.sets[0].rows] == ["a"]
    assert found.notes == (f"Left out, because not finished: {half}.",)


@pytest.mark.filterwarnings("ignore")  # of the exporters
def test_a_file_is_paired_with_the_checkpoint_it_was_exported_from(
    copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    run = copied(tmp_path / "run")
    edgessl.export(run / "ckpt.pt", formats=("onnx",), out=run)
    found = compare([run, run / "model.onnx"])
    (one,) = found.sets
    assert {row.name: row.arm for row in one.rows} == {"run": "ours", "run/model.onnx": "file"}
    assert all(difference.low is not None for row, difference in one.choice.to_leader
               if row is not one.choice.leader)  # fmt: skip
    file = next(row for row in one.rows if row.arm == "file")
    assert file.macs is not None
    assert file.size_mb == (run / "model.onnx").stat().st_size / 1e6
    bundle = compare(tmp_path / "run", latency=())
    assert [row.arm for row in bundle.sets[0].rows] == ["ours"]  # a run stands for its arms
