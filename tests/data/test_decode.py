"""Every kind of image file becomes an upright 8-bit RGB image, and others say why they cannot."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from pictures import picture, save
from PIL import Image

from edgessl.data.decode import BadImage, read_image

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def colour(path: Path) -> tuple[int, ...]:
    image = read_image(path)
    assert (image.mode, image.size) == ("RGB", (16, 12))
    return tuple(np.asarray(image)[6, 8].tolist())


def reason(path: Path) -> str:
    with pytest.raises(BadImage) as caught:
        read_image(path)
    return str(caught.value)


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", seed=1)
    assert np.array_equal(np.asarray(read_image(path)), np.asarray(picture(1)))


@pytest.mark.parametrize("name", ["a.JPG", "a.Jpeg", "a.WEBP", "a.bmp", "a.TIFF", "a.gif", "a.ppm"])
def test_any_common_format_in_any_case(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (16, 12), RED).save(tmp_path / name)
    assert np.abs(np.subtract(colour(tmp_path / name), RED)).max() <= 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.heic"])
def test_the_content_decides_and_not_the_suffix(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (16, 12), RED).save(tmp_path / name, format="PNG")
    assert colour(tmp_path / name) == RED


def test_grey(tmp_path: Path) -> None:
    Image.new("L", (16, 12), 77).save(tmp_path / "a.png")
    assert colour(tmp_path / "a.png") == (77, 77, 77)


def test_bitmap(tmp_path: Path) -> None:
    Image.new("1", (16, 12), 1).save(tmp_path / "a.png")
    assert colour(tmp_path / "a.png") == WHITE


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path, suffix: str) -> None:
    values = np.full((12, 16), 257 * 100, np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    assert colour(tmp_path / f"a.{suffix}") == (100, 100, 100)


def test_float_grey_in_unit_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((12, 16), 0.4, np.float32)).save(tmp_path / "a.tif")
    assert colour(tmp_path / "a.tif") == (102, 102, 102)


def test_undefined_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((12, 16), np.nan, np.float32)).save(tmp_path / "a.tif")
    assert "undefined" in reason(tmp_path / "a.tif")


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 12), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert colour(tmp_path / "a.jpg") == WHITE


def test_palette(tmp_path: Path) -> None:
    Image.new("RGB", (16, 12), GREEN).convert("P").save(tmp_path / "a.png")
    assert colour(tmp_path / "a.png") == GREEN


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(tmp_path: Path, mode: str) -> None:
    Image.new("RGBA", (16, 12), (0, 0, 0, 0)).convert(mode).save(tmp_path / "a.png")
    assert colour(tmp_path / "a.png") == WHITE


def test_a_transparent_palette_lies_on_white(tmp_path: Path) -> None:
    Image.new("P", (16, 12), 0).save(tmp_path / "a.png", transparency=bytes([0]))
    assert colour(tmp_path / "a.png") == WHITE


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 12), RED), Image.new("RGB", (16, 12), GREEN)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert colour(tmp_path / "a.gif") == RED


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = Image.new("RGB", (16, 12), "black")
    upright.paste("white", (0, 0, 5, 5))  # top left, and in no other corner
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), np.asarray(upright))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", seed=1, size=(64, 64))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cannot be decoded" in reason(path)


def test_other_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("<html>404 not found</html>")
    assert reason(path) == "not an image"
    path.write_bytes(b"")
    assert reason(path) == "empty file"
    assert reason(tmp_path / "none.jpg") == "missing, or not a file"


def test_a_program_disguised_as_an_image_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert reason(tmp_path / "a.jpg") == "not an image"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert reason(tmp_path / "a.jpg") == "missing, or not a file"


@pytest.mark.parametrize(("size", "usable"), [((8, 8), True), ((7, 300), False), ((300, 7), False)])
def test_the_shorter_side_must_have_8_px(
    tmp_path: Path, size: tuple[int, int], usable: bool
) -> None:
    path = save(tmp_path / "a.png", seed=1, size=size)
    if usable:
        assert read_image(path).size == size
    else:
        assert "shorter side under 8 px" in reason(path)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused_without_decoding(tmp_path: Path, side: int) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(100))
    chunks = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, pixels, b"IEND")
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert "million pixels" in reason(tmp_path / "a.png")


def test_a_large_jpeg_is_decoded_smaller_on_request(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", seed=1, size=(640, 480))
    assert read_image(path, at_least_px=100).size == (160, 120)
    assert read_image(path, at_least_px=1000).size == (640, 480)


def test_a_damaged_exif_block_is_no_fault_of_the_pixels_and_not_worth_a_word(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    cut = exif.tobytes()[:14]  # Pillow warns of it, and warnings are errors here
    Image.new("RGB", (16, 12), RED).save(tmp_path / "a.jpg", exif=cut)
    assert np.abs(np.subtract(colour(tmp_path / "a.jpg"), RED)).max() <= 3


def test_a_palette_with_several_degrees_of_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (16, 12), 1)
    image.putpalette([*WHITE, *RED])
    image.save(tmp_path / "a.png", transparency=bytes([0, 0]))
    assert colour(tmp_path / "a.png") == WHITE
