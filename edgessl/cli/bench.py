"""``edgessl bench``: latency of ONNX files through onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgessl.cli.console import console, print_json
from edgessl.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console


def bench(
    models: Annotated[list[Path], typer.Argument(help="ONNX files.", metavar="MODEL...")],
    device: Annotated[
        str, typer.Option(help="Name in bench/devices/, or a TOML file.")
    ] = "cpu",
    threads: Annotated[
        str, typer.Option(help="Threads, as 1,2,4; default: the device's own.", metavar="N,...")
    ] = "",
    batch: Annotated[
        str, typer.Option(help="Images in a run, as 1,4,8.", metavar="N,...")
    ] = "1",
    json: Annotated[
        str, typer.Option(help="Write one JSON document to FILE; - for stdout.", metavar="FILE")
    ] = "",
) -> None:
    """Measure p50, p90 and p99 latency, throughput, load time and memory."""
    if json not in ("", "-") and not Path(json).absolute().parent.is_dir():
        raise UserError(f"--json: must be in an existing folder, got '{json}'; make the folder")
    screen = console(to_stderr=json == "-")
    with screen.status("starting") as status:
        from edgessl.pipeline.bench import bench_models

        document = bench_models(
            models,
            device_name=device,
            threads=_numbers("--threads", threads),
            batches=_numbers("--batch", batch),
            say=status.update,
        )
    _print_table(screen, document)
    if json == "-":
        print_json(document)
    elif json:
        _write(Path(json), document)
        screen.print(f"written: {json}", markup=False)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise UserError(f"{option}: must be whole numbers as 1,2,4, got '{text}'") from error


def _write(path: Path, document: dict[str, Any]) -> None:
    from json import dumps

    from edgessl.files import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(dumps(document, indent=2) + "\n", encoding="utf-8")


def _print_table(screen: Console, document: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    host, models = document["device"], document["models"]
    cores = f"{host['cores_usable']} of {host['cores']} cores"
    runtime = ", ".join(f"{name} {number}" for name, number in host["versions"].items())
    screen.print(f"{host['cpu']}, {cores}, {host['os']}; {host['provider']}, {runtime}",
                 markup=False)
    table = Table(box=None, padding=(0, 1, 0, 0), title="latency, first run and loading in ms",
                  title_justify="left")
    table.add_column("model", overflow="fold")
    for heading in ("thr", "batch", "p50", "p90", "p99", "images/s", "load", "first", "MB",
                    "cores", "runs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in models:
        table.add_row(
            escape(_label(entry, models)), str(entry["threads"]), str(entry["batch"]),
            *(_shown(entry[key]) for key in (
                "p50_ms", "p90_ms", "p99_ms", "images_per_s", "load_ms", "first_run_ms",
                "peak_rss_mb", "cores_obtained")),
            str(entry["runs"]),
        )
    screen.print(table)
    for entry in models:
        if entry["notes"]:
            screen.print(f"{_label(entry, models)}: {'; '.join(entry['notes'])}.", markup=False)
    screen.print(_verdict(document), markup=False)


def _label(entry: dict[str, Any], models: list[dict[str, Any]]) -> str:
    """Return the file's name, or its path where two files share the name."""
    paths = {other["path"] for other in models if other["name"] == entry["name"]}
    return str(entry["path"] if len(paths) > 1 else entry["name"])


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _verdict(document: dict[str, Any]) -> str:
    models = document["models"]
    batch = min(entry["batch"] for entry in models)  # a larger one takes longer by nature
    comparable = [entry for entry in models if entry["batch"] == batch]
    best = min(comparable, key=lambda entry: float(entry["p50_ms"]))
    answer = (
        f"{_label(best, models)} answers in {_shown(best['p50_ms'])} ms (median, batch "
        f"{best['batch']}, {best['threads']} thread(s)) on this {document['device']['cpu']}"
    )
    count = len(comparable)
    return answer + ("." if count == 1 else f": the fastest of {count} at this batch.")
