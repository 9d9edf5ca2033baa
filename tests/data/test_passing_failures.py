"""What fails around a file says nothing about it: the run stops, and the file is read again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pictures import class_folders, save
from PIL import ImageFile

from edgessl.data import verify as verify_module
from edgessl.data.decode import read_image
from edgessl.data.load import load_dataset
from edgessl.data.pack import build_pack
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.squash import squash
from edgessl.data.verify import verify
from edgessl.errors import EdgesslError, UserError

PASSING = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT, errno.ENOMEM)


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_arguments: object, **_more: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("number", PASSING)
def test_a_failure_of_the_system_stops_the_run_and_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", failing(OSError(number, os.strerror(number))))
        with pytest.raises(EdgesslError) as caught:
            verify([path])
    assert caught.value.exit_code == 1
    assert str(caught.value) == (
        f"{path}: must be readable, got '{os.strerror(number)}', which says nothing about the "
        "image; see to the disk or the limit it names, and start again"
    )
    assert verify([path])[0].reason == ""


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_so_does_one_inside_a_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    with monkeypatch.context() as broken:
        broken.setattr(ImageFile.ImageFile, "load", failing(OSError(number, "failed")))
        with pytest.raises(EdgesslError) as caught:
            verify([path])
    assert caught.value.exit_code == 1
    assert verify([path])[0].reason == ""


@pytest.mark.parametrize("error", [MemoryError(), OSError("out of memory error when reading")])
def test_so_does_too_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    with monkeypatch.context() as broken:
        broken.setattr(ImageFile.ImageFile, "load", failing(error))
        with pytest.raises(EdgesslError) as caught:
            verify([path])
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith(f"{path}: must fit into the memory that is free")
    assert verify([path])[0].reason == ""


def test_a_file_that_may_not_be_read_is_a_mistake_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", failing(PermissionError(errno.EACCES, "denied")))
        with pytest.raises(UserError, match=r"chmod u\+r"):
            verify([path])
    assert verify([path])[0].reason == ""


def test_a_file_that_vanished_for_a_moment_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", failing(FileNotFoundError(errno.ENOENT, "gone")))
        assert verify([path])[0].reason == "missing, or not a file"
    assert verify([path])[0].reason == ""


def test_what_decoding_says_of_the_content_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    first = verify([path])
    monkeypatch.setattr(verify_module, "_read", failing(AssertionError("read again")))
    assert verify([path]) == first
    assert first[0].reason == "not an image"


def test_what_one_decoder_refuses_another_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.webp", seed=1)
    with monkeypatch.context() as poorer:
        formats = tuple(name for name in ("JPEG", "PNG"))
        poorer.setattr("edgessl.data.decode.FORMATS", formats)
        assert verify([path])[0].reason == "not an image"
    assert verify([path])[0].reason == ""


def test_a_run_goes_on_from_what_was_checked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = class_folders(tmp_path / "set", {"a": 8, "b": 8})
    last = sorted(folder.rglob("*.png"))[-1]
    true_read = Path.read_bytes

    def read(path: Path) -> bytes:
        if path == last:
            raise OSError(errno.EIO, "Input/output error")
        return true_read(path)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", read)
        with pytest.raises(EdgesslError, match="Input/output"):
            load_dataset(folder)
    read_now: list[int] = []
    dataset = load_dataset(folder, progress=lambda _done, total: read_now.append(total))
    assert dataset.quarantined == ()
    assert read_now == [1]


def test_every_reader_of_originals_stops_in_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", seed=1)
    digest = verify([path])[0].digest
    monkeypatch.setattr(Path, "read_bytes", failing(OSError(errno.EIO, "Input/output error")))
    for reader in (
        lambda: read_image(path),
        lambda: squash(path, digest, 16),
        lambda: decode_eval([path], Preprocess(16, 16)),
        lambda: build_pack([path], [digest], 16),
    ):
        with pytest.raises(EdgesslError, match="Input/output error") as caught:
            reader()
        assert caught.value.exit_code == 1
