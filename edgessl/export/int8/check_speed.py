"""Whether int8 is worth it on this machine, said honestly."""

from __future__ import annotations

from edgessl.export.gate import Gate

WORTH_IT = 1.1
"""Times as fast as fp32 from which int8 is called faster."""


def check_speed(fp32_ms: float | None, int8_ms: float | None, why_not: str) -> Gate:
    """Compare the latencies of the fp32 and the int8 file, measured in turns.

    Args:
        fp32_ms: Median latency of the fp32 core; None where nothing was timed.
        int8_ms: Of the int8 core.
        why_not: Why nothing was timed.

    Returns:
        A gate that never fails, for a file that is only smaller is still what it says.
    """
    if fp32_ms is None or int8_ms is None:
        return Gate("int8 speed", "skip", why_not)
    ratio = fp32_ms / int8_ms
    numbers = {"fp32_ms": fp32_ms, "int8_ms": int8_ms, "speedup": ratio, "worth_it": WORTH_IT}
    measured = f"{int8_ms:.2f} ms, fp32 {fp32_ms:.2f} ms: {ratio:.2f} times as fast"
    if ratio >= WORTH_IT:
        return Gate("int8 speed", "pass", f"{measured}, batch 1, one thread", numbers)
    return Gate(
        "int8 speed", "pass",
        f"smaller, not faster: {measured}, batch 1, one thread; use the fp32 file on a CPU like "
        "this one",
        numbers,
    )
