"""``edgessl compare``: runs and exported files side by side, and which of them to ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgessl.cli.bench_table import Outputs
from edgessl.cli.options import Trust, refuse_given
from edgessl.cli.screen import console, print_json
from edgessl.files import atomic_path

if TYPE_CHECKING:
    from edgessl.report.compare.compared import Compared


def compare(
    subjects: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders, exported files, or folders of either.", metavar="RUN|FOLDER|FILE..."
        ),
    ],
    latency: Annotated[
        list[Path] | None,
        typer.Option(help="A JSON document of edgessl bench; repeatable.", metavar="FILE"),
    ] = None,
    bench: Annotated[
        bool, typer.Option("--bench", help="Measure latencies now, each network once.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="With --bench: name in bench/devices/, or a TOML file; default: cpu."),
    ] = None,
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    csv: Annotated[str, typer.Option(help="Write a CSV table.", metavar="FILE")] = "",
    html: Annotated[str, typer.Option(help="Write one offline page.", metavar="FILE")] = "",
) -> None:
    """Compare runs and exported files, and say which to ship.

    Every arm of a run is a row. Differences are paired where the test images are the same.
    """
    Outputs(csv=csv, html=html).refuse_wrong()
    if not bench:
        refuse_given({"--device": device}, "must come with --bench")
    screen = console(to_stderr=json)
    with screen.status("reading") as status:
        from edgessl.pipeline.compare import compare as story

        found = story.compare(
            subjects, latency=latency or (), bench=bench, device=device or "cpu", trust=trust,
            say=status.update,
        )  # fmt: skip
        texts = _texts(found, csv, html)
    from edgessl.cli.compare_table import print_comparison

    print_comparison(screen, found)
    for name, text in texts.items():
        with atomic_path(Path(name)) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        screen.print(f"written: {name}")
    screen.print(found.answer)
    for command in found.commands:
        screen.print(f"next:   {command}")
    if json:
        print_json(found.to_dict())


def _texts(found: Compared, csv: str, html: str) -> dict[str, str]:
    """Return what is written, by the name of the file."""
    from edgessl.report.compare.page import compare_page
    from edgessl.report.compare.tables import to_csv

    texts = {csv: to_csv(found)} if csv else {}
    return {**texts, html: compare_page(found)} if html else texts
