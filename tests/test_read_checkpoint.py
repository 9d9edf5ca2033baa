"""A checkpoint is written whole or not at all, and any other file is refused in one sentence."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgessl import checkpoint, files
from edgessl.errors import UserError


def _bytes_of(payload: object, *, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


SOUND = _bytes_of({"format": "other", "weights": torch.ones(3)}, zipped=True)
LEGACY = _bytes_of({"format": "other", "weights": torch.ones(3)}, zipped=False)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.binary(max_size=80)
    | st.integers(0, len(SOUND) - 1).map(lambda end: SOUND[:end])
    | st.integers(0, len(LEGACY) - 1).map(lambda end: LEGACY[:end])
    | st.tuples(st.integers(0, len(LEGACY) - 1), st.integers(0, 255)).map(
        lambda change: LEGACY[: change[0]] + bytes([change[1]]) + LEGACY[change[0] + 1 :]
    )
)
def test_whatever_the_bytes_the_message_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="must be a checkpoint written by edgessl, got something"):
        checkpoint.load(path)


def test_a_checkpoint_reads_back_as_written(tmp_path: Path) -> None:
    payload = {"weights": {"a": torch.arange(3.0)}, "classes": ["x"], "step": 3, "meter": [0.5]}
    checkpoint.save(tmp_path / "ckpt.pt", payload)
    loaded = checkpoint.load(tmp_path / "ckpt.pt")
    assert torch.equal(loaded["weights"]["a"], torch.arange(3.0))
    assert (loaded["classes"], loaded["step"], loaded["meter"]) == (["x"], 3, [0.5])
    assert [path.name for path in tmp_path.iterdir()] == ["ckpt.pt"]


def test_no_changed_byte_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "ckpt.pt"
    weights = torch.arange(40.0)
    checkpoint.save(path, {"weights": weights, "classes": ["x"]})
    sound = path.read_bytes()
    refused = 0
    for position in range(0, len(sound), 3):
        changed = bytearray(sound)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        try:
            loaded = checkpoint.load(path)
        except UserError:
            refused += 1
        else:  # padding, or a field that no reader looks at
            assert torch.equal(loaded["weights"], weights)
            assert loaded["classes"] == ["x"]
    assert refused > 100


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.pt", "another.pt"):
        checkpoint.save(tmp_path / name, {"weights": torch.arange(3.0)})
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another.pt").read_bytes()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.pt"
    torch.save({"format": checkpoint.FORMAT, "version": checkpoint.VERSION + 1}, path)
    with pytest.raises(UserError, match=r"checkpoint version <= 1, got 2; update edgessl"):
        checkpoint.load(path)


def _fill_the_disk(path: Path) -> None:
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ckpt.pt"
    checkpoint.save(path, {"step": 1})
    with pytest.raises(UserError, match=r"must be writable, got 'No space left on device'; free"):
        _fill_the_disk(path)
    assert checkpoint.load(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["ckpt.pt"]
