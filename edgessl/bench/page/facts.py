"""Device, protocol and ratios of a bench, as the page tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from edgessl.page.render import Facts


def cell_in_words(threads: int, batch: int) -> str:
    """Name a number of threads and a batch size.

    Args:
        threads: Threads inside an operator.
        batch: Images in a run.
    """
    return f"{counted(threads, 'thread')}, batch {batch}"


def counted(count: int, thing: str) -> str:
    """Return ``1 thread``, ``2 threads``.

    Args:
        count: How many.
        thing: Its name, in the singular.
    """
    ending = "" if count == 1 else "es" if thing.endswith("s") else "s"
    return f"{count} {thing}{ending}"


def device_facts(device: Mapping[str, Any]) -> Facts:
    """Describe the machine.

    Args:
        device: ``device`` of a document.
    """
    quota = device.get("cores_quota")
    cores = f"{device.get('cores_usable', '?')} usable of {device.get('cores', '?')}"
    cores += f", quota {quota:.1f}" if quota else ""
    pairs = [
        ("processor", device.get("cpu")), ("board", device.get("board")),
        ("cores", cores), ("features", ", ".join(device.get("flags") or ()) or None),
        ("frequency", _with_unit(device.get("frequency_max_mhz"), "MHz at most")),
        ("governor", device.get("governor") or "the system does not say"),
        ("memory", _with_unit(device.get("memory_mb"), "MB")),
        ("load at the start", device.get("load_1min") and f"{device['load_1min']:.1f}"),
        ("system", device.get("os")), ("Python", device.get("python")),
        ("provider", device.get("provider")),
        *((name, number) for name, number in (device.get("versions") or {}).items()),
    ]  # fmt: skip
    return [(name, str(value)) for name, value in pairs if value]


def protocol_facts(document: Mapping[str, Any]) -> Facts:
    """Describe how it was measured.

    Args:
        document: The whole document.
    """
    protocol = document.get("protocol")
    if not protocol:
        return [("measured by", "a bundle's run.py")]
    controls = [
        f"{one['noise']['control']['ratio']:.3f} times as long, "
        f"{cell_in_words(one['threads'], one['batch'])}"
        for one in document.get("conditions", ()) if one["noise"].get("control")
    ]  # fmt: skip
    return [
        ("processes", f"one for each model, started {counted(protocol['launches'], 'time')}"),
        ("turns", f"of {protocol['turn_ms']:g} ms or five runs, forwards and backwards"),
        ("runs", f"at least {protocol['min_runs']} and {protocol['min_seconds']:g} s of each"),
        ("warm-up", "until two windows of ten runs agree within 5 %"),
        ("same model twice", "; ".join(controls) or "not measured"),
    ]


def _with_unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:,.0f} {unit}"


def forest(comparisons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay out one row for each comparison.

    Args:
        comparisons: With ``ratio low high verdict comparable``.

    Returns:
        Positions in percent of a common logarithmic axis that holds a ratio of one.
    """
    ends = [1.0]
    for one in comparisons:
        ends += [end for end in (one["ratio"], one["low"], one["high"]) if end is not None]
    low, high = 0.93 * min(ends), 1.07 * max(ends)

    def place(value: float) -> float:
        return round(100 * log(value / low) / log(high / low), 2)

    rows = []
    for index, one in enumerate(comparisons):
        known = one["low"] is not None
        said = one["verdict"] if one["comparable"] else "too noisy, do not compare"
        interval = f" [{one['low']:.3f}, {one['high']:.3f}]" if known else ""
        rows.append({
            "kind": f"m{(index + 1) % 6}", "name": one["name"], "one": place(1.0),
            "where": cell_in_words(one["threads"], one["batch"]),
            "at": place(one["ratio"]),
            "left": place(one["low"]) if known else 0,
            "width": round(place(one["high"]) - place(one["low"]), 2) if known else 0,
            "text": f"{one['ratio']:.3f}{interval}: {said}",
        })  # fmt: skip
    return rows
