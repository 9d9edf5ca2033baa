"""What ``edgessl finetune --task`` does with a recipe of transfer as in the papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.cli.options import as_typed


def run_transfer(
    task: str,
    start: str,
    recipe: str,
    *,
    data: str,
    iterations: int | None,
    epochs: int | None,
    size: int | None,
    backbone: str | None,
    out: Path | None,
    seed: int,
    device: str,
    baselines: Sequence[str],
    overrides: Sequence[str] | None,
    fresh: bool,
) -> None:
    """Train a paper's detector or segmenter and print what it reached.

    Args:
        task: ``detect`` or ``segment``.
        start: Weights that its backbone starts from.
        recipe: Its name.
        data: Images with boxes or masks.
        iterations: Steps in place of the recipe's.
        epochs: Or passes.
        size: Shorter side of images in px.
        backbone: What a file of others holds.
        out: Run folder.
        seed: Decides everything random.
        device: Where it trains.
        baselines: What is trained to compare with.
        overrides: Changes to the recipe.
        fresh: Whether to start over.
    """
    from edgessl.cli.screen import console
    from edgessl.pipeline.dense.transfer import Lengths, transfer
    from edgessl.reporter import Screen

    with Screen(console()) as screen:
        run = transfer(
            task, start, recipe, data=data,
            lengths=Lengths(iterations=iterations, epochs=epochs, size=size), backbone=backbone,
            out=out, seed=seed, device=device, baselines=baselines, overrides=overrides or (),
            fresh=fresh, reporter=screen, command=as_typed(),
        )  # fmt: skip
    report = run.report
    seconds = sum(report["throughput"]["seconds"].values())
    for line in (
        f"{report['model']['params'] / 1e6:.2f} M parameters; trained in {seconds:.0f} s.",
        report["verdict"],
        f"report: {run.path / 'report.html'}",
    ):
        console().print(line)
