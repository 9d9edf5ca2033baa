"""``edgessl bench``: latency of exported files, measured so that it can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgessl.cli.console import console, print_json
from edgessl.errors import GateFailed, UserError

if TYPE_CHECKING:
    from rich.console import Console

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help="ONNX or ORT files; TorchScript, .pt2 or checkpoints beside them.",
            metavar="MODEL...",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Name in bench/devices/, or a TOML file.")
    ] = "cpu",
    threads: Annotated[
        str, typer.Option(help="Threads, as 1,2,4; default: the device's own.", metavar="N,...")
    ] = "",
    batch: Annotated[
        str, typer.Option(help="Images in a run, as 1,4,8.", metavar="N,...")
    ] = "1",
    e2e: Annotated[
        Path | None,
        typer.Option(
            help="Image or folder: time decode, preprocess, core, post.", metavar="IMAGES"
        ),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show which operators the time goes to.")
    ] = False,
    sustained: Annotated[
        str, typer.Option(help="Run without a pause, as 90s or 10m.", metavar="TIME")
    ] = "",
    baseline: Annotated[
        Path | None, typer.Option(help="A JSON document from before.", metavar="FILE")
    ] = None,
    fail_slower: Annotated[
        str,
        typer.Option(help="Exit 3 if surely slower than the baseline by this.", metavar="PCT"),
    ] = "10%",
    imported: Annotated[
        list[Path] | None,
        typer.Option(
            "--import", help="What run.py --bench --json gave on another device.", metavar="FILE"
        ),
    ] = None,
    suggest: Annotated[
        str, typer.Option(help='Rank backbones for "5 ms, 3 MB" here.', metavar="BUDGET")
    ] = "",
    size: Annotated[
        int, typer.Option(help="With --suggest: side of the images.", metavar="PX")
    ] = 224,
    within: Annotated[
        str, typer.Option(help="With --suggest: begin no backbone after this.", metavar="TIME")
    ] = "5m",
    json: Annotated[
        str, typer.Option(help="Write one JSON document to FILE; - for stdout.", metavar="FILE")
    ] = "",
    csv: Annotated[str, typer.Option(help="Write a CSV table.", metavar="FILE")] = "",
    markdown: Annotated[str, typer.Option(help="Write a Markdown table.", metavar="FILE")] = "",
    html: Annotated[str, typer.Option(help="Write one offline page.", metavar="FILE")] = "",
) -> None:
    """Measure latency, load and memory of models in turns, with intervals and a noise grade."""
    outputs = {"--json": json, "--csv": csv, "--markdown": markdown, "--html": html}
    _refuse_folders(outputs)
    limit_percent = _percent(fail_slower)
    screen = console(to_stderr=json == "-")
    counts = _numbers("--threads", threads)
    if suggest:
        _refuse_beside_suggest(models, counts, {**outputs, "--json": ""})
        _suggest(screen, suggest, size, device, counts, within, json)
        return
    with screen.status("starting") as status:
        from edgessl.pipeline.bench import Asked, bench_models
        from edgessl.pipeline.bench_import import import_documents, only_imported

        if imported and not models:
            document = only_imported(imported)
        else:
            others = import_documents(imported or [])
            document = bench_models(
                models or [],
                device_name=device,
                threads=counts,
                batches=_numbers("--batch", batch),
                asked=Asked(
                    profile, e2e, _seconds("--sustained", sustained), baseline, limit_percent
                ),
                say=status.update,
            )
            if others:
                document["imported"] = others
    from edgessl.cli.bench_table import print_document

    print_document(screen, document)
    _write_all(screen, document, outputs)
    if json == "-":
        print_json(document)
    _fail_if_slower(document)


def _refuse_beside_suggest(
    models: list[Path] | None, threads: tuple[int, ...], outputs: dict[str, str]
) -> None:
    wrong = [f"{option}: must be left out with --suggest; it gives --json only"
             for option, name in outputs.items() if name]  # fmt: skip
    if models:
        wrong.append("MODEL: must be left out with --suggest, which measures backbones")
    if len(threads) > 1 or any(count < 1 for count in threads):
        wrong.append(f"--threads: must be one number from 1 with --suggest, got {threads}")
    if wrong:
        raise UserError("\n".join(wrong))


def _suggest(
    screen: Console, budget: str, size: int, device: str, threads: tuple[int, ...], within: str,
    json: str,
) -> None:  # fmt: skip
    from edgessl.cli.bench_suggest import print_suggestion

    with screen.status("starting") as status:
        from edgessl.pipeline.suggest import suggest

        document = suggest(
            budget, image_px=size, device_name=device, threads=threads[0] if threads else None,
            within_s=_seconds("--within", within), say=status.update,
        )  # fmt: skip
    print_suggestion(screen, document)
    if json == "-":
        print_json(document)
    elif json:
        _write_all(screen, document, {"--json": json})


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise UserError(f"{option}: must be whole numbers as 1,2,4, got '{text}'") from error


def _percent(text: str) -> float:
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e4:
        raise UserError(f"--fail-slower: must be a percentage as 10%, got '{text}'")
    return value


def _seconds(option: str, text: str) -> float:
    if not text:
        return 0.0
    unit = _UNITS_S.get(text[-1])
    try:
        value = float(text[:-1] if unit else text) * (unit or 1.0)
    except ValueError:
        value = 0.0
    if not 1 <= value < 1e6:
        raise UserError(f"{option}: must be a time as 90s, 10m or 1h, got '{text}'")
    return value


def _refuse_folders(outputs: dict[str, str]) -> None:
    wrong = [
        f"{option}: must be in an existing folder, got '{name}'; make the folder"
        for option, name in outputs.items()
        if name not in ("", "-") and not Path(name).absolute().parent.is_dir()
    ]
    wrong += [
        f"{option}: must be the name of a file, got '-'; only --json goes to stdout"
        for option, name in outputs.items() if name == "-" and option != "--json"
    ]  # fmt: skip
    if wrong:
        raise UserError("\n".join(wrong))


def _write_all(screen: Console, document: dict[str, Any], outputs: dict[str, str]) -> None:
    from json import dumps

    from edgessl.files import atomic_path
    from edgessl.pipeline.bench_tables import to_csv, to_markdown

    made = {
        "--json": lambda: dumps(document, ensure_ascii=False) + "\n",
        "--csv": lambda: to_csv(document),
        "--markdown": lambda: to_markdown(document),
        "--html": lambda: _page(document),
    }
    for option, name in outputs.items():
        if name in ("", "-"):
            continue
        with atomic_path(Path(name)) as temporary:
            temporary.write_text(made[option](), encoding="utf-8")
        screen.print(f"written: {name}", markup=False)


def _page(document: dict[str, Any]) -> str:
    from edgessl.pipeline.bench_page import page

    return page(document)


def _fail_if_slower(document: dict[str, Any]) -> None:
    slower = [
        f"{row['name']} ({row['threads']} thread(s), batch {row['batch']}): must be at most "
        f"{row['limit_percent']:g} % slower than the baseline, got {row['ratio']:.3f} times as "
        f"long, at least {row['low']:.3f}"
        for row in document.get("baseline", ())
        if row["outcome"] == "slower than allowed"
    ]
    if slower:
        raise GateFailed("\n".join(slower))
