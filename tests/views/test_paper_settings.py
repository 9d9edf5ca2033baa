"""Every view of the five papers can be written in a recipe."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
import torch

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey
from edgessl.schema import Table, validate
from edgessl.views import ViewSampler

MOCO_JITTER = "{ p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.1 }"
DINO_JITTER = "{ p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0.2, hue = 0.1 }"
SIMCLR_JITTER = "{ p = 0.8, brightness = 0.8, contrast = 0.8, saturation = 0.8, hue = 0.2 }"

PAPERS = {
    # SSLight, table 3.1 of the facts: bicubic; the ViT rows differ in scale, size and count only.
    "sslight dino and moco": f"""
        [[views]]
        count = 2
        size_px = 224
        scale = [0.3, 1.0]
        interpolation = "bicubic"
        jitter = {DINO_JITTER}
        gray_p = 0.2
        blur_p = [1.0, 0.1]
        solarize_p = [0.0, 0.2]
        [[views]]
        count = 6
        size_px = 128
        scale = [0.05, 0.3]
        interpolation = "bicubic"
        jitter = {DINO_JITTER}
        gray_p = 0.2
        blur_p = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """,
    "sslight swav baseline": f"""
        [[views]]
        count = 2
        size_px = 224
        scale = [0.14, 1.0]
        interpolation = "bicubic"
        jitter = {SIMCLR_JITTER}
        gray_p = 0.2
        blur_p = [0.5, 0.5]
        [[views]]
        count = 6
        size_px = 96
        scale = [0.05, 0.14]
        interpolation = "bicubic"
        jitter = {SIMCLR_JITTER}
        gray_p = 0.2
        blur_p = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """,
    "sslight linear probe": """
        [[views]]
        count = 1
        size_px = 224
        scale = [0.08, 1.0]
        interpolation = "bicubic"
    """,
    # ssl-small, 3.2; S3L, 3.3, has the first at 224, 112 and 56 px; AIRL, 3.4, has it for MoCo-v2.
    "moco-v2": f"""
        [[views]]
        count = 2
        size_px = 224
        scale = [0.2, 1.0]
        jitter = {MOCO_JITTER}
        gray_p = 0.2
        blur_p = [0.5, 0.5]
    """,
    "ssl-small aug+": """
        [[views]]
        count = 2
        size_px = 224
        scale = [0.2, 1.0]
        jitter = { p = 0.8, brightness = 0.8, contrast = 0.8, saturation = 0.8, hue = 0.4 }
        gray_p = 0.5
        blur_p = [0.5, 0.5]
    """,
    "ssl-small default of the script": """
        [[views]]
        count = 2
        size_px = 224
        scale = [0.2, 1.0]
        jitter = { p = 0.8, brightness = 1.2, contrast = 1.2, saturation = 1.2, hue = 0.5 }
        gray_p = 0.5
        blur_p = [1.0, 1.0]
    """,
    "s3l fine-tuning": """
        [[views]]
        count = 1
        size_px = 224
        crop = "random"
        resize_px = 256
    """,
    "s3l cifar": """
        [[views]]
        count = 1
        size_px = 32
        crop = "random"
        resize_px = 32
        padding_px = 4
    """,
    "airl moco-v1": """
        [[views]]
        count = 2
        size_px = 224
        scale = [0.2, 1.0]
        gray_p = 0.2
        gray_first = true
        jitter = { p = 1.0, brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.4 }
    """,
    "airl byol asymmetric": f"""
        [[views]]
        count = 2
        size_px = 224
        scale = [0.08, 1.0]
        jitter = {DINO_JITTER}
        gray_p = 0.2
        blur_p = [1.0, 0.1]
        solarize_p = [0.0, 0.2]
    """,
    "airl byol symmetric": f"""
        [[views]]
        count = 2
        size_px = 224
        scale = [0.08, 1.0]
        jitter = {DINO_JITTER}
        gray_p = 0.2
        blur_p = [0.5, 0.5]
        solarize_p = [0.2, 0.2]
    """,
    "cole simclr": f"""
        [[views]]
        count = 2
        size_px = 224
        scale = [0.08, 1.0]
        interpolation = "bicubic"
        jitter = {SIMCLR_JITTER}
        gray_p = 0.2
    """,
    "cole linear": """
        [[views]]
        count = 1
        size_px = 224
        crop = "central"
        resize_px = 256
        interpolation = "bicubic"
        flip_p = 0.0
    """,
}


class _Views(Table):
    views: tuple[ViewGroup, ...]


@pytest.mark.parametrize("name", PAPERS)
def test_the_setting_is_a_valid_table_and_makes_views(name: str) -> None:
    written = tomllib.loads(PAPERS[name])
    groups = validate(_Views, written, name).views
    for group, keys in zip(groups, written["views"], strict=True):
        assert group.model_fields_set == keys.keys()
    small = [
        group.model_copy(
            update={"size_px": group.size_px // 4, "resize_px": (group.resize_px or 0) // 4}
        )
        for group in groups
    ]
    packed = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), np.uint8)
    sizes = np.array([[120, 160], [90, 70]], np.int32)
    sampler = ViewSampler(small, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    views = sampler(torch.from_numpy(packed), sizes, np.arange(2), DrawKey(0, 0, 0))
    for view, group in zip(views, small, strict=True):
        assert view.shape == (group.count, 2, 3, group.size_px, group.size_px)
        assert view.isfinite().all()
        assert view.std() > 0.01
