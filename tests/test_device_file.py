"""What a file for a device says of itself is read back, by edgessl and by the bundle's program."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from edgessl import catalog
from edgessl.artifact.device_file import read_text, save
from edgessl.errors import UserError
from edgessl.export.gates.own_runtime import check_own_runtime
from edgessl.runtimes.formats import COMPANIONS_WITHOUT_METADATA, DEVICE_FORMATS
from edgessl.runtimes.process import PROGRAM

TEXT = '{"schema": 2, "classes": ["Käse & Co", "<b>", "\\"quoted\\"", "猫"]}'
CONTENT = {
    ".xml": b'<?xml version="1.0"?>\n<net name="a"><rt_info><x value="1"/></rt_info></net>',
    ".param": b"7767517\n1 1\nInput in0 0 1 in0\n",
    ".tflite": b"\x1c\x00\x00\x00TFL3" + bytes(200),
    ".pte": b"\x1c\x00\x00\x00ET12" + bytes(200),
}


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """``runtimes.py`` of the bundle, as a module."""
    spec = importlib.util.spec_from_file_location("edgessl_runtimes", catalog.root() / PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, suffix: str, text: str = TEXT) -> Path:
    path = folder / f"model{suffix}"
    parts = {other: b"weights" for other in COMPANIONS_WITHOUT_METADATA.get(suffix, ())}
    save(path, {suffix: CONTENT[suffix], **parts}, text)
    return path


@pytest.mark.parametrize("suffix", DEVICE_FORMATS)
def test_both_readers_find_what_was_written(
    suffix: str, tmp_path: Path, program: ModuleType
) -> None:
    path = write(tmp_path, suffix)
    assert read_text(path) == program.read_about(path) == TEXT


@pytest.mark.parametrize("suffix", sorted(set(CONTENT) - {".xml"}))
def test_the_model_in_front_of_it_is_untouched(suffix: str, tmp_path: Path) -> None:
    assert write(tmp_path, suffix).read_bytes().startswith(CONTENT[suffix])


@pytest.mark.parametrize("suffix", sorted(set(CONTENT) - {".xml", ".param"}))
def test_an_archive_behind_the_model_has_the_labels_for_other_programs(
    suffix: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(write(tmp_path, suffix)) as archive:
        assert archive.read("labels.txt").decode() == 'Käse & Co\n<b>\n"quoted"\n猫\n'


@pytest.mark.parametrize("suffix", sorted(set(CONTENT) - {".xml", ".param"}))
def test_an_archive_of_others_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.txt", "a")
    with pytest.raises(UserError, match="got a damaged one"):
        read_text(path)


@pytest.mark.parametrize("suffix", DEVICE_FORMATS)
def test_the_same_again_is_the_same_file(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert write(tmp_path, suffix).read_bytes() == write(tmp_path / "again", suffix).read_bytes()


def test_a_second_writing_replaces_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, ".xml")
    save(path, {".xml": path.read_bytes(), ".bin": b"weights"}, "{}")
    assert read_text(path) == "{}"


@pytest.mark.parametrize("suffix", DEVICE_FORMATS)
def test_a_file_of_others_says_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(CONTENT[suffix])
    for other in COMPANIONS_WITHOUT_METADATA.get(suffix, ()):
        path.with_suffix(other).write_bytes(b"weights")
    assert read_text(path) == ""


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    (tmp_path / "model.xml").write_bytes(b"<net><unclosed>")
    with pytest.raises(UserError, match="got a damaged one"):
        read_text(tmp_path / "model.xml")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, ".xml")
    path.with_suffix(".bin").unlink()
    with pytest.raises(UserError, match=r"must have model\.bin beside it"):
        read_text(path)


def test_the_program_knows_the_same_formats(program: ModuleType) -> None:
    assert program.PACKAGES.keys() == program.OPENERS.keys() == DEVICE_FORMATS.keys()
    for suffix, known in DEVICE_FORMATS.items():
        assert tuple(program.COMPANIONS.get(suffix, ())) == known.companions


def report(**computes: int) -> dict[str, object]:
    return {
        "runtime": "openvino", "version": "1", "computes": computes, "torch_loaded": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("precision", "computes", "status"),
    [
        ("fp32", {"f32": 53}, "pass"),
        ("fp32", {"f32": 1, "bf16": 52}, "fail"),
        ("fp16", {"f32": 53}, "pass"),
        ("fp16", {"f16": 34, "f32": 19}, "pass"),
        ("fp32", {"f16": 34, "f32": 19}, "fail"),
        ("fp16", {"bf16": 53}, "fail"),
        ("int8", {"u8": 52, "f32": 1}, "pass"),
        ("int8", {"f32": 53}, "fail"),
        ("fp32", {}, "pass"),
    ],
)
def test_what_it_really_computes_with_decides(
    precision: str, computes: dict[str, int], status: str
) -> None:
    gate = check_own_runtime(report(**computes), precision)  # type: ignore[arg-type]
    assert gate.status == status
    if computes:
        assert all(numbers in gate.finding for numbers in computes)
    else:
        assert "does not tell" in gate.finding
