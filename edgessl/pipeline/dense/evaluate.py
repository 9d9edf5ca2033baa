"""The story of ``edgessl eval`` for a dense network: its figure on images with answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgessl.data.original import Original
from edgessl.pipeline.dense.opened import open_network


def evaluate(
    model: Path, data: str, *, trust: bool = False, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Score a checkpoint or a file on the ``test`` of images with boxes or masks.

    Args:
        model: ``ckpt.pt``, or a file that ``edgessl export`` wrote of it.
        data: A folder as the network was trained on.
        trust: Whether to open a ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        Plain values: ``model``, ``protocol``, and what ``report.json`` has of the scores.

    Raises:
        UserError: Something does not exist or does not fit.
    """
    network = open_network(model, trust=trust)
    task = network.task
    say("reading the images")
    images = task.data.load(data, None)
    test = task.data.renumbered(images, network.classes, images.test)
    say(f"answering for {len(test)} test images")
    answers = (network.ask(Original(one.path, one.digest).read()) for one in test)
    judged = task.judging.judge(answers, test, network.classes)
    return {
        "model": str(model), "protocol": task.judging.figure, "data": images.source,
        **judged.facts(),
    }  # fmt: skip
