"""``edgessl bench --suggest``: the backbones that fit a budget, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from edgessl.cli.bench_table import shown


def print_suggestion(screen: Console, document: Mapping[str, Any]) -> None:
    """Print the ranking, what it rests on, and what to do next.

    Args:
        screen: Where to.
        document: What ``pipeline.suggest`` returned.
    """
    host, rows = document["device"], document["backbones"]
    screen.print(
        f"{host['cpu']}, {document['threads']} thread(s), {host['provider']}: untrained backbones "
        f"of {document['size_px']} px in fp32, without classifier, measured here", markup=False,
    )  # fmt: skip
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("backbone")
    for heading in ("fits", "p50 ms", "p90", "file MB", "params M", "GMAC at 224", "noise"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        fits = "yes" if row["fits"] else "if int8" if row["fits_if_int8"] else f"x{row['over']:.1f}"
        table.add_row(
            row["name"], fits, shown(row["p50_ms"]), shown(row["p90_ms"]), shown(row["size_mb"]),
            shown(row["params"] / 1e6), shown(row["macs_224"] / 1e9), row["noise_grade"],
        )  # fmt: skip
    screen.print(table)
    reasons: dict[str, list[str]] = {}
    for row in document["not_measured"]:
        reasons.setdefault(row["why"], []).append(row["name"])
    for why, names in reasons.items():
        screen.print(f"not measured, {why}: {', '.join(names)}", markup=False)
    if any(row["fits_if_int8"] for row in rows):
        screen.print(
            "if int8: fast enough, and small enough at a quarter of its size, which was not "
            "measured; make it with `edgessl export --int8`"
        )
    if any(row["noise_grade"] == "C" for row in rows):
        screen.print("noise C: do not compare these; the same command measures them again")
    best = next((row for row in rows if row["fits"]), None)
    if best is None:
        screen.print("None of those measured fits in fp32. Try a smaller --size or a wider budget.")
        return
    screen.print(
        f"{best['name']} has the most computation that fits; accuracy is not measured here.\n"
        f"next: edgessl list recipes, and one that begins with {best['name']}", markup=False,
    )  # fmt: skip
