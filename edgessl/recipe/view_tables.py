"""What a recipe may say about views."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.schema import Table

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Strength = Annotated[float, Field(ge=0.0)]
Interpolation = Literal["bilinear", "bicubic"]


class Jitter(Table):
    """Colour jitter as torchvision defines it; the four operations run in random order.

    Attributes:
        p: Probability that a view is jittered at all.
        brightness: Factor is uniform in [1 - b, 1 + b], floored at 0.
        contrast: The same for contrast.
        saturation: The same for saturation.
        hue: Shift is uniform in [-h, h], in turns of the colour circle.
    """

    p: Probability = 0.0
    brightness: Strength = 0.0
    contrast: Strength = 0.0
    saturation: Strength = 0.0
    hue: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0


class ViewGroup(Table):
    """Views of one resolution.

    Attributes:
        count: Number of views ``V`` in the group.
        size_px: Side of each view.
        scale: Range of the crop's share of the image area.
        ratio: Range of the crop's width over height.
        interpolation: Kernel of the antialiased resize.
        flip_p: Probability of a horizontal flip.
        jitter: Colour jitter.
        gray_p: Probability of conversion to grey.
        blur_p: Probability of blur, one for each view of the group.
        blur_sigma: Range of the blur's standard deviation, in output pixels.
        solarize_p: Probability of solarisation at half range, one for each view.
    """

    count: Annotated[int, Field(ge=1)]
    size_px: Annotated[int, Field(ge=8)]
    scale: tuple[float, float]
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: Interpolation = "bilinear"
    flip_p: Probability = 0.5
    jitter: Jitter = Jitter()
    gray_p: Probability = 0.0
    blur_p: tuple[Probability, ...] = ()
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarize_p: tuple[Probability, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> ViewGroup:
        low, high = self.scale
        if not 0.0 < low <= high <= 1.0:
            raise ValueError(f"scale must be two shares, 0 < low <= high <= 1, got {self.scale}")
        if not 0.0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"ratio must be two numbers with 0 < low <= high, got {self.ratio}")
        if not 0.0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise ValueError(
                f"blur_sigma must be two numbers with 0 < low <= high, got {self.blur_sigma}"
            )
        for key in ("blur_p", "solarize_p"):
            given = len(getattr(self, key))
            if given not in (0, self.count):
                raise ValueError(f"{key} needs one probability a view ({self.count}), got {given}")
        return self
