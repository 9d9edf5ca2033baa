"""Formats of PyTorch that are programs are opened only where somebody answers for the file."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.artifact import Metadata, exported_program, open_artifact, read_metadata, torchscript
from edgessl.cli.bench import bench
from edgessl.cli.evaluate import evaluate
from edgessl.cli.predict import predict
from edgessl.cli.profile import profile
from edgessl.errors import UserError
from edgessl.export.bundle.write import refuse_foreign_models

ABOUT = Metadata(
    "logits", ("cat", "dog"),
    {"resize_px": 8, "crop_px": 8, "interpolation": "bilinear",
     "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    8, {},
)  # fmt: skip
INPUTS, WEIGHTS = "data/sample_inputs/model.pt", "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"


class Touch:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


class Overwrite(nn.Module):
    """A script that writes a file when it is run."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        torch.from_file(self.path, True, 4).fill_(1)
        return images.mean(dim=[2, 3])[:, :2]


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def write(path: Path) -> Path:
    """Write a small file of either format."""
    if path.suffix == ".pt2":
        program = exported_program.program_of(network(), 8)
        exported_program.save(program, path, {"edgessl": ABOUT.to_json()})
    else:
        module = torchscript.trace_and_freeze(network(), torch.zeros(2, 3, 8, 8))
        torchscript.save(module, path, {"edgessl": ABOUT.to_json()})
    return path


def list_in_manifest(path: Path) -> None:
    entry = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (path.parent / "manifest.json").write_text(json.dumps({"files": {path.name: entry}}))


def change(path: Path, edit: Callable[[dict[str, bytes]], None]) -> None:
    """Change the records of an archive."""
    with zipfile.ZipFile(path) as archive:
        records = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    edit(records)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(f"archive/{name}", content)


@pytest.mark.parametrize("name", ["m.pt2", "m.torchscript"])
def test_a_file_is_opened_where_a_manifest_lists_it_or_its_user_trusts_it(
    tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / name)
    with pytest.raises(UserError, match=r"in the manifest\.json .* got one without; .*--trust"):
        open_artifact(path)
    assert open_artifact(path, trust=True).metadata == ABOUT
    list_in_manifest(path)
    assert open_artifact(path).run(np.zeros((3, 3, 8, 8), np.float32)).shape == (3, 2)
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(UserError, match="got another sha256; pass the"):
        open_artifact(path)
    with pytest.raises(UserError, match="got one that it does not list"):
        open_artifact(path.rename(tmp_path / f"other{path.suffix}"))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"files": []}', '{"files": {"m.pt2": 1}}',
     '{"files": {"m.pt2": {"sha256": 0}}}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_manifest_answers_for_nothing(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "m.pt2")
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"sha256 is in the manifest\.json"):
        open_artifact(path)


@pytest.mark.parametrize("name", ["m.pt2", "m.torchscript"])
@pytest.mark.parametrize("verb", ["predict", "profile", "eval", "bench"])
def test_every_command_asks_for_trust(tmp_path: Path, verb: str, name: str) -> None:
    path = write(tmp_path / name)
    (tmp_path / "image.png").write_bytes(b"")
    arguments = {
        "predict": [predict, str(path), str(tmp_path / "image.png")],
        "profile": [profile, str(path)],
        "eval": [evaluate, str(path), "--data", str(tmp_path), "--protocol", "top1"],
        "bench": [bench, str(path)],
    }[verb]
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(arguments[0])  # type: ignore[type-var]
    refused = CliRunner().invoke(app, arguments[1:]).exception
    assert isinstance(refused, UserError)
    assert "sha256 is in the manifest.json" in str(refused)
    assert "--trust" in str(refused)
    assert len(str(refused).splitlines()) == 1
    assert "--trust" in CliRunner().invoke(app, ["--help"]).output


def test_trust_lets_profile_count(tmp_path: Path) -> None:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(profile)
    for name in ("m.pt2", "m.torchscript"):
        done = CliRunner().invoke(app, [str(write(tmp_path / name)), "--trust", "--json"])
        assert json.loads(done.stdout)["params"] == 3 * 2 * 9 + 2


def _pickled(path: Path) -> bytes:
    return pickle.dumps(Touch(path))


def _saved(path: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(Touch(path), buffer)
    return buffer.getvalue()


def _pickled_weight(records: dict[str, bytes], content: bytes) -> None:
    table = json.loads(records[WEIGHTS])
    next(iter(table["config"].values()))["use_pickle"] = True
    records[WEIGHTS] = json.dumps(table).encode()
    records["data/weights/weight_0"] = content


def _constant(records: dict[str, bytes], name: str, content: bytes) -> None:
    entry = {"path_name": name, "is_param": False, "use_pickle": True, "tensor_meta": None}
    records[CONSTANTS] = json.dumps({"config": {"c": entry}}).encode()
    records[f"data/constants/{name}"] = content


EVIL: dict[str, Callable[[dict[str, bytes], Path], None]] = {
    "pickled sample inputs": lambda r, p: r.update({INPUTS: _pickled(p)}),
    "saved sample inputs": lambda r, p: r.update({INPUTS: _saved(p)}),
    "pickled weight": lambda r, p: _pickled_weight(r, _saved(p)),
    "pickled constant": lambda r, p: _constant(r, "tensor_0", _saved(p)),
    "custom object": lambda r, p: _constant(r, "custom_obj_0", _pickled(p)),
    "opaque object": lambda r, p: _constant(r, "opaque_obj_0", _pickled(p)),
    "weights of an older format": lambda r, p: r.update({"data/weights/model.pt": _saved(p)}),
    "constants of an older format": lambda r, p: r.update({"data/constants/model.pt": _saved(p)}),
    "another model": lambda r, p: r.update(
        {"models/b.json": r["models/model.json"], "data/sample_inputs/b.pt": _saved(p)}
    ),
    "compiled code": lambda r, _: r.update({"data/aotinductor/model/a.so": b""}),
    "an archive of torch 2.7": lambda r, p: (
        r.clear(), r.update({
            "serialized_exported_program.json": b"{}", "serialized_state_dict.pt": _saved(p),
            "serialized_constants.pt": _saved(p), "serialized_example_inputs.pt": _saved(p),
        }),
    )[0],
}  # fmt: skip


@pytest.mark.parametrize("kind", EVIL)
def test_a_pickle_in_a_program_never_runs(tmp_path: Path, kind: str) -> None:
    path, mark = write(tmp_path / "m.pt2"), tmp_path / "RAN"
    change(path, lambda records: EVIL[kind](records, mark))
    list_in_manifest(path)
    for trust in (False, True):
        with pytest.raises(UserError, match=r"m.pt2: must be a program of torch.export, got"):
            open_artifact(path, trust=trust)
    assert not mark.exists()


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Two readers could take one record each."""
    path = write(tmp_path / "m.pt2")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"archive/{INPUTS.upper()}", _pickled(tmp_path / "RAN"))
    with pytest.raises(UserError, match="is there twice"):
        open_artifact(path, trust=True)


def test_a_compressed_record_is_refused(tmp_path: Path) -> None:
    """PyTorch writes none, and a few bytes of it could fill the memory."""
    path = write(tmp_path / "m.pt2")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/extra/bomb", bytes(10_000))
    with pytest.raises(UserError, match="bomb is compressed"):
        open_artifact(path, trust=True)


def test_a_script_that_writes_files_never_runs_unasked(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "m.torchscript"
    victim.write_bytes(b"thesis, 16 bytes")
    module = torch.jit.script(Overwrite(victim))  # type: ignore[no-untyped-call]
    torchscript.save(module.eval(), path, {"edgessl": ABOUT.to_json()})
    with pytest.raises(UserError, match="runs what its maker put in it"):
        open_artifact(path)
    assert read_metadata(path) == ("torchscript", ABOUT)
    refuse_foreign_models(tmp_path, ["m.torchscript"])  # an export may replace it
    assert victim.read_bytes() == b"thesis, 16 bytes"


@pytest.mark.parametrize("name", ["ckpt.pt", "start.pth"])
def test_a_script_under_the_name_of_a_checkpoint_never_runs(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "m.torchscript").rename(tmp_path / name)
    with pytest.raises(UserError, match="must be a checkpoint written by edgessl"):
        checkpoint.load(path)
    with pytest.raises(ValueError, match=r"no file of torch\.save"):
        checkpoint.read_tensors(path)
