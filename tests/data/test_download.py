"""A named set appears in the cache only whole, as published, and inside of its own folder."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.request import Request

import pytest
from torchvision import datasets
from torchvision.datasets import voc

from edgessl.data import cifar, download
from edgessl.data.archives import ARCHIVES, Archive
from edgessl.data.named import list_named, named_sets, recognise
from edgessl.data.unpack import unpack
from edgessl.errors import EdgesslError, UserError

WAY_OUT = "connect to the network"


def tar_of(*members: tuple[str, bytes | str], mode: str = "w:gz") -> bytes:
    """Pack files; a text is the target of a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return bytes(buffer.getvalue())


def zip_of(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def archive_of(content: bytes, name: str = "a.tar.gz", folder: str = "") -> Archive:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Archive(f"https://example.org/{name}", md5, 1, folder)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], None]:
    """Answer for a network."""

    def start(files: dict[str, bytes]) -> None:
        def answer(request: Request, timeout: float) -> io.BytesIO:
            assert timeout > 0
            return io.BytesIO(files[request.full_url.rsplit("/", 1)[-1]])

        monkeypatch.setattr(download, "urlopen", answer)

    return start


Serve = Callable[[dict[str, bytes]], None]


def test_archives_are_unpacked_where_they_belong_and_files_stay(
    tmp_path: Path, serve: Serve
) -> None:
    first, second = tar_of(("x/a.txt", b"a")), b"matrix"
    serve({"a.tar.gz": first, "b.mat": second})
    archives = [archive_of(first, folder="s"), archive_of(second, "b.mat", "s")]
    download.download("set", archives, tmp_path / "set", WAY_OUT)
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"set/s/x/a.txt", "set/s/b.mat"}


def test_archives_inside_of_archives_are_unpacked_too(tmp_path: Path, serve: Serve) -> None:
    outer = zip_of(("in/b.tar.gz", tar_of(("x/a.txt", b"a"))), ("in/other.tar", b"left alone"))
    serve({"a.zip": outer})
    archive = replace(archive_of(outer, "a.zip", "s"), inside=("in/b.tar.gz",))
    download.download("set", [archive], tmp_path / "set", WAY_OUT)
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"set/s/x/a.txt", "set/s/in/other.tar"}


@pytest.mark.parametrize("harm", ["cut short", "exchanged"])
def test_what_is_not_as_published_never_appears(tmp_path: Path, serve: Serve, harm: str) -> None:
    good = tar_of(("x/a.txt", b"a"))
    serve({"a.tar.gz": good[:-5] if harm == "cut short" else tar_of(("x/a.txt", b"b"))})
    with pytest.raises(EdgesslError, match=r"set: the download failed .* whose MD5 is not the p"):
        download.download("set", [archive_of(good)], tmp_path / "set", WAY_OUT)
    assert list(tmp_path.iterdir()) == []


def test_a_second_file_that_fails_takes_the_first_one_with_it(
    tmp_path: Path, serve: Serve
) -> None:
    good = tar_of(("x/a.txt", b"a"))
    serve({"a.tar.gz": good, "b.tar.gz": b"no"})
    archives = [archive_of(good), replace(archive_of(good, "b.tar.gz"))]
    with pytest.raises(EdgesslError, match="the download failed"):
        download.download("set", archives, tmp_path / "set", WAY_OUT)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_stop_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return bytes(size or 0)

    monkeypatch.setattr(download, "urlopen", lambda *_arguments, **_options: Endless())
    with pytest.raises(EdgesslError, match=r"a\.tar\.gz sends more than 1 MB"):
        download.download("set", [archive_of(b"")], tmp_path / "set", WAY_OUT)
    assert list(tmp_path.iterdir()) == []


EVIL: dict[str, tuple[str, bytes]] = {
    "above, tar": ("a.tar.gz", tar_of(("../evil", b""))),
    "absolute, tar": ("a.tar.gz", tar_of(("/tmp/edgessl-evil", b""))),
    "link, tar": ("a.tar.gz", tar_of(("x", "/etc"), ("x/evil", b""))),
    "deep, tar": ("a.tar", tar_of(("x/../../evil", b""), mode="w")),
    "above, zip": ("a.zip", zip_of(("../evil", b""))),
    "absolute, zip": ("a.zip", zip_of(("/tmp/edgessl-evil", b""))),
    "of Windows, zip": ("a.zip", zip_of(("..\\evil", b""))),
    "drive, zip": ("a.zip", zip_of(("C:\\evil", b""))),
    "bomb, zip": ("a.zip", zip_of(("zeros", bytes(120_000_000)))),
    "bomb, tar": ("a.tar.gz", tar_of(("zeros", bytes(120_000_000)))),
    "no archive, tar": ("a.tgz", b"nothing"),
    "no archive, zip": ("a.zip", b"nothing"),
}


@pytest.mark.parametrize("kind", EVIL)
def test_nothing_lands_outside_of_the_folder_or_fills_the_disk(tmp_path: Path, kind: str) -> None:
    name, content = EVIL[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        unpack(tmp_path / name, tmp_path / "out" / "deeper")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / name]
    assert not Path("/tmp/edgessl-evil").exists()


def test_every_set_that_can_be_downloaded_has_checksums() -> None:
    assert ARCHIVES.keys() == {name for name, known in named_sets().items() if known.dataset}
    for name, archives in ARCHIVES.items():
        assert all(len(archive.md5) == 32 for archive in archives)
        whole_mb = named_sets()[name].download_mb
        assert abs(sum(a.size_mb for a in archives) - whole_mb) <= len(archives)


def test_addresses_and_checksums_are_torchvisions() -> None:
    def plain(name: str) -> list[tuple[str, str]]:
        return [(archive.url, archive.md5) for archive in ARCHIVES[name]]

    assert plain("pets") == list(datasets.OxfordIIITPet._RESOURCES)
    flowers = datasets.Flowers102
    assert plain("flowers") == [
        (flowers._download_url_prefix + name, md5) for name, md5 in flowers._file_dict.values()
    ]
    assert plain("dtd") == [(datasets.DTD._URL, datasets.DTD._MD5)]
    assert plain("food") == [(datasets.Food101._URL, datasets.Food101._MD5)]
    assert plain("cifar10") == [(datasets.CIFAR10.url, datasets.CIFAR10.tgz_md5)]
    assert plain("cifar100") == [(datasets.CIFAR100.url, datasets.CIFAR100.tgz_md5)]
    assert plain("aircraft")[0][0] == datasets.FGVCAircraft._URL
    table = voc.DATASET_YEAR_DICT
    assert [md5 for _, md5 in plain("voc2007")] == [table[k]["md5"] for k in ("2007", "2007-test")]


def test_a_list_that_names_files_elsewhere_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "dtd" / "dtd"
    for folder in ("images", "labels"):
        (base / folder).mkdir(parents=True)
    for name in ("train1", "val1", "test1"):
        (base / f"labels/{name}.txt").write_text("a/../../../../secret.jpg\n")
    with pytest.raises(UserError, match=r"must be a sound copy of dtd.* which lies elsewhere"):
        recognise(tmp_path)
    (base / "labels/val1.txt").write_text("/secret.jpg\n")
    with pytest.raises(UserError, match="which lies elsewhere"):
        recognise(tmp_path)


def test_a_class_of_cifar_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (base / name).write_bytes(pickle.dumps({"data": [], "labels": []}))
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": ["../../evil"]}))
    with pytest.raises(pickle.UnpicklingError, match=r"has '\.\./\.\./evil' for a class"):
        cifar.read_cifar10(base)
    assert not list(tmp_path.rglob("evil"))


def test_a_disk_that_fails_says_nothing_about_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "dtd" / "dtd"
    for folder in ("images", "labels"):
        (base / folder).mkdir(parents=True)
    for name in ("train1", "val1", "test1"):
        (base / f"labels/{name}.txt").write_text("")

    def fail(*_arguments: object, **_options: object) -> str:
        raise OSError(5, "Input/output error", str(base))

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(OSError, match="Input/output error"):
        recognise(tmp_path)


def test_nothing_is_asked_of_the_network_for_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """A set comes from the network once."""
    lists = [(f"dtd/labels/{name}1.txt", f"banded/{i}.jpg\n".encode())
             for i, name in enumerate(("train", "val", "test"))]  # fmt: skip
    content = tar_of(*lists, ("dtd/images/banded/0.jpg", b""))
    known = archive_of(content, "dtd-r1.0.1.tar.gz", "dtd")
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGESSL_DATA", raising=False)
    monkeypatch.setitem(ARCHIVES, "dtd", (known,))
    serve({known.name: content})
    assert len(list_named("dtd").entries) == 3
    serve({})
    assert len(list_named("dtd").entries) == 3
