"""Packing goes on after a kill, and processes that want the same pack share the work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pictures import save

from edgessl.data.pack import build_pack, pack_place
from edgessl.data.pack_file import list_packs
from edgessl.data.verify import verify
from edgessl.errors import UserError

COUNT, SIZE_PX = 12, 16

BUILD = """
import os, signal, sys, time
from pathlib import Path
from edgessl.data.pack import build_pack
from edgessl.data.verify import verify

folder, stop_at, go = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
paths = sorted(folder.glob("*.png"))

def progress(done, total):
    if done == stop_at and not go:
        os.kill(os.getpid(), signal.SIGKILL)
    if done == stop_at:
        print("holding", flush=True)
        while not Path(go).exists():
            time.sleep(0.01)

build_pack(paths, [found.digest for found in verify(paths)], 16, progress=progress)
"""


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Twelve pictures."""
    return [save(tmp_path / "pictures" / f"{i:02d}.png", i, (20, 20)) for i in range(COUNT)]


def _digests(paths: list[Path]) -> list[str]:
    return [found.digest for found in verify(paths)]


def _start(paths: list[Path], stop_at: int, go: Path | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(paths[0].parent), str(stop_at), str(go or "")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _killed_at(paths: list[Path], stop_at: int) -> None:
    with _start(paths, stop_at) as process:
        assert process.wait(timeout=60) == -9


def _build(paths: list[Path]) -> tuple[bytes, list[int], list[str]]:
    """Return the pack's bytes, what progress counted, and what was said."""
    counted: list[int] = []
    said: list[str] = []
    pack = build_pack(
        paths, _digests(paths), SIZE_PX,
        progress=lambda done, total: counted.append(done), say=said.append,
    )
    assert [path.name for path in pack.path.parent.iterdir()] == [pack.path.name]
    return pack.path.read_bytes(), counted, said


def test_a_build_that_was_killed_goes_on_where_it_was(paths: list[Path]) -> None:
    whole, _, _ = _build(paths)
    pack_place(_digests(paths), SIZE_PX).unlink()
    _killed_at(paths, 5)
    again, counted, said = _build(paths)
    assert again == whole
    assert counted == list(range(6, COUNT + 1))
    assert said == [f"Going on with packing from image 5 of {COUNT}."]


@pytest.mark.parametrize("damage", ["flipped", "cut", "log", "height", "width"])
def test_it_goes_on_from_the_last_image_that_is_whole(paths: list[Path], damage: str) -> None:
    whole, _, _ = _build(paths)
    place = pack_place(_digests(paths), SIZE_PX)
    place.unlink()
    _killed_at(paths, 5)
    part, log = place.with_name(f".{place.name}.part"), place.with_name(f".{place.name}.log")
    content = bytearray(part.read_bytes())
    image_bytes = (len(content) - 16) // 5
    if damage == "flipped":
        content[16 + 3 * image_bytes + 7] ^= 1  # in the fourth image
        part.write_bytes(content)
    elif damage == "cut":
        part.write_bytes(content[: 16 + 3 * image_bytes + 100])
    elif damage in ("height", "width"):
        records = bytearray(log.read_bytes())
        records[3 * 12 + (4 if damage == "width" else 0)] ^= 1  # of the fourth image
        log.write_bytes(records)
    else:
        log.write_bytes(log.read_bytes()[:-15])  # one record and a part of another
    again, counted, _ = _build(paths)
    assert again == whole
    assert counted[0] == 4


def test_a_second_process_waits_with_a_word_and_opens_what_the_first_made(
    paths: list[Path], tmp_path: Path
) -> None:
    digests, go = _digests(paths), tmp_path / "go"
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        go.touch()  # only now may the first process finish

    with _start(paths, 3, go) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "holding\n"
        pack = build_pack(paths, digests, SIZE_PX, say=say)
        assert first.wait(timeout=60) == 0
    assert said == ["Another run is packing these images; waiting for it."]
    whole = pack.path.read_bytes()
    assert [path.name for path in pack.path.parent.iterdir()] == [pack.path.name]
    pack.path.unlink()
    assert _build(paths)[0] == whole


def test_the_lock_of_a_process_that_was_killed_is_free(paths: list[Path], tmp_path: Path) -> None:
    with _start(paths, 3, tmp_path / "never") as first:
        assert first.stdout is not None
        first.stdout.readline()
        first.kill()
    assert _build(paths)[2] == [f"Going on with packing from image 3 of {COUNT}."]


def test_a_file_deleted_after_listing_is_named(paths: list[Path], cache: Path) -> None:
    digests = _digests(paths)
    paths[4].unlink()
    with pytest.raises(UserError, match=r"04.png: must stay as it was .* got: missing"):
        build_pack(paths, digests, SIZE_PX)
    assert list((cache / "packs").iterdir()) == []


def test_a_link_is_packed_like_its_file(paths: list[Path], tmp_path: Path) -> None:
    links = []
    for path in paths:
        links.append(tmp_path / f"link-{path.name}")
        links[-1].symlink_to(path)
    assert build_pack(links, _digests(links), SIZE_PX).path == pack_place(_digests(paths), SIZE_PX)


def test_a_full_disk_ends_with_one_message_and_leaves_nothing(
    paths: list[Path], cache: Path
) -> None:
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # writes then fail, as on a full disk
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
    )
    _digests(paths)  # remembered before the limit
    command = [sys.executable, "-c", script + BUILD, str(paths[0].parent), "-1", ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "UserError" in done.stderr
    assert "cache must be writable, got 'File too large'; free some space" in done.stderr
    assert list((cache / "packs").iterdir()) == []


def test_finished_and_unfinished_packs_are_listed(paths: list[Path]) -> None:
    assert list_packs() == []
    build_pack(paths[:3], _digests(paths[:3]), 32)
    _killed_at(paths, 5)
    listed = [(pack.images, pack.size_px, pack.finished) for pack in list_packs()]
    assert listed == [(3, 32, True), (5, 16, False)]
    finished, unfinished = list_packs()
    assert finished.bytes == 16 + 3 * (3 * 32**2 + 12) + 4
    assert unfinished.bytes == 16 + 5 * 3 * 16**2
