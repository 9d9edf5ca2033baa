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

    @property
    def strengths(self) -> tuple[float, float, float, float]:
        """Of brightness, contrast, saturation and hue."""
        return self.brightness, self.contrast, self.saturation, self.hue


class RandAugment(Table):
    """RandAugment with cutout: operations drawn for every view of every image.

    Attributes:
        operations: That come one after the other, each drawn of 14.
        strength: Amounts are uniform up to this share of the greatest.
        cutout: A grey square has a side of up to this share of the image's; 0 for none.

    Source:
        Cubuk et al. 2020, arXiv:1909.13719, in the form of FixMatch, arXiv:2001.07685.
    """

    operations: Annotated[int, Field(ge=0, le=10)] = 2
    strength: Probability = 1.0
    cutout: Probability = 0.5


class ViewGroup(Table):
    """Views of one resolution.

    Attributes:
        count: Number of views ``V`` in the group.
        size_px: Side of each view.
        crop: How a view is cut: ``"resized"``, a crop of any size, resized (RandomResizedCrop);
            ``"random"``, ``size_px`` out of the image resized to ``resize_px`` (RandomCrop);
            ``"central"``, the same out of its middle (CenterCrop).
        scale: Range of the crop's share of the image area; with ``crop = "resized"``.
        ratio: Range of the crop's width over height; with ``crop = "resized"``.
        resize_px: Short side of the image before it is cut; with the other two.
        padding_px: Black pixels around the resized image, that a random crop may hold.
        interpolation: Kernel of the antialiased resize.
        flip_p: Probability of a horizontal flip.
        jitter: Colour jitter.
        gray_p: Probability of conversion to grey.
        gray_first: Convert to grey before the colour jitter, not after it.
        blur_p: Probability of blur, one for each view of the group.
        blur_sigma: Range of the blur's standard deviation, in output pixels.
        solarize_p: Probability of solarisation at half range, one for each view.
        rand_augment: Operations that follow all others; left out: none.
    """

    count: Annotated[int, Field(ge=1, le=1000)]
    size_px: Annotated[int, Field(ge=8, le=8192)]
    crop: Literal["resized", "random", "central"] = "resized"
    scale: tuple[float, float] | None = None
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    resize_px: Annotated[int, Field(ge=8, le=8192)] | None = None
    padding_px: Annotated[int, Field(ge=0, le=8192)] = 0
    interpolation: Interpolation = "bilinear"
    flip_p: Probability = 0.5
    jitter: Jitter = Jitter()
    gray_p: Probability = 0.0
    gray_first: bool = False
    blur_p: tuple[Probability, ...] = ()
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarize_p: tuple[Probability, ...] = ()
    rand_augment: RandAugment | None = None

    @property
    def area(self) -> tuple[float, float]:
        """Range of a view's share of the area of a square image."""
        if self.scale is not None:
            return self.scale
        share = min(1.0, self.size_px / (self.resize_px or self.size_px)) ** 2
        return share, share

    @model_validator(mode="after")
    def _check_crop(self) -> ViewGroup:
        if self.crop == "resized":
            _check_resized(self)
        else:
            _check_cut(self)
        if self.padding_px and self.crop != "random":
            raise ValueError(
                f"padding_px must be left out with crop = '{self.crop}', got {self.padding_px}; "
                "only crop = 'random' pads"
            )
        return self

    @model_validator(mode="after")
    def _check_colour(self) -> ViewGroup:
        if not 0.0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise ValueError(
                f"blur_sigma must be two numbers with 0 < low <= high, got {self.blur_sigma}"
            )
        for key in ("blur_p", "solarize_p"):
            given = len(getattr(self, key))
            if given not in (0, self.count):
                raise ValueError(
                    f"{key} needs one probability a view ({self.count}), got {given} "
                    f"({list(getattr(self, key))}); give {self.count}, or leave it out for none"
                )
        return self


def _check_resized(group: ViewGroup) -> None:
    if group.scale is None:
        raise ValueError("scale must be given with crop = 'resized', found nothing")
    low, high = group.scale
    if not 0.0 < low <= high <= 1.0:
        raise ValueError(f"scale must be two shares, 0 < low <= high <= 1, got {group.scale}")
    if not 0.0 < group.ratio[0] <= group.ratio[1]:
        raise ValueError(f"ratio must be two numbers with 0 < low <= high, got {group.ratio}")
    if group.resize_px is not None:
        raise ValueError(
            f"resize_px must be left out with crop = 'resized', got {group.resize_px}; "
            "crop = 'random' or 'central' resizes first"
        )


def _check_cut(group: ViewGroup) -> None:
    if group.scale is not None:
        raise ValueError(
            f"scale must be left out with crop = '{group.crop}', got {group.scale}; "
            "resize_px says how much of the image is cut"
        )
    if group.resize_px is None:
        raise ValueError(f"resize_px must be given with crop = '{group.crop}', found nothing")
    if group.size_px > group.resize_px + 2 * group.padding_px:
        raise ValueError(
            f"size_px must be at most resize_px + 2 padding_px "
            f"({group.resize_px + 2 * group.padding_px}), got {group.size_px}"
        )
