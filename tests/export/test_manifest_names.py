"""Names in a `manifest.json` are no paths: nothing is deleted, replaced or opened for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgessl.errors import UserError
from edgessl.export.bundle.manifest import known_models, write_record
from edgessl.export.bundle.names import AROUND
from edgessl.export.bundle.runners import prepare_runners
from edgessl.export.bundle.write import (
    refuse_foreign,
    refuse_foreign_models,
    remove_stale_bundle,
)

THESIS = b"four years of work"
THESIS_SHA256 = hashlib.sha256(THESIS).hexdigest()
GONE = {"model.onnx": {"format": "onnx", "sha256": "0"}}
"""What makes a manifest stale: a model that is not there."""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "sub").mkdir(parents=True)
    return folder


def write_manifest(folder: Path, files: Any, checkpoint: str = "0") -> None:
    document = {
        "schema": 1, "versions": {"edgessl": "x"}, "checkpoint": {"sha256": checkpoint},
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(document))


def names_of_a_thesis(folder: Path) -> Iterator[tuple[str, Path]]:
    """Ways to write the name of a file that no export writes."""
    yield str(folder.parent / "absolute.txt"), folder.parent / "absolute.txt"
    yield "../outside.txt", folder.parent / "outside.txt"
    yield "sub/../../up.txt", folder.parent / "up.txt"
    yield "sub/thesis.txt", folder / "sub/thesis.txt"
    yield "thesis.txt", folder / "thesis.txt"
    yield "./run.py.bak", folder / "run.py.bak"
    yield "model.failed.onnx", folder / "model.failed.onnx"


@pytest.mark.parametrize("sha256", ["0", THESIS_SHA256])
def test_a_stale_bundle_takes_nothing_along_that_no_export_writes(
    bundle: Path, sha256: str
) -> None:
    theses = dict(names_of_a_thesis(bundle))
    for path in theses.values():
        path.write_bytes(THESIS)
    write_manifest(bundle, {**GONE, **{name: {"sha256": sha256} for name in theses}})
    remove_stale_bundle(bundle)
    assert [path.read_bytes() for path in theses.values()] == [THESIS] * len(theses)
    assert not (bundle / "manifest.json").exists()


def test_a_file_that_was_changed_stays_and_one_as_exported_goes(bundle: Path) -> None:
    for name in AROUND:
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_bytes(THESIS)
    (bundle / "MODEL_CARD.md").write_bytes(b"my own notes")
    write_manifest(bundle, {**GONE, **{name: {"sha256": THESIS_SHA256} for name in AROUND}})
    remove_stale_bundle(bundle)
    assert [path.name for path in bundle.rglob("*") if path.is_file()] == ["MODEL_CARD.md"]


def test_a_manifest_alone_does_not_let_an_export_replace_a_file(bundle: Path) -> None:
    names = ("run.py", "labels.txt", "model.onnx", "cpp/main.cpp")
    (bundle / "cpp").mkdir()
    for name in names:
        (bundle / name).write_bytes(THESIS)
    write_manifest(bundle, {name: {"sha256": "0"} for name in names})
    with pytest.raises(UserError, match=r"found other files named run.py, labels.txt; .* move"):
        refuse_foreign(bundle)
    with pytest.raises(UserError, match=r"found other files named model\.onnx"):
        refuse_foreign_models(bundle, ["model.onnx"])
    with pytest.raises(UserError, match=r"found other files named cpp/main\.cpp"):
        prepare_runners(bundle, ["cpp"])
    write_manifest(bundle, {name: {"sha256": THESIS_SHA256} for name in names})
    refuse_foreign(bundle)
    refuse_foreign_models(bundle, ["model.onnx"])
    prepare_runners(bundle, ["cpp"])


def test_models_of_earlier_are_those_with_a_model_s_name(bundle: Path) -> None:
    theses = dict(names_of_a_thesis(bundle))
    for path in (*theses.values(), bundle / "model.onnx"):
        path.write_bytes(THESIS)
    entry = {"format": "onnx", "sha256": THESIS_SHA256}
    write_manifest(bundle, {name: entry for name in (*theses, "model.onnx")}, checkpoint="c")
    assert known_models(bundle, "c") == {"model.onnx": entry}


@pytest.mark.parametrize("name", [None, 3, "", ".", "..", "../outside.txt", "/etc/hosts", "a/b"])
def test_a_report_keeps_no_entry_that_is_a_path(bundle: Path, name: object) -> None:
    (bundle.parent / "outside.txt").write_bytes(THESIS)
    old = {"export": {"files": [{"path": name}, {}, 3]}}
    (bundle / "report.json").write_text(json.dumps(old))
    write_record(bundle, {"files": [{"path": "model.onnx"}]})
    assert json.loads((bundle / "report.json").read_text())["export"]["files"] == [
        {"path": "model.onnx"}
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"schema": 1}', '{"schema": "1", "versions": {}, "files": {}}', "[" * 100_000,
     '{"schema": 1, "versions": {"edgessl": 1}, "checkpoint": {}, "files": {"run.py": 1}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_someone_else_s(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"found other files named manifest\.json"):
        refuse_foreign(bundle)
    remove_stale_bundle(bundle)
    assert (bundle / "manifest.json").read_text() == text
