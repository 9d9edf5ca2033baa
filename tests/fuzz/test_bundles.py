"""Damaged bundles: the self-test of ``run.py`` fails, and an export beside them takes care."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from archives import NPZ
from campaign import Target
from documents import JSON
from graphs import ONNX
from mutations import BYTES
from numpy.typing import NDArray
from PIL import Image
from rule import Outcome, Run, function, refuses
from seeds import part_of

from edgessl import catalog
from edgessl.artifact import open_artifact
from edgessl.export.bundle.manifest import write_record
from edgessl.export.bundle.write import (
    Origin,
    refuse_foreign,
    refuse_foreign_models,
    remove_stale_bundle,
    write_bundle,
)
from edgessl.export.product import ExportedFile, size_mb

Hold = Callable[[Target], None]

FILES = ("model.onnx", "manifest.json", "testvectors.npz", "run.py", "preprocess.json",
         "labels.txt", "requirements.txt", "MODEL_CARD.md")  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleType]:
    """The script as a module; importing it changes a limit of Pillow's."""
    limit = Image.MAX_IMAGE_PIXELS
    spec = importlib.util.spec_from_file_location(
        "run_fuzzed", catalog.root() / "export/runners/python/run.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    Image.MAX_IMAGE_PIXELS = limit


def _selftest(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run that ends with the digests of what passed, or with code 3."""

    def run(folder: Path) -> Outcome:
        monkeypatch.setattr(runner, "HERE", folder)
        said = StringIO()
        with redirect_stdout(said):
            done = function(lambda _folder: runner.selftest())(folder)
        if done.answer != "True":
            return Outcome(3 if done.answer else 1, "", said.getvalue() or "x", done.traceback)
        listed = [name for name in FILES if name != "manifest.json"]
        digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in listed]
        return Outcome(0, " ".join(digests))

    return run


def test_selftest(
    hold: Hold, seeds: Path, tmp_path: Path, runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = part_of(seeds, tmp_path / "seeds", *(f"export/{name}" for name in FILES))
    damaged = {"manifest.json": (*JSON * 3, *BYTES), "testvectors.npz": NPZ,
               "preprocess.json": (*JSON, *BYTES), "labels.txt": BYTES, "model.onnx": ONNX}
    hold(Target("selftest", folder, damaged, _selftest(runner, monkeypatch), count=66, same=True,
                codes=(3,)))  # fmt: skip


def test_an_image_on_the_device(
    hold: Hold, seeds: Path, tmp_path: Path, runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "export/model.onnx", "pictures/turned.jpg")

    def ask(place: Path) -> str:
        monkeypatch.setattr(runner, "HERE", place)
        with redirect_stdout(StringIO()):
            runner.main([str(place / "turned.jpg"), "--threads", "1"])
        return "answered"

    hold(Target("run.py", folder, {"model.onnx": ONNX, "turned.jpg": BYTES},
                refuses(runner.UserError, ask), count=44))  # fmt: skip


def test_an_export_beside_it(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    names = (*FILES, "report.json")
    folder = part_of(seeds, tmp_path / "seeds", *(f"export/{name}" for name in names),
                     "run/ckpt.pt", "run/run.json")  # fmt: skip
    (folder / "report.json").write_bytes((seeds / "run/report.json").read_bytes())
    metadata = open_artifact(folder / "model.onnx").known()

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(images), 2), np.float32)

    def ask(place: Path) -> str:
        refuse_foreign(place)
        refuse_foreign_models(place, ["model.onnx"])
        remove_stale_bundle(place)
        model = ExportedFile(place / "model.onnx", "onnx", "a test", metadata,
                             size_mb(place / "model.onnx"), opset=20)  # fmt: skip
        record: dict[str, Any] = {"checkpoint": "ckpt.pt", "files": [{"path": "model.onnx"}]}
        write_record(place, record)
        write_bundle(place, [model], Origin(place / "ckpt.pt", {}, answer, (), 1e-4, 1e-4))
        return "written"

    hold(Target(
        "export-beside", folder,
        {"manifest.json": (*JSON * 3, *BYTES), "report.json": (*JSON * 3, *BYTES),
         "run.json": (*JSON, *BYTES), "labels.txt": BYTES}, function(ask), count=28,
        writes=(*FILES, "report.json"),
    ))  # fmt: skip


