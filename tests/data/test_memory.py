"""Decoding takes some ten bytes a pixel at most, whatever the format and the number of threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgessl.data.decode import read_image
from edgessl.data.room import Room

SIDE = 4500
MEASURE = """
import resource, sys
from pathlib import Path
from edgessl.data.decode import read_image, usable_formats
usable_formats()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_image(Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def flat(kind: str) -> Image.Image:
    if kind == "float":
        return Image.fromarray(np.full((SIDE, SIDE), 0.5, np.float32))
    if kind == "deep":
        return Image.fromarray(np.full((SIDE, SIDE), 40_000, np.uint16))
    return Image.new(kind, (SIDE, SIDE), 0)


@pytest.mark.skipif(sys.platform != "linux", reason="counts in kilobytes there")
@pytest.mark.parametrize(
    ("kind", "name"),
    [("P", "a.gif"), ("RGBA", "a.png"), ("deep", "a.png"), ("float", "a.tif"), ("LA", "a.png")],
)
def test_a_large_image_takes_ten_bytes_a_pixel(tmp_path: Path, kind: str, name: str) -> None:
    image = flat(kind)
    transparent = {"transparency": 0} if kind == "P" else {}
    image.save(tmp_path / name, **transparent)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    file_bytes = (tmp_path / name).stat().st_size
    assert (int(done.stdout) - file_bytes) / SIDE**2 < 11


@pytest.mark.parametrize("kind", ["deep", "float", "negative", "RGBA"])
def test_bands_give_the_pixels_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    draw = np.random.default_rng(0)
    pixels = {
        "deep": draw.integers(0, 65536, (60, 70)).astype(np.uint16),
        "float": draw.random((60, 70)).astype(np.float32),
        "negative": draw.normal(0, 100, (60, 70)).astype(np.float32),
        "RGBA": draw.integers(0, 256, (60, 70, 4)).astype(np.uint8),
    }[kind]
    path = tmp_path / "a.tif"
    Image.fromarray(pixels).save(path)
    whole = np.asarray(read_image(path))
    monkeypatch.setattr("edgessl.data.decode._BAND_PIXELS", 500)
    assert np.array_equal(np.asarray(read_image(path)), whole)


def test_threads_wait_until_there_is_room() -> None:
    room, inside, most = Room(10), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for pixels in (4, 3, 6):
            with room.held():
                room.take(pixels)
                with lock:
                    inside += pixels
                    most = max(most, inside)
                with lock:
                    inside -= pixels

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads)
    assert most <= 10


def test_one_image_of_any_size_gets_in_and_a_failure_gives_back() -> None:
    room = Room(10)
    with suppress(ValueError), room.held():
        room.take(1000)
        raise ValueError("damaged")
    with room.held():
        room.take(7)
        room.take(8)  # its own seven are given back first
    room.take(10**9)  # nobody holds it
