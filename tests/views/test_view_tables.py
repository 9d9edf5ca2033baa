"""A view table says what crop it needs, and how much of an image that is."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.errors import UserError
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schema import validate

RESIZED = {"count": 2, "size_px": 32, "scale": [0.2, 1.0]}
CUT = {"count": 2, "size_px": 32, "crop": "random", "resize_px": 40}


@pytest.mark.parametrize(
    ("table", "change", "mistake"),
    [
        (RESIZED, {"scale": None}, "scale must be given with crop = 'resized', found nothing"),
        (RESIZED, {"resize_px": 40},
         "resize_px must be left out with crop = 'resized', got 40; crop = 'random' or 'central' "
         "resizes first"),
        (RESIZED, {"padding_px": 4},
         "padding_px must be left out with crop = 'resized', got 4; only crop = 'random' pads"),
        (CUT, {"crop": "central", "padding_px": 4},
         "padding_px must be left out with crop = 'central', got 4; only crop = 'random' pads"),
        (CUT, {"scale": [0.2, 1.0]},
         "scale must be left out with crop = 'random', got (0.2, 1.0); resize_px says how much of "
         "the image is cut"),
        (CUT, {"resize_px": None},
         "resize_px must be given with crop = 'random', found nothing"),
        (CUT, {"size_px": 48},
         "size_px must be at most resize_px + 2 padding_px (40), got 48"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_way_out(
    table: dict[str, Any], change: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(UserError) as told:
        validate(ViewGroup, table | change, "my.toml")
    assert str(told.value) == f"my.toml: 1 mistake(s)\n  the table: {mistake}"


def test_the_area_of_a_view_is_its_scale_or_what_is_cut() -> None:
    assert validate(ViewGroup, RESIZED, "my.toml").area == (0.2, 1.0)
    share = (32 / 40) ** 2
    assert validate(ViewGroup, CUT, "my.toml").area == (share, share)
    padded = {**CUT, "resize_px": 32, "size_px": 40, "padding_px": 4}
    assert validate(ViewGroup, padded, "my.toml").area == (1.0, 1.0)
