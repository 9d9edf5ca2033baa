"""What ``edgessl finetune --task`` does with a recipe of transfer as in the papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgessl.cli.options import as_typed

if TYPE_CHECKING:
    from edgessl.pipeline.dense.prepare import Asked


def plan_transfer(task: str, asked: Asked) -> None:
    """Say what a run would take.

    Args:
        task: ``detect`` or ``segment``.
        asked: By the user.
    """
    from edgessl.cli.screen import console
    from edgessl.pipeline.dense import transfer_plan as story
    from edgessl.reporter import Screen

    with Screen(console()) as screen:
        found = story.plan_transfer(task, asked, screen)
    print(story.describe_transfer_plan(found))


def run_transfer(task: str, asked: Asked, *, fresh: bool) -> None:
    """Train a paper's detector or segmenter and print what it reached.

    Args:
        task: ``detect`` or ``segment``.
        asked: By the user.
        fresh: Whether to start over.
    """
    from edgessl.cli.screen import console
    from edgessl.pipeline.dense.story import follow
    from edgessl.pipeline.dense.transfer import PAPERS
    from edgessl.reporter import Screen

    with Screen(console()) as screen:
        run = follow(PAPERS[task], asked, fresh=fresh, reporter=screen, command=as_typed())
    report = run.report
    seconds = sum(report["throughput"]["seconds"].values())
    for line in (
        f"{report['model']['params'] / 1e6:.2f} M parameters; trained in {seconds:.0f} s.",
        report["verdict"],
        f"report: {run.path / 'report.html'}",
    ):
        console().print(line)
