"""What accuracy the size of the images costs, as far as it is measured."""

from __future__ import annotations

MEASURED = {
    64: "linear probe 74.1 %, fine-tuned 85.1 %", 128: "linear probe 84.0 %, fine-tuned 91.4 %",
}  # fmt: skip
"""EfficientNet-Lite0 with ImageNet weights on clothing10, all labels, top-1 on test by side in px.
From ``bench/LOG.md``."""


def size_costs(size_px: int) -> str:
    """Say what is known of a size.

    Args:
        size_px: Side of the images that the network sees.
    """
    rows = [f"{px} px {score}" for px, score in MEASURED.items()]
    largest = max(MEASURED)
    told = f"{size_px} px; measured for EfficientNet-Lite0 from ImageNet on clothing10: "
    told += "; ".join(rows)
    if size_px >= largest:
        return f"{told}. Larger than {largest} px was not measured."
    times = (largest / size_px) ** 2
    return f"{told}. --size {largest} takes about {times:.2g} times as long."
