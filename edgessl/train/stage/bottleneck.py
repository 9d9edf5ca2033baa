"""What limits the speed of a stage, and what would help, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = {
    "waiting_share": "waiting for images",
    "views_share": "views",
    "forward_backward_share": "forward and backward",
    "optimizer_share": "optimiser",
    "teacher_share": "teacher",
    "monitor_share": "monitor",
    "saving_share": "saving",
    "loop_share": "loop",
}

_ADVICE = {
    "waiting_share": "images come too slowly from disk: make room so that the pack fits in memory",
    "views_share": "fewer or smaller views, or bilinear interpolation, would help most",
    "forward_backward_share": "the network is the limit, as it should be; smaller views, a smaller "
    "head or a faster device would help",
    "optimizer_share": "a larger batch or fewer prototypes would help",
    "teacher_share": "a larger batch or a smaller head would help",
    "monitor_share": "a larger pretrain.monitor_every_percent would help",
    "saving_share": "the disk is slow: another --out would help",
    "loop_share": "steps are so short that the loop around them shows: a larger batch would help",
}

ENOUGH_DATA_SHARE = 0.10  # up to this, faster data could hardly be noticed


def bottleneck(facts: Mapping[str, float], device: str) -> str:
    """Say where the time goes and what would help.

    Args:
        facts: From ``Meter.facts``.
        device: Type of the device, such as ``"cpu"``.

    Returns:
        Two sentences; empty before the first step.
    """
    shares = {key: facts[key] for key in _NAMES if key in facts}
    if not shares or not facts["images_per_s"]:
        return ""
    order = sorted(shares, key=lambda key: -shares[key])
    told = ", ".join(
        f"{_NAMES[key]} {100 * shares[key]:.0f} %" for key in order if shares[key] >= 0.005
    )
    limit = order[0]
    if facts["data_share"] > ENOUGH_DATA_SHARE and limit == "forward_backward_share":
        data = {key: shares[key] for key in ("waiting_share", "views_share", "loop_share")}
        limit = max(data, key=lambda key: data[key])
        where = f"data takes {100 * facts['data_share']:.0f} % of the steps"
    else:
        where = f"{_NAMES[limit]} limits on this {device}"
    return f"{facts['images_per_s']:.0f} img/s: {told}. Bottleneck: {where}; {_ADVICE[limit]}."
