"""Weights that were damaged, or are no finite numbers, are never started from."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_from, deployable_payload
from edgessl.errors import UserError
from edgessl.pipeline.pretrain import save_safetensors
from edgessl.pipeline.rescale import rescale
from edgessl.start import safetensors_file
from edgessl.start.begin import initialise
from edgessl.start.brought import brought_to
from edgessl.start.run_files import read_start
from edgessl.start.tensor_file import read_weights

NAME = "mobilenetv2"
PREPROCESS = {"resize_px": 32, "crop_px": 32, "interpolation": "bilinear",
              "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}  # fmt: skip

READERS: dict[str, Callable[[Path], object]] = {
    "recipe --init, early": lambda path: brought_to(str(path), NAME, 32),
    "recipe --init": lambda path: initialise(_backbone(), str(path)),
    "rescale --anchor": lambda path: read_weights(path, "--anchor"),
    "finetune": read_start,
    "rescale": lambda path: rescale(path, constant=0.5, out=path.with_name(f"out{path.suffix}")),
}


def _backbone() -> Backbone:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone(NAME, "keep", 32)


def _write(path: Path, backbone: Backbone | None = None) -> Path:
    """Write a file as a run does."""
    backbone = backbone or _backbone()
    if path.suffix == ".safetensors":
        save_safetensors(path, backbone)
        return path
    payload = deployable_payload(backbone, classes=(), preprocess=PREPROCESS, provenance={})
    checkpoint.save(path, payload)
    return path


def _flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.fixture(params=["pretrained.pt", "backbone.safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return _write(tmp_path / request.param)


@pytest.mark.parametrize("reader", READERS)
def test_a_flipped_bit_of_a_weight_is_refused(path: Path, reader: str) -> None:
    READERS[reader](path)
    size = path.stat().st_size
    for share in (0.3, 0.5, 0.7, 0.9):
        _flip(path, int(share * size))
        with pytest.raises(UserError) as refused:
            READERS[reader](path)
        _flip(path, int(share * size))
        assert str(refused.value).splitlines()[0].count(path.name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("reader", READERS)
def test_a_number_that_is_none_is_refused_by_its_tensor(
    path: Path, reader: str, value: float
) -> None:
    backbone = _backbone()
    with torch.no_grad():
        backbone.net.get_parameter("conv_stem.weight").view(-1)[5] = value
    _write(path, backbone)
    message = r"must hold finite weights, got others in conv_stem\.weight"
    with pytest.raises(UserError, match=message):
        READERS[reader](path)


def test_statistics_count_as_weights(path: Path) -> None:
    backbone = _backbone()
    backbone.net.get_buffer("bn1.running_var")[0] = float("inf")
    with pytest.raises(UserError, match=r"got others in bn1\.running_var"):
        read_start(_write(path, backbone))


def test_files_of_others_are_read_as_before(tmp_path: Path) -> None:
    """A torch file of before zip archives, and safetensors without a checksum."""
    weights: dict[str, Tensor] = dict(_backbone().net.state_dict())
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(weights, tmp_path / "other.safetensors", metadata={"format": "pt"})
    for name in ("old.pth", "other.safetensors"):
        assert initialise(_backbone(), str(tmp_path / name)).endswith("tensors loaded.")


def test_a_file_of_others_is_checked_where_it_has_checksums(tmp_path: Path) -> None:
    torch.save({"state_dict": dict(_backbone().net.state_dict())}, tmp_path / "paper.pth")
    _flip(tmp_path / "paper.pth", (tmp_path / "paper.pth").stat().st_size // 2)
    with pytest.raises(UserError, match="must be whole, got a damaged file: its content does not"):
        read_weights(tmp_path / "paper.pth", "--init")


def test_numbers_of_eight_bits_are_looked_at_too(tmp_path: Path) -> None:
    sound = torch.ones(4).to(torch.float8_e4m3fn)
    assert checkpoint.not_finite({"a": sound, "b": torch.ones(2, dtype=torch.int8)}) == ""
    assert checkpoint.not_finite({"a": torch.full((4,), torch.nan).to(sound.dtype)}) == "a"
    assert checkpoint.not_finite({"s": torch.ones(2, 2).to_sparse()}) == "s"


def test_a_compressed_archive_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = _write(tmp_path / "pretrained.pt")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pretrained/data/bomb", bytes(10_000))
    with pytest.raises(UserError, match="must be a checkpoint written by edgessl"):
        checkpoint.load(path)
    with pytest.raises(UserError, match="got a damaged file"):
        read_weights(path, "--init")


def test_a_network_that_diverged_is_not_opened(tmp_path: Path) -> None:
    backbone = _backbone()
    with torch.no_grad():
        next(backbone.parameters()).fill_(float("nan"))
    path = _write(tmp_path / "ckpt.pt", backbone)
    with pytest.raises(UserError, match=r"ckpt\.pt: must hold finite weights"):
        deployable_from(checkpoint.load(path), str(path))


WRITE = """
import sys
from pathlib import Path
import torch
from edgessl.start import safetensors_file
weights = {name: torch.arange(6.0).reshape(2, 3).T for name in "bdac"} | {"n": torch.tensor(3)}
about = {"format": "pt", "backbone": "x", "last_stage": "keep", "batchnorm_eps": "1e-05"}
safetensors_file.save(Path(sys.argv[1]), weights, about)
"""


def test_safetensors_are_the_same_to_the_bit_in_every_process(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for number, path in enumerate(paths):
        environment = {**os.environ, "PYTHONHASHSEED": str(number)}
        subprocess.run([sys.executable, "-c", WRITE, str(path)], check=True, env=environment)
    assert len({path.read_bytes() for path in paths}) == 1
    with safe_open(paths[0], framework="pt") as file:
        assert file.metadata()["last_stage"] == "keep"
        assert sorted(file.keys()) == ["a", "b", "c", "d", "n"]
    assert torch.equal(load_file(paths[0])["a"], torch.arange(6.0).reshape(2, 3).T)


def test_safetensors_may_be_read_by_whom_their_neighbours_may(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o027, 0o640)):
        before = os.umask(umask)
        try:
            path = _write(tmp_path / "backbone.safetensors")
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == mode


def test_metadata_are_under_the_checksum_too(tmp_path: Path) -> None:
    path = _write(tmp_path / "backbone.safetensors")
    changed = path.read_bytes().replace(b'"last_stage":"keep"', b'"last_stage":"keeP"')
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    with pytest.raises(ValueError, match="does not match its checksum"):
        safetensors_file.read(path)


def test_a_rescaled_file_has_a_checksum_of_its_own(tmp_path: Path) -> None:
    path, out = _write(tmp_path / "backbone.safetensors"), tmp_path / "out.safetensors"
    rescale(path, constant=0.5, out=out)
    weights, about = safetensors_file.read(out)
    assert about["rescaled_constant"] == "0.5"
    half = 0.5 * load_file(path)["conv_stem.weight"]
    assert torch.equal(weights["conv_stem.weight"], half)
