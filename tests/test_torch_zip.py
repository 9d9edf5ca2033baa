"""An archive of torch is refused where two readers could see different members."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch

from edgessl import checkpoint
from edgessl.errors import UserError
from edgessl.torch_zip import plain_members


def _archive(*names: str, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def _members(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [info.filename for info in plain_members(archive)]


def test_a_plain_archive_is_read() -> None:
    assert _members(_archive("a/x", "a/y")) == ["a/x", "a/y"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_archive("a/x", "a/X"), "is there twice"),
        (_archive("a/x", compression=zipfile.ZIP_DEFLATED), "is compressed"),
        (_archive("a/x") * 2, "does not begin with its first record"),
        (b"PK\3\4" + _archive("a/x"), "does not begin with its first record"),
        (_archive(), "does not begin with its first record"),
    ],
    ids=["twice", "compressed", "two archives", "bytes before it", "empty"],  # bytes hold the time
)  # fmt: skip
def test_others_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _members(content)


def test_weights_behind_a_sound_checkpoint_have_no_checksum_to_hide_behind(tmp_path: Path) -> None:
    """Torch reads the first archive of two, and Python's zip the second."""
    path = tmp_path / "ckpt.pt"
    checkpoint.save(path, {"weights": {"a": torch.zeros(64)}})
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[whole.index(bytes(256)) + 10] = 1
    path.write_bytes(bytes(damaged) + whole)
    with pytest.raises(UserError, match="must be a checkpoint written by edgessl"):
        checkpoint.load(path)
