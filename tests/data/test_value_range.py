"""Values of more than 8 bits are scaled by what the whole set holds, the same in every place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from deep_files import save_float, save_png16, save_tiff16, shapes
from numpy.typing import NDArray
from pictures import class_folders
from PIL import Image

from edgessl.data.dataset import Dataset
from edgessl.data.decode import read_image
from edgessl.data.load import load_dataset
from edgessl.data.pack import build_pack, pack_place
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.squash import unsquash
from edgessl.data.stream import StreamStore
from edgessl.data.value_range import ValueRange, Values, judge_alone, judge_set

Writer = Callable[[Path, NDArray[np.float64]], object]


def grey16(path: Path, values: NDArray[np.float64]) -> object:
    return save_png16(path.with_suffix(".png"), values.astype(np.uint16))


def rgb16(path: Path, values: NDArray[np.float64]) -> object:
    three = np.stack([values, values * 0.5, values[::-1]], axis=2).astype(np.uint16)
    return save_png16(path.with_suffix(".png"), three)


def rgb16_tiff(path: Path, values: NDArray[np.float64]) -> object:
    return save_tiff16(path.with_suffix(".tif"), np.stack([values] * 3, 2).astype(np.uint16))


def wide32(path: Path, values: NDArray[np.float64]) -> object:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Image.fromarray(values.astype(np.int32)).save(path.with_suffix(".tif"))


def floats(path: Path, values: NDArray[np.float64]) -> object:
    return save_float(path.with_suffix(".tif"), values)


def a_set(root: Path, write: Writer, top: float, base: float = 0.0) -> Path:
    """Write two classes; the images of one are darker, so that no image speaks for the set."""
    for number in range(12):
        write(root / "bright" / f"{number:02d}", base + shapes(number, top))
        write(root / "dark" / f"{number:02d}", base + shapes(100 + number, top / 5))
    return root


def mean_levels(dataset: Dataset) -> dict[str, float]:
    preprocess = Preprocess(24, 24, value_range=dataset.value_range)
    pixels = decode_eval(dataset.train.paths, preprocess)
    labels = np.array(dataset.train.labels)
    return {name: float(pixels[labels == i].mean()) for i, name in enumerate(dataset.classes)}


@pytest.mark.parametrize(
    ("write", "top", "expected"),
    [
        (grey16, 250, (0, 255)), (grey16, 1000, (0, 1023)), (grey16, 4000, (0, 4095)),
        (grey16, 16_000, (0, 16_383)), (grey16, 60_000, (0, 65_535)), (rgb16, 250, (0, 255)),
        (rgb16, 4000, (0, 4095)), (rgb16_tiff, 4000, (0, 4095)), (wide32, 4000, (0, 4095)),
        (floats, 250, (0, 255)), (floats, 0.99, (0, 1)), (floats, 4000, (0, 4095)),
    ],
)  # fmt: skip
def test_the_set_tells_its_depth(
    tmp_path: Path, write: Writer, top: float, expected: tuple[float, float]
) -> None:
    dataset = load_dataset(a_set(tmp_path / "set", write, top))
    assert dataset.value_range is not None
    kind = "floats" if write is floats else "integers"
    assert dataset.value_range.to_dict() == {kind: list(expected)}
    assert any(
        f"their values {expected[0]:g} to {expected[1]:g}, judged over the set" in note
        for note in dataset.notes
    )
    assert not any("nearly one colour" in note for note in dataset.notes)
    levels = mean_levels(dataset)
    assert levels["bright"] > 60
    assert 5 < levels["dark"] < levels["bright"] / 2  # dark stays dark: nothing is stretched


def test_eight_bits_in_wider_files_are_the_same_picture(tmp_path: Path) -> None:
    """16-bit PNG and float TIFF of one photograph, as the 8-bit file shows it."""
    for number in range(12):
        grey = shapes(number, 255).round().clip(0, 255)
        for cls in ("a", "b"):
            grey16(tmp_path / "set" / cls / f"{number:02d}", np.roll(grey, ord(cls)))
            floats(tmp_path / "set" / cls / f"{number:02d}", np.roll(grey, ord(cls)))
    dataset = load_dataset(tmp_path / "set")
    expected = np.roll(shapes(3, 255).round().clip(0, 255), ord("a")).astype(np.uint8)
    for suffix in (".png", ".tif"):
        path = tmp_path / "set/a" / f"03{suffix}"
        image = read_image(path, value_range=dataset.value_range)
        assert np.array_equal(np.asarray(image)[..., 0], expected)


def test_pack_stream_and_evaluation_see_the_same(tmp_path: Path) -> None:
    dataset = load_dataset(a_set(tmp_path / "set", rgb16, 4000))
    split, scale = dataset.train, dataset.value_range
    pack = build_pack(split.paths, split.digests, 32, value_range=scale)
    stream = StreamStore(split.paths, split.digests, pack.sizes, 32, 1, scale)
    import torch

    ids = np.arange(len(split))
    (streamed,) = stream.batches([ids], torch.device("cpu"))
    assert np.array_equal(streamed.numpy(), pack.images)
    preprocess = Preprocess(24, 24, value_range=scale)
    evaluated = decode_eval(split.paths, preprocess)
    for packed, size, image in zip(pack.images, pack.sizes.tolist(), evaluated, strict=True):
        assert abs(unsquash(packed, size, preprocess).mean() - image.mean()) < 3
    assert pack.images.max() > 200


def test_another_range_is_another_pack() -> None:
    ranges = (None, ValueRange(integers=(0, 255)), ValueRange(integers=(0, 4095)))
    assert len({pack_place(["0" * 40], 32, one) for one in ranges}) == 3


def test_8_bits_say_nothing(tmp_path: Path) -> None:
    dataset = load_dataset(class_folders(tmp_path / "set", {"a": 10, "b": 10}))
    assert dataset.value_range is None
    assert "value_range" not in Preprocess(24, 24, value_range=None).to_dict()


def test_a_narrow_part_of_a_wide_depth_is_spread(tmp_path: Path) -> None:
    """A heat camera: 16 bits, values from 29,000 to 31,000."""
    dataset = load_dataset(a_set(tmp_path / "set", grey16, 2000, base=29_000))
    assert dataset.value_range is not None
    assert dataset.value_range.integers is not None
    low, high = dataset.value_range.integers
    assert 29_000 <= low < 29_100
    assert 30_500 < high <= 31_000
    assert any("A few values lie outside and are clipped" in note for note in dataset.notes)


def test_negative_values_have_their_own_range(tmp_path: Path) -> None:
    """A scanner's units: -1000 is air."""
    dataset = load_dataset(a_set(tmp_path / "set", wide32, 3000, base=-1000))
    assert dataset.value_range is not None
    assert dataset.value_range.integers is not None
    assert -1000 <= dataset.value_range.integers[0] < -900


def test_dead_pixels_are_no_depth(tmp_path: Path) -> None:
    def with_dead_pixel(path: Path, values: NDArray[np.float64]) -> object:
        values = np.kron(values, np.ones((3, 3)))
        values[0, 0] = 65_535
        return grey16(path, values)

    dataset = load_dataset(a_set(tmp_path / "set", with_dead_pixel, 4000))
    assert dataset.value_range == ValueRange(integers=(0, 4095))
    assert any("A few values lie outside" in note for note in dataset.notes)


def test_images_of_one_colour_are_told_with_a_way_out(tmp_path: Path) -> None:
    for cls, value in (("a", 3), ("b", 5)):
        for number in range(10):
            image = np.full((16, 16 + number, 3), value, np.uint8)
            path = tmp_path / "set" / cls / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    (warning,) = (note for note in load_dataset(tmp_path / "set").notes if "Warning" in note)
    assert warning.startswith("Warning: 20 of 20 images are nearly one colour each")
    assert "write them again as 8-bit images" in warning


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["png", "<", ">"])
def test_the_lower_byte_counts(tmp_path: Path, channels: int, order: str) -> None:
    if order != "png" and channels < 3:
        pytest.skip("Pillow keeps all bits of grey TIFF")
    values = np.random.default_rng(0).integers(0, 4096, (12, 16, channels)).astype(np.uint16)
    if channels in (2, 4):
        values[..., -1] = 65_535  # not transparent
    path = tmp_path / "a.file"
    if order == "png":
        save_png16(path, values[..., 0] if channels == 1 else values)
    else:
        save_tiff16(path, values, order)
    colours = values[..., :3] if channels > 2 else values[..., :1]
    expected = np.rint(colours * (255.0 / 4095)).astype(np.uint8)
    got = np.asarray(read_image(path, value_range=ValueRange(integers=(0, 4095))))
    assert np.array_equal(got, np.broadcast_to(expected, got.shape))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_keeps_its_bits(tmp_path: Path, compression: str) -> None:
    values = shapes(1, 4000).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.tif", compression=compression)
    got = np.asarray(read_image(tmp_path / "a.tif", value_range=ValueRange(integers=(0, 4095))))
    assert np.array_equal(got[..., 0], np.rint(values * (255.0 / 4095)).astype(np.uint8))


def test_transparency_of_16_bits_lies_on_white(tmp_path: Path) -> None:
    values = np.zeros((12, 16, 4), np.uint16)
    save_png16(tmp_path / "a.png", values)
    assert np.asarray(read_image(tmp_path / "a.png")).min() == 255


def test_deep_bands_give_the_pixels_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb16(tmp_path / "a", shapes(1, 4000, (60, 70)))
    whole = np.asarray(read_image(tmp_path / "a.png"))
    monkeypatch.setattr("edgessl.data.deep._BAND_PIXELS", 500)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), whole)


@pytest.mark.parametrize(
    ("kind", "low", "high", "expected"),
    [
        ("integers", 0, 255, (0, 255)), ("integers", 7, 25_700, (0, 65_535)),
        ("integers", -5, 80, (-5, 80)), ("floats", 0.2, 0.7, (0, 1)), ("floats", -0.5, 1, (-1, 1)),
        ("floats", 0, 2.5, (0, 2.5)), ("floats", 0, 1e6, (0, 1e6)),
    ],
)  # fmt: skip
def test_a_file_alone_gets_the_depth_that_holds_it(
    kind: str, low: float, high: float, expected: tuple[float, float]
) -> None:
    assert judge_alone(Values(kind, low, high, low, high)) == expected  # type: ignore[arg-type]


def test_each_kind_of_number_has_its_own_range() -> None:
    found = judge_set([
        Values("integers", 0, 4000, 0, 3900), Values("floats", 0, 1, 0, 1), Values("", 0, 9, 0, 9),
    ])  # fmt: skip
    assert found == ValueRange(integers=(0, 4095), floats=(0, 1))
    assert ValueRange.from_dict(found.to_dict()) == found
