"""The difference of two accuracies that were measured on the same images."""

from __future__ import annotations

from math import sqrt

_Z = 1.959963984540054  # two-sided 95 %


def paired_difference(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Compute a 95 % interval of the difference of two accuracies on the same images.

    Only the images on which the two disagree count, so it is far narrower than what two separate
    intervals leave open.

    Args:
        gained: Images that only the second gets right.
        lost: Images that only the first gets right.
        n: All images, > 0.

    Returns:
        Lower and upper end of second minus first, in points of percent.

    Source:
        Agresti & Min 2005, doi:10.1002/sim.1781: Wald's interval with 0.5 added to each of the
        four cells.
    """
    more, less, total = gained + 0.5, lost + 0.5, n + 2.0
    difference = (more - less) / total
    variance = ((more + less) - (more - less) ** 2 / total) / total**2
    half = _Z * sqrt(variance)
    return 100 * max(-1.0, difference - half), 100 * min(1.0, difference + half)
