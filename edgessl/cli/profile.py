"""``edgessl profile``: what a network costs, before it is trained or after it is exported."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from edgessl.cli.options import HeldBackbone, Trust
from edgessl.cli.screen import console, print_json


def profile(
    subject: Annotated[
        str,
        typer.Argument(
            help="A backbone's name (timm:NAME too), a ckpt.pt, an exported file, or general "
            "weights: imagenet:BACKBONE, a file of others.",
            metavar="BACKBONE|CKPT|MODEL.onnx",
        ),
    ],
    size: Annotated[
        int | None, typer.Option(help="Side of the image; default: its own, or 224.", metavar="PX")
    ] = None,
    rule: Annotated[
        str, typer.Option(help="macs, or s3l for the FLOPs of S3L's tables as well.")
    ] = "macs",
    last_stage: Annotated[
        str, typer.Option(help="remove counts a backbone without its last stage (conv5).")
    ] = "keep",
    parts: Annotated[
        bool, typer.Option("--parts", help="Say what each part of the network costs.")
    ] = False,
    backbone: HeldBackbone = None,
    trust: Trust = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Count parameters and multiply-accumulates (MACs)."""
    from edgessl.pipeline.profile import profile_subject

    found = profile_subject(
        subject, image_px=size, rule=rule, last_stage=last_stage, by_part=parts,
        backbone=backbone, trust=trust,
    )
    if json:
        print_json(found)
        return
    screen = console()
    scope = _SCOPES.get(found["counts"], f"the whole {found['counts']}")
    line = (
        f"{found['name']} at {found['size_px']} px: {found['params']:,} parameters, "
        f"{found['macs']:,} MACs ({found['macs'] / 1e9:.4f} G); counted for {scope}."
    )
    screen.print(line, markup=False)
    if "flops_s3l" in found:
        screen.print(f"by S3L's rule, with a 1000-way classifier: {found['flops_s3l']:,} FLOPs.")
    if parts:
        screen.print(_table(found))


_SCOPES = {"file": "the file", "backbone": "the backbone, without classifier"}


def _table(found: dict[str, Any]) -> Table:
    table = Table("part", box=None, padding=(0, 2, 0, 0))
    for title in ("parameters", "MACs", "of all MACs"):
        table.add_column(title, justify="right")
    for part in found["parts"]:
        share = 100 * part["macs"] / found["macs"]
        table.add_row(part["name"], f"{part['params']:,}", f"{part['macs']:,}", f"{share:.1f} %")
    return table
