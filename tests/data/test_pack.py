"""A pack holds every image squashed to one size, is built once, and repairs itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pictures import picture, save
from PIL import Image

from edgessl.data.pack import Pack, build_pack
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.verify import verify
from edgessl.errors import UserError


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three pictures of different shapes."""
    sizes = ((40, 30), (30, 50), (32, 32))
    return [save(tmp_path / f"{i}.png", i, size) for i, size in enumerate(sizes)]


def pack(paths: Sequence[Path], size_px: int = 32, said: list[str] | None = None) -> Pack:
    digests = [found.digest for found in verify(paths)]
    return build_pack(paths, digests, size_px, say=(said if said is not None else []).append)


def test_images_are_squashed_and_sizes_kept(paths: list[Path]) -> None:
    built = pack(paths)
    assert (built.images.shape, built.images.dtype) == ((3, 3, 32, 32), np.uint8)
    assert built.sizes.tolist() == [[30, 40], [50, 30], [32, 32]]
    for i, size in enumerate(((40, 30), (30, 50), (32, 32))):
        expected = picture(i, size).resize((32, 32), Image.Resampling.BICUBIC)
        assert np.array_equal(built.images[i], np.asarray(expected).transpose(2, 0, 1))


def test_a_rotated_photograph_is_packed_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(1, (40, 20)).save(tmp_path / "a.png", exif=exif)
    built = pack([tmp_path / "a.png"], 20)
    assert built.sizes.tolist() == [[40, 20]]
    upright = picture(1, (40, 20)).transpose(Image.Transpose.ROTATE_270)
    expected = np.asarray(upright.resize((20, 20), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert np.array_equal(built.images[0], expected)


def test_a_large_jpeg_is_packed_as_if_decoded_in_full(tmp_path: Path) -> None:
    y, x = np.mgrid[0:480, 0:640]
    smooth = np.stack([x / 640, y / 480, (x + y) / 1120], -1) * 255
    Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        full = np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC), np.int16)
    built = pack([tmp_path / "a.jpg"], 64)
    assert built.sizes.tolist() == [[480, 640]]
    assert np.abs(built.images[0].transpose(1, 2, 0) - full).mean() < 1.5


def test_it_is_memory_mapped_and_read_only(paths: list[Path]) -> None:
    built = pack(paths)
    assert isinstance(built.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        built.images[0, 0, 0, 0] = 1


def test_the_second_time_it_is_opened_and_not_built(paths: list[Path]) -> None:
    first = pack(paths)
    time = first.path.stat().st_mtime_ns
    assert pack(paths).path.stat().st_mtime_ns == time


def test_other_images_order_or_size_give_another_pack(paths: list[Path]) -> None:
    places = {pack(paths).path, pack(paths[::-1]).path, pack(paths[:2]).path, pack(paths, 64).path}
    assert len(places) == 4


@pytest.mark.parametrize("damage", ["cut", "flip", "tail", "empty"])
def test_a_damaged_pack_is_built_again_with_a_word(paths: list[Path], damage: str) -> None:
    whole = pack(paths).path.read_bytes()
    changed = bytearray(whole)
    changed[{"flip": 5000}.get(damage, len(whole) - 20)] ^= 0xFF
    broken = {"cut": whole[:-1000], "empty": b""}.get(damage, bytes(changed))
    pack(paths).path.write_bytes(broken)
    said: list[str] = []
    assert pack(paths, said=said).path.read_bytes() == whole
    assert len(said) == 1
    assert "is damaged; it is built again" in said[0]


def test_nothing_is_left_of_a_build_that_fails(paths: list[Path], cache: Path) -> None:
    digests = [found.digest for found in verify(paths)]
    paths[1].write_text("gone")
    with pytest.raises(UserError, match=r"1.png: must stay as it was when it was listed"):
        build_pack(paths, digests, 32)
    assert list((cache / "packs").iterdir()) == []


def test_progress_counts_to_the_end(paths: list[Path]) -> None:
    calls: list[tuple[int, int]] = []
    digests = [found.digest for found in verify(paths)]
    build_pack(paths, digests, 16, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_evaluation_reads_the_original_files_exactly(paths: list[Path]) -> None:
    preprocess = Preprocess(resize_px=24, crop_px=20)
    decoded = decode_eval(paths, preprocess)
    assert decoded.shape == (3, 3, 20, 20)
    assert np.array_equal(decoded[1], preprocess.pixels(picture(1, (30, 50))))


def test_evaluation_names_a_file_that_is_no_image(paths: list[Path]) -> None:
    paths[2].write_text("gone")
    with pytest.raises(UserError, match=r"2.png: must be an image, got: not an image"):
        decode_eval(paths, Preprocess(24, 20))
