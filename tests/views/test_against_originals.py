"""A view cut from the pack looks like the same view cut from the original file.

Measured on 60 images of grocery38, all 224 px (mean error of 255): 64 px views of scale (0.3, 1)
from a 96 px pack 1.7 bilinear and 1.9 bicubic; 36 px views of scale (0.05, 0.3) from 128 px 1.1.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from edgessl.data.pack import build_pack
from edgessl.recipe.view_tables import Interpolation, ViewGroup
from edgessl.rng import DrawKey
from edgessl.train.place.images import pack_size_px
from edgessl.views.params import draw_params
from edgessl.views.resample import crop_and_resize

IMAGES = 60


@pytest.fixture
def files(real_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Some images of every class of grocery38, and an empty cache."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path))
    found = sorted((real_images / "grocery38" / "train").rglob("*.jpg"))
    assert len(found) >= IMAGES
    return found[:: len(found) // IMAGES][:IMAGES]


@pytest.mark.parametrize("kernel", get_args(Interpolation))
@pytest.mark.parametrize(("size_px", "scale"), [(64, (0.3, 1.0)), (36, (0.05, 0.3))])
def test_views_at_the_lower_quartile_area_are_within_4_of_255(
    files: list[Path], kernel: Interpolation, size_px: int, scale: tuple[float, float]
) -> None:
    originals = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    short_px = int(np.median([min(pixels.shape[:2]) for pixels in originals]))
    group = ViewGroup(count=1, size_px=size_px, scale=scale, interpolation=kernel)
    digests = [hashlib.sha1(file.read_bytes()).hexdigest() for file in files]
    pack = build_pack(files, digests, pack_size_px([group], short_px))

    area = scale[0] + 0.25 * (scale[1] - scale[0])
    group = group.model_copy(update={"scale": (area, area)})
    params = draw_params(group, 0, pack.sizes, np.arange(len(files)), DrawKey(0, 0, 0))
    boxes = params.boxes[:, 0]
    packed = torch.from_numpy(np.array(pack.images)) / 255.0
    views = crop_and_resize(packed, boxes, np.zeros(len(files), bool), size_px, kernel)

    errors = []
    for pixels, box, view in zip(originals, boxes, views, strict=True):
        height, width = pixels.shape[:2]
        left, top, box_width, box_height = np.rint(box * [width, height, width, height]).astype(int)
        expected = reference.resized_crop(
            torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255.0,
            int(top), int(left), int(box_height), int(box_width),
            [size_px, size_px], InterpolationMode(kernel), antialias=True,
        )
        errors.append((view - expected.clamp(0.0, 1.0)).abs().mean().item())
    assert np.mean(errors) <= 4 / 255
    assert np.max(errors) <= 6 / 255
