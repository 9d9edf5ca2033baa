"""The preprocessing inside a file gives Pillow's pixels, for any height and width."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from edgessl.data.original import originals
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.export.formats.front import Inside, attach_front, front_fits, open_inside
from edgessl.export.gates.preprocessing import check_preprocessing, shaped_images

KERNELS: tuple[Literal["bilinear", "bicubic"], ...] = ("bilinear", "bicubic")
SIZES = [(640, 480), (97, 131), (64, 64), (33, 40), (9, 18), (72, 72), (200, 9), (500, 1000)]
SIZES += [(300, 900), (75, 300), (24, 72), (40, 200)]  # Pillow alone may do the height first


def bare(opset: int = 20) -> Any:
    """A network that does nothing."""
    shape = ["batch", 3, "S", "S"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["logits"])], "bare",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def front(preprocess: Preprocess, folder: Path, opset: int = 20) -> Inside:
    model = attach_front(bare(opset), preprocess)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(folder / "front.onnx"))
    inside = open_inside(folder / "front.onnx")
    assert inside is not None
    return inside


def levels(preprocess: Preprocess, normalised: NDArray[np.float32]) -> NDArray[np.float64]:
    mean, std = (np.reshape(values, (3, 1, 1)) for values in (preprocess.mean, preprocess.std))
    return 255.0 * (normalised.astype(np.float64) * std + mean)


def noise(width: int, height: int) -> Image.Image:
    generator = np.random.default_rng(width)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("opset", [18, 24])
@pytest.mark.parametrize("kernel", KERNELS)
def test_noise_of_any_size_is_at_most_two_levels_from_pillow(
    kernel: Literal["bilinear", "bicubic"], opset: int, tmp_path: Path
) -> None:
    preprocess = Preprocess(72, 64, kernel)
    inside = front(preprocess, tmp_path, opset)
    for size in SIZES:
        image = noise(*size)
        got = levels(preprocess, inside(np.asarray(image)[None])[0])
        difference = np.abs(got - preprocess.pixels(image))
        assert difference.max() < 2.01, size
        assert difference.mean() < 0.1, size


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 5, 7])
def test_the_crop_is_cut_where_python_rounds_it(spare: int, tmp_path: Path) -> None:
    preprocess = Preprocess(32 + spare, 32)
    inside = front(preprocess, tmp_path)
    image = noise(32 + spare, 40 + spare)  # its size stays, so pixels are only cut out
    got = levels(preprocess, inside(np.asarray(image)[None])[0])
    assert np.abs(got - preprocess.pixels(image)).max() < 1e-3


def test_a_batch_gives_what_its_images_give(tmp_path: Path) -> None:
    inside = front(Preprocess(72, 64), tmp_path)
    batch = np.stack([np.asarray(noise(90, 70)), np.asarray(noise(90, 70))[::-1]])
    together = inside(batch)
    assert together.shape == (2, 3, 64, 64)
    assert np.array_equal(together, np.concatenate([inside(image[None]) for image in batch]))


@pytest.mark.parametrize("kernel", KERNELS)
def test_real_files_of_eight_shapes_pass_the_gate(
    kernel: Literal["bilinear", "bicubic"], real_images: Path, tmp_path: Path
) -> None:
    files = sorted((real_images / "clothing10" / "test").rglob("*.jpg"))
    preprocess = Preprocess(256, 224, kernel)
    images = shaped_images(originals(files), 224)
    assert images["portrait"].height > images["portrait"].width
    assert images["landscape"].width > images["landscape"].height
    assert min(images["tiny"].size) < 224 < 2000 < max(images["huge"].size)
    gate = check_preprocessing(front(preprocess, tmp_path), preprocess, images)
    assert gate.status == "pass", gate
    assert {"tall", "very tall"} < gate.numbers["max_levels"].keys()
    assert images["tall"].height >= 3 * images["tall"].width
    assert images["very tall"].height >= 5 * images["very tall"].width


@pytest.mark.parametrize(
    ("preprocess", "opset", "message"),
    [
        (Preprocess(72, 64), 17, "--opset: must be at least 18"),
        (Preprocess(64, 72), 20, "must have crop_px <= resize_px"),
    ],
)
def test_what_cannot_be_inside_is_refused(
    preprocess: Preprocess, opset: int, message: str
) -> None:
    assert not front_fits(opset, preprocess)
    with pytest.raises(UserError, match=message):
        attach_front(bare(opset), preprocess)
