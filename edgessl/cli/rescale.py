"""``edgessl rescale``: NormRescale, for fine-tuning from weights of unusual norms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.screen import console


def rescale(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="pretrained.pt, ckpt.pt or backbone.safetensors of a run.", metavar="CKPT"
        ),
    ],
    anchor: Annotated[
        Path | None,
        typer.Option(help="A file of the same backbone, whose norms are taken.", metavar="CKPT"),
    ] = None,
    constant: Annotated[
        float | None, typer.Option(help="Multiply by this instead; the paper's: 0.1.", metavar="F")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help="weights (of convolutions and linear layers) or floats (biases and batch norm "
            "too). [default: floats with --anchor, weights with --constant]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. [default: NAME-rescaled beside CKPT]")
    ] = None,
) -> None:
    """Rescale the norms of a backbone's tensors (NormRescale).

    Weights that LARS trained have norms about ten times those that SGD trained, and fine-tune
    better with smaller ones.
    """
    from edgessl.pipeline import rescale as story

    found = story.rescale(checkpoint, anchor=anchor, constant=constant, scope=scope, out=out)
    console().print(story.describe_rescaled(found), markup=False, highlight=False, soft_wrap=True)
