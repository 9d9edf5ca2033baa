"""`run.py` tells damage of its own files in a sentence, and its self-test then fails."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from bundled import run_bundle
from PIL import Image
from small_network import Case

from edgessl import catalog


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleType]:
    """The script as a module; importing it changes a limit of Pillow's."""
    limit = Image.MAX_IMAGE_PIXELS
    spec = importlib.util.spec_from_file_location(
        "run_damaged", catalog.root() / "export/runners/python/run.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    Image.MAX_IMAGE_PIXELS = limit


@pytest.fixture(scope="module")
def whole(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one model of those that it was exported with."""
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    kept = ("model.onnx", "manifest.json", "testvectors.npz", "run.py", "preprocess.json",
            "labels.txt", "requirements.txt")  # fmt: skip
    folder.mkdir()
    for name in kept:
        shutil.copy(case.ckpt.parent / name, folder / name)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


@pytest.fixture
def selftest(
    runner: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[], list[str]]:
    """The self-test of the folder; gives the lines of what failed."""
    monkeypatch.setattr(runner, "HERE", folder)

    def run() -> list[str]:
        passed = runner.selftest()
        lines = capsys.readouterr().out.splitlines()
        wrong = [line.removeprefix("  FAIL  ") for line in lines if line.startswith("  FAIL")]
        assert passed == (not wrong)
        assert lines[-1].startswith("self-test: ")
        return wrong

    return run


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    change(document)
    (folder / "manifest.json").write_text(json.dumps(document))


Change = Callable[[dict[str, Any], dict[str, Any]], object]


def change_vectors(folder: Path, change: Change) -> None:
    """Change arrays and their description, and list the file as it is then."""
    path = folder / "testvectors.npz"
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays["about"]))
    change(arrays, about)
    if "about" in arrays:
        arrays["about"] = np.array(json.dumps(about))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    relist(folder, path.name)


def relist(folder: Path, name: str) -> None:
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    change_manifest(folder, lambda document: document["files"][name].update(sha256=digest))


def test_the_bundle_as_it_is_passes(selftest: Callable[[], list[str]]) -> None:
    assert selftest() == []


@pytest.mark.parametrize(
    "name", ["run.py", "testvectors.npz", "preprocess.json", "labels.txt", "model.onnx"]
)
def test_every_file_it_reads_must_be_listed_as_it_is(
    folder: Path, selftest: Callable[[], list[str]], name: str
) -> None:
    change_manifest(folder, lambda document: document["files"].pop(name))
    (line,) = selftest()
    assert line.startswith(f"files: manifest.json does not list {name}; copy the whole folder")


def test_a_model_that_is_not_here_must_be_listed_too(
    folder: Path, selftest: Callable[[], list[str]]
) -> None:
    change_manifest(folder, lambda document: document["files"].pop("model.e2e.onnx"))
    assert selftest()[0].startswith("files: manifest.json does not list model.e2e.onnx")


def test_an_emptied_manifest_does_not_pass(
    folder: Path, selftest: Callable[[], list[str]]
) -> None:
    change_manifest(folder, lambda document: document["files"].clear())
    assert selftest()[0].startswith("files: manifest.json does not list run.py, requirements.txt, ")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": 3}', '{"files": {"run.py": 3}}',
                                  "\ud7ff", "[" * 100_000])  # fmt: skip
def test_a_damaged_manifest_is_told(
    folder: Path, selftest: Callable[[], list[str]], text: str
) -> None:
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    (line,) = selftest()
    assert line.startswith(("files: cannot be checked, damaged (", "files: manifest.json does not"))


@pytest.mark.parametrize("name", ["/etc/hosts", "../outside.txt", "web/../../x", ".", "a\nb", ""])
def test_a_name_in_a_manifest_is_no_path(
    folder: Path, selftest: Callable[[], list[str]], name: str
) -> None:
    (folder.parent / "outside.txt").write_bytes(b"thesis")
    change_manifest(folder, lambda document: document["files"].update({name: {"sha256": "0"}}))
    (line,) = selftest()
    assert line == f"files: manifest.json has {name!r}, which is no name of a file"


VECTORS: dict[str, Change] = {
    "no description": lambda arrays, _: arrays.pop("about"),
    "an image is gone": lambda arrays, _: arrays.pop("image_1"),
    "no images": lambda _, about: about.update(images=0),
    "images in words": lambda _, about: about.update(images="five"),
    "pixels are gone": lambda arrays, _: arrays.pop("pixels"),
    "images of floats": lambda arrays, _: arrays.update(image_0=np.zeros((9, 9, 3))),
    "no models": lambda _, about: about.pop("models"),
    "models in a list": lambda _, about: about.update(models=[1]),
    "a model outside": lambda _, about: about["models"].update({"../model.onnx": {}}),
    "no preprocessing": lambda _, about: about.pop("preprocess"),
    "a crop of 0": lambda _, about: about["preprocess"].update(crop_px=0),
    "a mean of two": lambda _, about: about["preprocess"].update(mean=[0, 0]),
}
INSIDE: dict[str, Change] = {
    "pixels of another shape": lambda arrays, _: arrays.update(pixels=np.zeros((5, 3, 2, 2))),
    "outputs are gone": lambda arrays, _: arrays.pop("outputs/model.onnx"),
    "outputs of words": lambda arrays, _: arrays.update({
        "outputs/model.onnx": np.full(arrays["outputs/model.onnx"].shape, "x")}),
    "no tolerance": lambda _, about: about["models"]["model.onnx"].pop("atol"),
    "a tolerance in words": lambda _, about: about["models"]["model.onnx"].update(rtol="wide"),
}  # fmt: skip


@pytest.mark.parametrize("kind", VECTORS)
def test_vectors_that_are_not_as_they_should_be_are_told(
    folder: Path, selftest: Callable[[], list[str]], kind: str
) -> None:
    change_vectors(folder, VECTORS[kind])
    (line,) = selftest()
    assert line.startswith("testvectors.npz: must be whole, got a damaged one (")


@pytest.mark.parametrize("kind", INSIDE)
def test_one_check_that_cannot_be_done_fails_alone(
    folder: Path, selftest: Callable[[], list[str]], kind: str
) -> None:
    change_vectors(folder, INSIDE[kind])
    (line,) = selftest()
    assert ": cannot be checked, damaged (" in line


def test_bytes_of_the_vectors_are_told_with_exit_code_3(folder: Path) -> None:
    path = folder / "testvectors.npz"
    path.write_bytes(path.read_bytes()[:-400])
    done = run_bundle(folder, "--selftest")
    assert (done.returncode, done.stderr) == (3, "")
    assert "FAIL  testvectors.npz: must be whole, got a damaged one" in done.stdout
    assert "FAIL  files, against manifest.json's sha256: changed since the export" in done.stdout


def set_metadata(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        about = json.loads(model.metadata_props[0].value)
        change(about)
        model.metadata_props[0].value = json.dumps(about)

    return edit


def spoil_weights(model: Any) -> None:
    for tensor in model.graph.initializer:
        if list(tensor.dims) == [3]:
            values = np.full(3, np.nan, np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


MODELS: dict[str, tuple[Callable[[Any], None], str]] = {
    "metadata that are no JSON": (
        lambda model: setattr(model.metadata_props[0], "value", "{"), "must say its labels"),
    "no classes": (set_metadata(lambda about: about.pop("classes")), "must say its labels"),
    "a mean of words": (
        set_metadata(lambda about: about["preprocess"].update(mean="grey")), "must say its labels"),
    "a crop of another size": (
        set_metadata(lambda about: about["preprocess"].update(crop_px=9)), "must run on an image"),
    "a class too few": (
        set_metadata(lambda about: about["classes"].pop()), "one number for each of its 2 classes"),
    "NaN": (spoil_weights, "must answer with finite numbers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_a_damaged_model_is_one_sentence(
    runner: ModuleType, case: Case, folder: Path, selftest: Callable[[], list[str]], kind: str
) -> None:
    edit, words = MODELS[kind]
    model = onnx.load(str(folder / "model.onnx"))
    edit(model)
    onnx.save(model, str(folder / "model.onnx"))
    image = str(next(case.data.rglob("*.png")))
    with pytest.raises(runner.UserError, match=words) as refused:
        runner.main([image])
    assert len(str(refused.value).splitlines()) == 1
    relist(folder, "model.onnx")
    (line,) = selftest()
    assert words in line
