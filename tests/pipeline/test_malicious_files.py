"""No file that a command takes runs code: 16 kinds of malicious pickles through every command."""

from __future__ import annotations

import io
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from shared import made_once
from tiny_run import write_images, write_recipe
from torch import nn
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.artifact import exported_program, torchscript
from edgessl.cli import app
from edgessl.errors import EdgesslError
from edgessl.runs.folder import RunFolder


class Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


class Writes(nn.Module):
    """A script that writes a file when it is run."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        torch.from_file(self.path, True, 4).fill_(1)
        return images.mean(dim=[2, 3])


def _raw(mark: Path) -> bytes:
    return pickle.dumps(Touch(mark))


def _saved(mark: Path, **options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save({"format": checkpoint.FORMAT, "version": 1, "weights": Touch(mark)}, buffer,
               **options)  # type: ignore[arg-type]  # fmt: skip
    return buffer.getvalue()


def _replaced(mark: Path) -> bytes:
    """A sound archive of torch, but for the pickle in it."""
    good, evil = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            content = _raw(mark) if name.endswith("data.pkl") else source.read(name)
            target.writestr(name, content)
    return evil.getvalue()


def _tar(mark: Path) -> bytes:
    """The format of torch 0.1."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            info.size = len(_raw(mark))
            archive.addfile(info, io.BytesIO(_raw(mark)))
    return buffer.getvalue()


def _program(mark: Path, record: str) -> bytes:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    place = mark.parent / "made.pt2"
    exported_program.save(exported_program.program_of(net, 8), place, {})
    evil = io.BytesIO()
    with zipfile.ZipFile(place) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            hit = name.endswith(record)
            target.writestr(name, _raw(mark) if hit else source.read(name))
    place.unlink()
    return evil.getvalue()


def _script(mark: Path) -> bytes:
    mark.with_name("victim").write_bytes(b"sixteen bytes ok")
    module = torch.jit.script(Writes(mark.with_name("victim")))  # type: ignore[no-untyped-call]
    place = mark.with_name("made.torchscript")
    torchscript.save(module.eval(), place, {})
    return place.read_bytes()


def _objects(mark: Path, *, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    array = np.array([Touch(mark)], dtype=object)
    if zipped:
        np.savez(buffer, array=array)
    else:
        np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


KINDS: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "a bare pickle": ("evil.pt", _raw),
    "a bare pickle, other suffix": ("evil.pth", _raw),
    "a checkpoint": ("evil.pt", _saved),
    "an archive whose pickle was replaced": ("evil.pth", _replaced),
    "a file of torch before 1.6": (
        "evil.pt", lambda mark: _saved(mark, _use_new_zipfile_serialization=False)
    ),
    "a file of torch 0.1": ("evil.pt", _tar),
    "inputs of a program": ("evil.pt2", lambda m: _program(m, "sample_inputs/model.pt")),
    "weights of a program": ("evil.pt2", lambda m: _program(m, "weights/weight_0")),
    "a script": ("evil.torchscript", _script),
    "a script under another name": ("evil.pt", _script),
    "an array of objects": ("evil.npy", lambda mark: _objects(mark, zipped=False)),
    "arrays of objects": ("evil.npz", lambda mark: _objects(mark, zipped=True)),
    "a pickle called safetensors": ("evil.safetensors", _raw),
    "a checkpoint called safetensors": ("evil.safetensors", _saved),
    "a pickle called onnx": ("evil.onnx", _raw),
    "a pickle called ort": ("evil.ort", _raw),
}  # fmt: skip
COMMANDS: dict[str, list[str]] = {
    "predict": ["predict", "FILE", "IMAGES/class0/0.png"],
    "eval": ["eval", "FILE", "--data", "IMAGES"],
    "export": ["export", "FILE", "--onnx", "--out", "OUT"],
    "profile": ["profile", "FILE"],
    "bench": ["bench", "FILE"],
    "bench --import": ["bench", "--import", "FILE"],
    "finetune": ["finetune", "FILE", "--data", "IMAGES", "--out", "OUT", "--recipe", "RECIPE"],
    "--init": ["recipe", "RECIPE", "--data", "IMAGES", "--out", "OUT", "--init", "FILE"],
    "rescale": ["rescale", "FILE", "--out", "OUT/x.pt"],
    "data": ["data", "FILE"],
    "show": ["show", "FILE"],
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images and a recipe; to read."""

    def make(folder: Path) -> None:
        write_images(folder / "images", count=4)
        write_recipe(folder)

    return made_once(tmp_path_factory, "malicious", make)


@pytest.mark.parametrize("kind", KINDS)
def test_no_command_runs_what_is_in_a_file(tmp_path: Path, inputs: Path, kind: str) -> None:
    name, make = KINDS[kind]
    mark, path = tmp_path / "RAN", tmp_path / name
    path.write_bytes(make(mark))
    assert not mark.exists()
    words = {"FILE": str(path), "IMAGES": str(inputs / "images"), "OUT": str(tmp_path / "out"),
             "RECIPE": str(inputs / "tiny.toml")}  # fmt: skip
    for command, arguments in COMMANDS.items():
        for word, value in words.items():
            arguments = [one.replace(word, value) for one in arguments]
        done = CliRunner().invoke(app, arguments)
        assert not mark.exists(), command
        assert done.exit_code != 0, command
        assert isinstance(done.exception, EdgesslError | SystemExit), (command, done.exception)
    victim = tmp_path / "victim"
    assert not victim.exists() or victim.read_bytes() == b"sixteen bytes ok"


@pytest.mark.parametrize("name", ["a.pt", "b.pt", "pretrain-end.pt", "diverged.pt"])
@pytest.mark.parametrize("kind", ["a bare pickle", "a checkpoint", "a file of torch 0.1"])
def test_a_replaced_state_runs_nothing(tmp_path: Path, name: str, kind: str) -> None:
    run, mark = RunFolder(tmp_path / "run"), tmp_path / "RAN"
    (run.path / "state" / name).write_bytes(KINDS[kind][1](mark))
    assert run.load_states("pretrain", lambda _: None) == []
    with pytest.raises(EdgesslError):
        run.load_end("pretrain")
    if name == "diverged.pt":
        with pytest.raises(EdgesslError):
            run.load_diverged("pretrain")
    run.drop_states(but="pretrain")
    assert not mark.exists()


def test_arrays_of_objects_in_a_report_run_nothing(
    tmp_path: Path, copied: Callable[[Path], Path]
) -> None:
    out, mark = copied(tmp_path / "run"), tmp_path / "RAN"
    (out / "views.npz").write_bytes(_objects(mark, zipped=True))
    CliRunner().invoke(app, ["report", str(out)])
    assert not mark.exists()
    shutil.rmtree(out)
