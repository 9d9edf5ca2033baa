"""Whether int8 is worth it on this machine, said honestly."""

from __future__ import annotations

from edgessl.export.gates.gate import Gate
from edgessl.export.int8.timed import Timed

WORTH_IT = 1.1
"""Times as fast as fp32 from which int8 is called faster, where the interval says so too."""


def check_speed(fp32_ms: float | None, int8: Timed | None, why_not: str) -> Gate:
    """Compare the latencies of the fp32 and the int8 file, measured in turns.

    Args:
        fp32_ms: Median latency of the fp32 core; None where nothing was timed.
        int8: The int8 core beside it; None likewise.
        why_not: Why nothing was timed.

    Returns:
        A gate that never fails, for a file that is only smaller is still what it says.
    """
    if fp32_ms is None or int8 is None:
        return Gate("int8 speed", "skip", why_not)
    numbers = {
        "fp32_ms": fp32_ms, "int8_ms": int8.ms, "speedup": int8.speedup, "worth_it": WORTH_IT,
        "speedup_low": int8.low, "speedup_high": int8.high,
    }
    ends = "no interval" if int8.low is None else f"{int8.low:.2f} to {int8.high:.2f}"
    measured = (
        f"{int8.ms:.2f} ms, fp32 {fp32_ms:.2f} ms: {int8.speedup:.2f} times as fast [{ends}]"
    )
    shown = int8.low is not None and int8.low > 1
    if shown and int8.speedup >= WORTH_IT:
        return Gate("int8 speed", "pass", f"{measured}, batch 1, one thread", numbers)
    return Gate(
        "int8 speed", "pass",
        f"smaller, not faster: {measured}, batch 1, one thread; use the fp32 file on a CPU like "
        "this one",
        numbers,
    )
