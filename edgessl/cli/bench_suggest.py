"""``edgessl bench --suggest``: the backbones that fit a budget, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from edgessl.cli.bench_table import Outputs, shown
from edgessl.cli.options import seconds
from edgessl.cli.screen import console
from edgessl.errors import UserError

DEFAULT_SIZE_PX, DEFAULT_WITHIN_S = 224, 300.0


def rank_backbones(
    budget: str, device: str, threads: Sequence[int], size_px: int | None, within: str | None,
    outputs: Outputs,
) -> None:  # fmt: skip
    """Rank backbones by a budget, on the terminal and as JSON.

    Args:
        budget: Such as ``5 ms, 3 MB``.
        device: A name in ``bench/devices/``, or a TOML file.
        threads: One number, or none for the device's own.
        size_px: Side of the images; None for 224.
        within: After this time no backbone is begun; None for five minutes.
        outputs: Where the JSON document goes.

    Raises:
        UserError: Something of it cannot be used.
    """
    if len(threads) > 1 or any(count < 1 for count in threads):
        given = ",".join(map(str, threads))
        raise UserError(f"--threads: must be one number from 1 with --suggest, got {given}; "
                        "pass one, or leave it out")  # fmt: skip
    within_s = DEFAULT_WITHIN_S if within is None else seconds("--within", within)
    screen = console(to_stderr=outputs.on_stdout)
    with screen.status("starting") as status:
        from edgessl.pipeline.suggest import suggest

        document = suggest(
            budget, image_px=DEFAULT_SIZE_PX if size_px is None else size_px, device_name=device,
            threads=threads[0] if threads else None, within_s=within_s, say=status.update,
        )  # fmt: skip
    print_suggestion(screen, document)
    outputs.write(screen, document)


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
            "measured; `edgessl export ckpt.pt --int8` makes and measures it"
        )
    if any(row["noise_grade"] == "C" for row in rows):
        screen.print("noise C: do not compare these; the same command measures them again")
    screen.print(_advice(rows, document["size_px"]), markup=False)


def _advice(rows: Sequence[Mapping[str, Any]], size_px: int) -> str:
    """Say which one to take, and what to type next."""
    best = next((row for row in rows if row["fits"] or row["fits_if_int8"]), None)
    if best is None:
        closest = "".join(f"; {row['name']} is closest, {row['over']:.1f} times over"
                          for row in rows[:1])  # fmt: skip
        smaller = max(32, size_px * 5 // 7 // 32 * 32)
        way_out = f"--size {smaller}" if smaller < size_px else "another --device"
        return f"None of those measured fits{closest}. Try {way_out}, or a wider budget."
    how = "fits" if best["fits"] else "fits if its file is int8"
    said = f"{best['name']} has the most computation that {how}; accuracy is not measured here.\n"
    if not best["recipes"]:
        return said + f"next: edgessl list recipes; none trains {best['name']} on your images yet"
    said += f"recipes that train it: {', '.join(best['recipes'])}\n"
    return f"{said}next: edgessl recipe {best['recipes'][0]} --data FOLDER"
