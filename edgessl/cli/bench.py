"""``edgessl bench``: latency of exported files, measured so that it can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgessl.cli.bench_table import Outputs
from edgessl.cli.options import Trust, numbers, percent, refuse_given, seconds
from edgessl.cli.screen import console
from edgessl.errors import GateFailed

DEFAULT_LIMIT = 10.0
BESIDE_SUGGEST = "must be left out with --suggest, which ranks backbones on its own protocol"


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Exported files of any format, such as .onnx, .tflite, .pte, .xml or .param; "
            "checkpoints beside them.",
            metavar="MODEL...",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Name in bench/devices/, or a TOML file.")
    ] = "cpu",
    threads: Annotated[
        str | None,
        typer.Option(help="Threads, as 1,2,4; default: the device's own.", metavar="N,..."),
    ] = None,
    batch: Annotated[
        str | None, typer.Option(help="Images in a run, as 1,4,8; default: 1.", metavar="N,...")
    ] = None,
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
        str | None, typer.Option(help="Run without a pause, as 90s or 10m.", metavar="TIME")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="A JSON document from before.", metavar="FILE")
    ] = None,
    fail_slower: Annotated[
        str | None,
        typer.Option(
            help="Exit 3 if surely slower than the baseline by this; default: 10%.", metavar="PCT"
        ),
    ] = None,
    imported: Annotated[
        list[Path] | None,
        typer.Option(
            "--import", help="What run.py --bench --json gave on another device.", metavar="FILE"
        ),
    ] = None,
    suggest: Annotated[
        str | None, typer.Option(help='Rank backbones for "5 ms, 3 MB" here.', metavar="BUDGET")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="With --suggest: side of images; default: 224.", metavar="PX")
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            help="With --suggest: begin no backbone after this; default: 5m.", metavar="TIME"
        ),
    ] = None,
    trust: Trust = False,
    json: Annotated[
        str, typer.Option(help="Write one JSON document to FILE; - for stdout.", metavar="FILE")
    ] = "",
    csv: Annotated[str, typer.Option(help="Write a CSV table.", metavar="FILE")] = "",
    markdown: Annotated[str, typer.Option(help="Write a Markdown table.", metavar="FILE")] = "",
    html: Annotated[str, typer.Option(help="Write one offline page.", metavar="FILE")] = "",
) -> None:
    """Measure the latency of files, with intervals and a noise grade.

    They run in turns, in processes of their own; loading and memory are measured beside.
    """
    outputs = Outputs(json, csv, markdown, html)
    outputs.refuse_wrong()
    alone = {
        "--batch": batch, "--e2e": e2e, "--profile": profile, "--sustained": sustained,
        "--baseline": baseline, "--fail-slower": fail_slower,
    }  # fmt: skip
    if suggest is not None:
        tables = {"--csv": csv, "--markdown": markdown, "--html": html}
        from edgessl.cli.bench_suggest import rank_backbones

        refuse_given({"MODEL": models, "--import": imported, **alone, **tables}, BESIDE_SUGGEST)
        rank_backbones(suggest, device, numbers("--threads", threads), size, within, outputs)
        return
    refuse_given({"--size": size, "--within": within}, "must come with --suggest BUDGET")
    if not baseline:
        refuse_given({"--fail-slower": fail_slower}, "must come with --baseline FILE")
    if imported and not models:
        refuse_given({"--threads": threads, **alone}, "must come with a MODEL to measure")
    limit = DEFAULT_LIMIT if fail_slower is None else percent("--fail-slower", fail_slower)
    counts = numbers("--threads", threads)
    batches = (1,) if batch is None else numbers("--batch", batch)
    sustained_s = 0.0 if sustained is None else seconds("--sustained", sustained)
    screen = console(to_stderr=outputs.on_stdout)
    with screen.status("starting") as status:
        from edgessl.cli.bench_table import print_document
        from edgessl.pipeline import bench as story

        document = story.bench(
            models or (), device=device, threads=counts, batches=batches, profile=profile,
            images=e2e, sustained_s=sustained_s, baseline=baseline, fail_slower_percent=limit,
            imported=imported or (), trust=trust, say=status.update,
        ).document  # fmt: skip
    print_document(screen, document)
    outputs.write(screen, document)
    if baseline:
        _fail_if_slower(document)


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
