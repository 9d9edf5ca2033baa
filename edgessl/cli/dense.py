"""What ``edgessl recipe`` and ``edgessl finetune --task`` do for boxes and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgessl.cli.options import as_typed
from edgessl.distributed import world_of_environment

if TYPE_CHECKING:
    from edgessl.pipeline.dense.prepare import Asked


def plan_dense(asked: Asked) -> None:
    """Say what a run would take.

    Args:
        asked: By the user.
    """
    from edgessl.cli.screen import console
    from edgessl.pipeline.dense.plan import describe_dense_plan, plan
    from edgessl.reporter import Screen

    with Screen(console()) as screen:
        found = plan(asked, screen)
    print(describe_dense_plan(found))


def run_dense(asked: Asked, *, fresh: bool) -> None:
    """Train a detector or a segmenter and print what it reached.

    Args:
        asked: By the user.
        fresh: Whether to start over.
    """
    from edgessl.cli.screen import console
    from edgessl.pipeline.dense.recipe import FACTORY
    from edgessl.pipeline.dense.story import follow
    from edgessl.reporter import Screen

    with Screen(console()) as screen:
        run = follow(FACTORY, asked, fresh=fresh, reporter=screen, command=as_typed())
    if not world_of_environment().first:
        return
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
