"""``edgessl export``: a checkpoint becomes files for a device, proven before they get a name."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from edgessl.cli.options import AsJson, GeneralSize, HeldBackbone, percent
from edgessl.cli.screen import console, print_json
from edgessl.errors import GateFailed, UserError

if TYPE_CHECKING:
    from rich.console import Console

    from edgessl.export.bundle.names import Runner
    from edgessl.export.product import ExportedFile

DENSE = ("detections", "predictions", "pixels")
"""Heads of detectors and segmenters, whose files take normalised images only."""
COLOURS = {"pass": "green", "fail": "red", "skip": "yellow"}

_OFFLINE = "EDGESSL_OFFLINE"  # of edgessl.runtimes, which is not imported for a help text


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="ckpt.pt of a run folder; or general weights, as features: imagenet:BACKBONE, "
            "timm:NAME, a file of others.",
            metavar="CKPT|WEIGHTS",
        ),
    ],
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx",
            help="Write model.onnx (any batch), model.batch1.onnx (phones) and model.e2e.onnx "
            "(preprocessing inside). Always done; the other formats come on top.",
        ),
    ] = False,
    torchscript: Annotated[
        bool, typer.Option("--torchscript", help="Write model.torchscript, for libtorch.")
    ] = False,
    pt2: Annotated[
        bool, typer.Option("--pt2", help="Write model.pt2, for torch.export.load.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Write int8 ONNX files, calibrated on training images."),
    ] = False,
    ort: Annotated[
        bool, typer.Option("--ort", help="Write model.ort, for onnxruntime's builds for phones.")
    ] = False,
    opset: Annotated[
        int | None, typer.Option(help="ONNX operator set, 13 to 24; default: the target's.")
    ] = None,
    head: Annotated[
        str | None, typer.Option(
            help="logits, probs, features, or prototypes (classes can be added on the device); "
            "default: the checkpoint's."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Name in export/targets/ (cpu, arm64, litert, executorch, openvino, ncnn), or a "
            "TOML file; default: cpu."
        ),
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
    reject: Annotated[
        str | None,
        typer.Option(
            help='Say "none of these" where the classifier is least sure: on this share of the '
            "val images, as 5%; or below this probability, as 0.9.",
            metavar="P",
        ),
    ] = None,
    backbone: HeldBackbone = None,
    size: GeneralSize = None,
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
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Make no environment for a converter: use what is there."),
    ] = False,
    unchecked: Annotated[
        bool,
        typer.Option(
            "--unchecked",
            help="With --target coreml: write .mlpackage folders that nothing here can run, beside "
            "proven ONNX files.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Write files for a device, each checked against the checkpoint."""
    screen = console(to_stderr=json)
    if offline:
        os.environ[_OFFLINE] = "1"
    chosen = {"onnx": onnx, "torchscript": torchscript, "pt2": pt2, "ort": ort, "int8": int8}
    with screen.status(f"reading {checkpoint}") as status:
        from edgessl.export.target import formats_of_command
        from edgessl.pipeline import export as story

        formats = tuple(kind for kind, asked in chosen.items() if asked)
        wanted: dict[Runner, bool] = {"web": web, "cpp": cpp}
        exports = story.export(
            checkpoint, formats=formats_of_command(formats, None if unchecked else target),
            opset=opset, head=head, target=target, data=data, max_drop_percent=max_drop,
            **_rejection(reject),
            backbone=backbone, size=size, out=out,
            runners=[runner for runner, asked in wanted.items() if asked],
            unchecked=unchecked, say=status.update,
        )  # fmt: skip
    files = exports.files
    for file in files:
        _print_gates(screen, file)
    if json:
        print_json(exports.to_dict())
    _print_next(screen, files)
    for one in exports.unchecked:
        screen.print(
            f"{files[0].path.parent / one.name} ({one.size_mb:.2f} MB) was {one.why}. It is "
            f"{one.finding}. Compare its answers with testvectors.npz there before you rely on it.",
            markup=False, highlight=False,
        )  # fmt: skip
    wrong = [_verdict(file) for file in files if not file.passed]
    wrong += [
        f"{one.name}: must be what its converter makes, which gave up: {one.reason}; use another "
        "of the files, or another --target" for one in exports.not_made
    ]  # fmt: skip
    if wrong:
        raise GateFailed("\n".join(wrong))


def _verdict(file: ExportedFile) -> str:
    from edgessl.export.gates.gate import failed, remedy

    names = ", ".join(failed(file.gates))
    return (
        f"{file.path}: must pass every gate before it is used, failed: {names}; it is kept for a "
        f"look; {remedy(file.gates)}"
    )


def _print_gates(screen: Console, file: ExportedFile) -> None:
    from rich.table import Table
    from rich.text import Text

    title = f"{file.path} ({file.size_mb:.2f} MB), for {file.purpose}"
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("gate", "status", "finding"):
        table.add_column(heading, no_wrap=heading != "finding")
    for gate in file.gates:
        status = Text(gate.status, style=COLOURS[gate.status])
        table.add_row(gate.name, status, gate.finding)
    screen.print(table)
    if file.format == "torchscript":
        from edgessl.artifact.torchscript import DEPRECATION

        screen.print(DEPRECATION)


def _print_next(screen: Console, written: tuple[ExportedFile, ...]) -> None:
    from edgessl.artifact.opened import ON_DEVICES

    dense = any(f.metadata.head in DENSE for f in written)
    onnx = any(f.format == "onnx" for f in written)
    if onnx and not dense and all(f.takes != "pixels" for f in written):
        screen.print("model.e2e.onnx is left out: its resize needs --opset 18 or newer, and a "
                     "crop no larger than the resized image.")
    files = [file for file in written if file.passed]
    if not files:
        return
    names = ", ".join(file.path.name for file in files)
    skipped = sorted({g.name for f in files for g in f.gates if g.status == "skip"})
    verdict = f"{names}: proven against the checkpoint"
    screen.print(verdict + (f"; skipped: {', '.join(skipped)}." if skipped else "."))
    runner = files[0].path.parent / "run.py"
    what = "IMAGE --draw FOLDER" if files[0].metadata.head == "pixels" else "--selftest"
    screen.print(f"on a device, without edgessl: python {quote(str(runner))} {what}")
    page = runner.parent / "web/serve.py"
    if page.exists():
        screen.print(f"in a browser: python {quote(str(page))}")
    for file in [file for file in files if file.format in ("onnx", *ON_DEVICES)][:1]:
        screen.print(f"next: edgessl bench {quote(str(file.path))} --device cpu")


def _rejection(text: str | None) -> dict[str, float]:
    """Read ``--reject``: a share of val with a percent sign, or a probability without."""
    if text is None:
        return {}
    if text.strip().endswith("%"):
        return {"reject_percent": percent("--reject", text)}
    try:
        return {"reject_below": float(text)}
    except ValueError as error:
        raise UserError(
            f"--reject: must be a share of val as 5%, or a probability as 0.9, got '{text}'"
        ) from error
