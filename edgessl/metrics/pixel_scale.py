"""How many view pixels a stretch of an image becomes, in global views against local ones."""

from __future__ import annotations

from math import log

from edgessl.recipe.view_tables import ViewGroup


def mean_pixel_scale_ratio(large: ViewGroup, small: ViewGroup) -> float:
    """Return the mean of PS_g / PS_l, 1 where both views show a pixel as large.

    PS is the area of a view over the area it was cropped from. Both areas are uniform in their
    range, so the mean is E[A_l] E[1 / A_g] (size_g / size_l)^2; that a crop may not fit into its
    image is left out, which is why SSLight, which averages over ImageNet, has 1 at slightly other
    sizes.

    Args:
        large: The global views.
        small: The local ones.

    Source:
        Tan et al., ICLR 2023, section 3.3.2, equation 1.
    """
    low, high = large.area
    inverse = 1 / low if high == low else log(high / low) / (high - low)
    return sum(small.area) / 2 * inverse * (large.size_px / small.size_px) ** 2
