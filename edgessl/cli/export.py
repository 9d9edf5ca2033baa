"""``edgessl export``: a checkpoint becomes files for a device, proven before they get a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgessl.cli.console import console, print_json
from edgessl.errors import GateFailed

if TYPE_CHECKING:
    from rich.console import Console

    from edgessl.export.runners import Runner
    from edgessl.pipeline.export import Exported

COLOURS = {"pass": "green", "fail": "red", "skip": "yellow"}


def export(
    checkpoint: Annotated[Path, typer.Argument(help="ckpt.pt of a run folder.", metavar="CKPT")],
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx",
            help="Write ONNX files: for any batch, for batch 1, and with the preprocessing "
            "inside (the default).",
        ),
    ] = False,
    torchscript: Annotated[
        bool, typer.Option("--torchscript", help="Write model.torchscript, for libtorch.")
    ] = False,
    pt2: Annotated[
        bool, typer.Option("--pt2", help="Write model.pt2, for torch.export.load.")
    ] = False,
    ort: Annotated[
        bool, typer.Option("--ort", help="Write model.ort, for onnxruntime's builds for phones.")
    ] = False,
    opset: Annotated[
        int | None, typer.Option(help="ONNX operator set, 13 to 24; default: the target's.")
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="logits, probs or features; default: the checkpoint's.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Name in export/targets/, or a TOML file; default: cpu.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Test images for the accuracy gate; default: the run's own.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            help="Points of test top-1 a file may lose; default: the target's.", metavar="POINTS"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; default: the checkpoint's.")
    ] = None,
    web: Annotated[
        bool,
        typer.Option(
            "--web",
            help="Add a page that runs the models in a browser; downloads onnxruntime-web once.",
        ),
    ] = False,
    cpp: Annotated[
        bool, typer.Option("--cpp", help="Add a C++ program that runs the models.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a network in the formats of a device, and check every file against its checkpoint."""
    screen = console(to_stderr=json)
    chosen = {"onnx": onnx, "torchscript": torchscript, "pt2": pt2, "ort": ort}
    with screen.status(f"reading {checkpoint}") as status:
        from edgessl.pipeline.export import document, export_checkpoint

        wanted: dict[Runner, bool] = {"web": web, "cpp": cpp}
        runners = [runner for runner, asked in wanted.items() if asked]
        files = export_checkpoint(
            checkpoint,
            formats=tuple(kind for kind, wanted in chosen.items() if wanted),
            opset=opset, head=head, target_name=target, data=data, max_drop_percent=max_drop,
            out=out, runners=runners, say=status.update,
        )
    for file in files:
        _print_gates(screen, file)
    if json:
        print_json(document(checkpoint, files))
    wrong = [f"{file.path}: {', '.join(_failed_names(file))}" for file in files if not file.passed]
    if wrong:
        raise GateFailed(
            f"{'; '.join(wrong)} must pass before a file is used, did not; "
            "the failed file is kept for a look, and nothing else was changed"
        )
    _print_next(screen, files)


def _failed_names(file: Exported) -> list[str]:
    return [gate.name for gate in file.gates if gate.status == "fail"]


def _print_gates(screen: Console, file: Exported) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = escape(f"{file.path} ({file.size_mb:.2f} MB), for {file.purpose}")
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("gate", "status", "finding"):
        table.add_column(heading, no_wrap=heading != "finding")
    for gate in file.gates:
        status = f"[{COLOURS[gate.status]}]{gate.status}[/]"
        table.add_row(gate.name, status, escape(gate.finding))
    screen.print(table)
    if file.format == "torchscript":
        screen.print("TorchScript is deprecated by PyTorch; kept for libtorch, prefer ONNX.")


def _print_next(screen: Console, files: tuple[Exported, ...]) -> None:
    names = ", ".join(file.path.name for file in files)
    skipped = sorted({g.name for f in files for g in f.gates if g.status == "skip"})
    verb = "give" if len(files) > 1 else "gives"
    verdict = f"{names}: {verb} the same answers as the checkpoint"
    screen.print(verdict + (f"; skipped: {', '.join(skipped)}." if skipped else "."))
    runner = files[0].path.parent / "run.py"
    screen.print(f"on a device, without edgessl: python {runner} --selftest", markup=False)
    page = runner.parent / "web/serve.py"
    if page.exists():
        screen.print(f"in a browser: python {page}", markup=False)
    for file in files[:1]:
        if file.format == "onnx":
            screen.print(f"next: edgessl bench {file.path} --device cpu", markup=False)
