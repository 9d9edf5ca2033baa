"""A bench on the screen and in files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgessl.cli.screen import print_json
from edgessl.errors import UserError

MOST_OPERATORS = 8
CAPTION = "latency, loading and first run in ms; p50 is the median, img/s of the mean"
GRADE_COLOURS = {"A": "green", "B": "yellow", "C": "red"}


def print_document(screen: Console, document: Mapping[str, Any]) -> None:
    """Print what was measured, what it shows, and how far it can be trusted.

    Args:
        screen: Where to.
        document: A bench, as plain values.
    """
    for source in (document, *document.get("imported", ())):
        _print_latency(screen, source)
        _print_noise(screen, source["conditions"])
        _print_comparisons(screen, source)
    _print_baseline(screen, document.get("baseline", ()))
    _print_end_to_end(screen, document.get("end_to_end", ()))
    _print_operators(screen, document.get("operators", ()))
    for run in document.get("sustained", ()):
        first, last = run["windows"][0], run["windows"][-1]
        screen.print(
            f"{run['name']}: {run['seconds']:.0f} s without a pause, {shown(first['p50_ms'])} ms "
            f"at the start, {shown(last['p50_ms'])} ms at the end "
            f"({run['last_over_first']:.2f} times)",
        )
    screen.print(_verdict(document))


def _print_latency(screen: Console, document: Mapping[str, Any]) -> None:
    host, models = document["device"], document["models"]
    cores = f"{host.get('cores_usable', '?')} of {host.get('cores', '?')} cores"
    runtime = ", ".join(f"{name} {number}" for name, number in host.get("versions", {}).items())
    provider = host.get("provider", "")
    screen.print(f"{host['cpu']}, {cores}, {host.get('os', '')}; {provider}, {runtime}")
    table = Table(box=None, padding=(0, 1, 0, 0), title=CAPTION, title_justify="left")
    widest = max(len(entry["name"]) for entry in models)
    table.add_column("model", overflow="fold", min_width=min(24, widest))
    for heading in ("thr", "B", "p50", "±", "p90", "p99", "img/s", "load", "first", "peak MB",
                    "runs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in models:
        table.add_row(
            entry["name"], str(entry["threads"]), str(entry["batch"]),
            shown(entry["p50_ms"]), _half_width(entry),
            *(shown(entry.get(key)) for key in (
                "p90_ms", "p99_ms", "images_per_s", "load_ms", "first_run_ms", "peak_rss_mb")),
            str(entry.get("runs", "-")),
        )  # fmt: skip
    screen.print(table)
    for entry in models:
        if entry.get("notes"):
            screen.print(f"{entry['name']}: {'; '.join(entry['notes'])}.")


def _half_width(entry: Mapping[str, Any]) -> str:
    low, high = entry.get("p50_low_ms"), entry.get("p50_high_ms")
    return "-" if low is None else f"{50 * (high - low) / entry['p50_ms']:.1f}%"


def _print_noise(screen: Console, conditions: Sequence[Mapping[str, Any]]) -> None:
    from edgessl.bench.compare.noise import DO_NOT_COMPARE

    for cell in conditions:
        noise = cell["noise"]
        colour = GRADE_COLOURS[noise["grade"]]
        reasons = "; ".join(noise["reasons"])
        where = f"{cell['threads']} thread(s), batch {cell['batch']}"
        said = Text.assemble("noise ", (noise["grade"], colour), f" ({where}): ")
        said.append(reasons or "quiet")
        if noise["grade"] == "C":
            said.append(". ").append(DO_NOT_COMPARE, style="red")
        screen.print(said)


def _print_comparisons(screen: Console, document: Mapping[str, Any]) -> None:
    from edgessl.bench.page.tables import comparison_in_words

    for comparison in document["comparisons"]:
        screen.print(comparison_in_words(comparison))


def _print_baseline(screen: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        interval = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
        same = ", the same file" if row["same_file"] else ""
        screen.print(
            f"{row['name']} against the baseline{same}: {shown(row['before_ms'])} -> "
            f"{shown(row['now_ms'])} ms, {row['ratio']:.3f} times{interval}; limit "
            f"{1 + row['limit_percent'] / 100:.3f}: {row['outcome']}",
        )


def _print_end_to_end(screen: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    table = Table(box=None, padding=(0, 1, 0, 0), title="from file to answer, medians in ms",
                  title_justify="left")
    table.add_column("model", overflow="fold")
    for heading in ("decode", "preprocess", "core", "post", "total"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        inside = row["preprocess_inside"]
        table.add_row(
            row["name"], shown(row["decode_p50_ms"]),
            "in core" if inside else shown(row["preprocess_p50_ms"]),
            shown(row["core_p50_ms"]), shown(row["post_p50_ms"]), shown(row["total_p50_ms"]),
        )  # fmt: skip
    screen.print(table)


def _print_operators(screen: Console, profiles: Sequence[Mapping[str, Any]]) -> None:
    for profile in profiles:
        shares = ", ".join(
            f"{row['operator']} x{row['nodes']} {row['percent']:.0f} %"
            for row in profile["operators"][:MOST_OPERATORS]
        )
        screen.print(f"{profile['name']}: {shares}")


def shown(value: float | None) -> str:
    """Write a number with three digits or so; a dash for None.

    Args:
        value: The number.
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _verdict(document: Mapping[str, Any]) -> str:
    models = document["models"]
    batch = min(entry["batch"] for entry in models)  # a larger one takes longer by nature
    comparable = [entry for entry in models if entry["batch"] == batch]
    best = min(comparable, key=lambda entry: float(entry["p50_ms"]))
    answer = (
        f"{best['name']} answers in {shown(best['p50_ms'])} ms (median, batch "
        f"{best['batch']}, {best['threads']} thread(s)) on this {document['device']['cpu']}"
    )
    noisy = any(
        cell["noise"]["grade"] == "C" for cell in document["conditions"] if cell["batch"] == batch
    )
    count = len(comparable)
    if noisy:
        return f"{answer}; it was too noisy to {'rank' if count > 1 else 'believe'}."
    if count == 1:
        return f"{answer}."
    return f"{answer}: the lowest median of {count} at this batch."


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a document goes; an empty name for nowhere.

    Attributes:
        json: The document itself, with every run; ``-`` for stdout.
        csv: A table for programs.
        markdown: A table for people.
        html: One offline page.
    """

    json: str = ""
    csv: str = ""
    markdown: str = ""
    html: str = ""

    @property
    def on_stdout(self) -> bool:
        """Whether stdout carries the JSON document."""
        return self.json == "-"

    def files(self) -> dict[str, str]:
        """Return the names of files by option."""
        named = {
            "--json": "" if self.on_stdout else self.json,
            "--csv": self.csv, "--markdown": self.markdown, "--html": self.html,
        }  # fmt: skip
        return {option: name for option, name in named.items() if name}

    def refuse_wrong(self) -> None:
        """Check, before anything is measured, that every file can be written.

        Raises:
            UserError: One line for each that cannot.
        """
        wrong = [line for option, name in self.files().items() if (line := _wrong(option, name))]
        if wrong:
            raise UserError("\n".join(wrong))

    def write(self, screen: Console, document: Mapping[str, Any]) -> None:
        """Write the files, each whole or not at all.

        Args:
            screen: Where to say so.
            document: What was measured.
        """
        from edgessl.files import atomic_path

        for option, name in self.files().items():
            with atomic_path(Path(name)) as temporary:
                temporary.write_text(_MAKERS[option](document), encoding="utf-8")
            screen.print(f"written: {name}")
        if self.on_stdout:
            print_json(document)


def _wrong(option: str, name: str) -> str:
    if name == "-":
        return f"{option}: must be the name of a file, got '-'; only --json goes to stdout"
    if Path(name).is_dir():
        return f"{option}: must be the name of a file, got the folder '{name}'; name a file in it"
    if not Path(name).absolute().parent.is_dir():
        return f"{option}: must be in an existing folder, got '{name}'; make the folder"
    return ""


def _as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"


def _as_csv(document: Mapping[str, Any]) -> str:
    from edgessl.bench.page.tables import to_csv

    return to_csv(document)


def _as_markdown(document: Mapping[str, Any]) -> str:
    from edgessl.bench.page.tables import to_markdown

    return to_markdown(document)


def _as_page(document: Mapping[str, Any]) -> str:
    from edgessl.bench.page.write import bench_page

    return bench_page(document)


_MAKERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "--json": _as_json, "--csv": _as_csv, "--markdown": _as_markdown, "--html": _as_page,
}  # fmt: skip
