"""Run folders of made-up answers, to be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.metrics.interval import Score
from edgessl.report.compare.from_run import rows_of_run
from edgessl.report.compare.row import Row
from edgessl.report.folder import read_run
from edgessl.runs import tested_on
from edgessl.runs.stages import BASELINES, evaluated, scores_of

CLASSES = ("cat", "dog")
N = 400


def answers(*rights: range) -> list[bool]:
    """Say which of N images are right: those in any of the ranges."""
    return [any(index in one for one in rights) for index in range(N)]


def write_run(
    folder: Path,
    ours: Sequence[bool],
    baselines: Mapping[str, Sequence[bool]] | None = None,
    *,
    fingerprint: str = "f1",
    images: str = "a",
    classes: Sequence[str] = CLASSES,
    macs: float = 2e6,
    recorded: bool = True,
    **changes: Any,
) -> Path:
    """Write a finished run whose test images are N, the first half of the first class.

    Args:
        folder: Made here.
        ours: Which of them are right.
        baselines: The same of other arms.
        fingerprint: Of the data.
        images: Runs with the same letter were tested on the same images.
        classes: Their names.
        macs: Of the network.
        recorded: Whether it is of an edgessl that records answers and images.
        changes: To report.json.
    """
    folder.mkdir(parents=True)
    arms = {"ours": ours, **(baselines or {})}
    finished: dict[str, Any] = {"pretrain": {"seconds": 1.0, "images_per_s": 1.0}}
    report: dict[str, Any] = {
        "data": {"name": "pets", "classes": list(classes), "fingerprint": fingerprint},
        "recipe": {"name": "tiny", "image": {"crop_px": 32}},
        "model": {"params": 1e6, "macs": macs}, "seed": 0, "verdict": "",
        "throughput": {"seconds": {"pretrain": 60.0, "finetune": 30.0, "finetune_random": 30.0}},
    }  # fmt: skip
    for arm, right in arms.items():
        score = {"finetune_top1": Score.from_counts(sum(right), len(right)).to_dict()}
        report["scores" if arm == "ours" else scores_of(arm)] = score
        bits = np.packbits(np.array(right)).tobytes().hex() if recorded else ""
        stage = "evaluate" if arm == "ours" else evaluated(arm)
        finished[stage] = {"right": bits} if recorded else {}
        file = folder / ("ckpt.pt" if arm == "ours" else BASELINES[arm].file)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 1000)
    (folder / "report.json").write_text(json.dumps(report | changes), encoding="utf-8")
    run = {"identity": {}, "finished": finished}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    lines = [
        {"stage": stage, "step": step, "epoch": step / 4, "loss": 1 / step, "val_top1": 50.0 + step}
        for stage in ("pretrain", "finetune", "finetune_random") for step in range(1, 9)
    ]  # fmt: skip
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if recorded:
        digests = [f"{images}{index:015d}" for index in range(N)]
        labels = [int(index >= N // 2) for index in range(N)]
        paths = [folder / f"{index}.png" for index in range(N)]
        text = tested_on.to_text(fingerprint, digests, labels, paths)
        (folder / tested_on.NAME).write_text(text)
    return folder


def rows(folder: Path) -> list[Row]:
    """Return the rows of a run folder, called as the folder is."""
    return rows_of_run(read_run(folder), folder.name)
