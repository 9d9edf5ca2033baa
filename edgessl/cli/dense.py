"""What ``edgessl recipe`` and ``edgessl finetune --task`` do for boxes and masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.cli.options import as_typed


def run_dense(
    name: str,
    *,
    data: str,
    out: Path | None,
    epochs: int | None,
    seed: int,
    size: int | None,
    device: str,
    init: str,
    baselines: Sequence[str],
    overrides: Sequence[str] | None,
    fresh: bool,
) -> None:
    """Train a detector or a segmenter and print what it reached.

    Args:
        name: Of a recipe of a detector or a segmenter.
        data: Images with boxes or masks.
        out: Run folder.
        epochs: In place of the recipe's.
        seed: Decides everything random.
        size: Side of images in px.
        device: Where it trains.
        init: Weights that its backbone starts from.
        baselines: What is trained to compare with.
        overrides: Changes to the recipe.
        fresh: Whether to start over.
    """
    from edgessl.cli.screen import console
    from edgessl.pipeline.dense import recipe as story
    from edgessl.reporter import Screen

    with Screen(console()) as screen:
        run = story.run(
            name, data=data, out=out, epochs=epochs, seed=seed, size=size, device=device,
            init=init, baselines=baselines, overrides=overrides or (), fresh=fresh,
            reporter=screen, command=as_typed(),
        )  # fmt: skip
    report = run.report
    model, seconds = report["model"], sum(report["throughput"]["seconds"].values())
    for line in (
        f"{model['params'] / 1e6:.2f} M parameters, {model['macs'] / 1e6:.0f} M MACs an image of "
        f"{model['input_px']} px; trained in {seconds:.0f} s.",
        report["verdict"],
        f"report: {run.path / 'report.html'}",
        f"next:   {report['next']}",
    ):
        console().print(line)
