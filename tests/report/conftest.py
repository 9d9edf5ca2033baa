"""A small run folder such as ``edgessl recipe`` leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CLASSES = ["dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt",
           "t-shirt"]  # fmt: skip
MakeRun = Callable[..., Path]


def score(correct: int, n: int = 713) -> dict[str, float]:
    value = 100 * correct / n
    half = 196 * (value / 100 * (1 - value / 100) / n) ** 0.5
    return {"value": value, "low": max(0.0, value - half), "high": min(100.0, value + half), "n": n}


def confusion(classes: int, draw: np.random.Generator) -> list[list[int]]:
    matrix = draw.poisson(0.35, (classes, classes))
    matrix += np.diag(draw.integers(12, 60, classes))
    matrix[min(2, classes - 1), 9 % classes] += 14
    return [[int(cell) for cell in row] for row in matrix]


def report_document(classes: list[str]) -> dict[str, Any]:
    return {
        "edgessl": "0.1.0",
        "name": "clothing10 · mobilenetv2-dino",
        "command": "edgessl recipe mobilenetv2-dino --data clothing10 --seed 0",
        "verdict": "Pretraining pays: fine-tuned top-1 is 73.6 %, 11.6 points above a random start "
        "trained for the same total time, and the intervals do not overlap.",
        "next": "edgessl export runs/clothing10-mobilenetv2-dino/ckpt.pt --onnx",
        "data": {
            "name": "clothing10",
            "classes": classes,
            "counts": {"train": 2281, "unlabeled": 0, "val": 253, "test": 713},
            "fingerprint": "7c1e0c4b9f2a4d55b0b8a1",
            "notes": ["253 training images, 10 % of each class, are held out by content as val.",
                      "12 files have a twin of identical content."],
            "quarantined": 3,
        },
        "recipe": {"backbone": {"name": "mobilenetv2"},
                   "method": {"name": "dino", "prototypes": 1024}},
        "scores": {"knn_top1": score(421), "linear_top1": score(437), "finetune_top1": score(525)},
        "scores_random": {
            "knn_top1": score(246), "linear_top1": score(231), "finetune_top1": score(371),
        },
        "scores_longer": {"finetune_top1": score(442)},
        "thumbnail_knn_top1": score(347),
        "confusion": confusion(len(classes), np.random.default_rng(3)),
        "throughput": {
            "images_per_s": 212.4,
            "data_share": 0.17,
            "seconds": {"pack": 14.2, "pretrain": 512.0, "finetune": 121.0,
                        "finetune_random": 120.0, "finetune_longer": 634.0, "evaluate": 31.0},
        },
        "model": {"params": 2_223_872, "macs": 24_500_000},
        "device": {"device": "cpu", "cpu": "Some CPU @ 2.60GHz", "cores": 2, "torch": "2.15.0"},
        "seed": 0,
    }  # fmt: skip


def log_lines() -> list[dict[str, Any]]:
    draw = np.random.default_rng(1)
    lines: list[dict[str, Any]] = []
    for step in range(1, 361):
        epoch = step / 12
        loss = 3.1 + 3.8 * exp(-epoch / 6) + float(draw.normal(0, 0.08))
        lines.append({"stage": "pretrain", "step": step, "epoch": epoch, "loss": loss, "lr": 0.1})
        if step % 24 == 0:
            knn = 60 - 30 * exp(-epoch / 8) + float(draw.normal(0, 1))
            lines.append({"stage": "pretrain", "step": step, "epoch": epoch, "knn_top1": knn})
    for stage, floor, epochs in (("finetune", 0.5, 15), ("finetune_random", 1.1, 15),
                                 ("finetune_longer", 0.8, 60)):  # fmt: skip
        for step in range(1, epochs * 8 + 1):
            loss = floor + 1.7 * exp(-step / 40) + float(draw.normal(0, 0.05))
            lines.append({"stage": stage, "step": step, "epoch": step / 8, "loss": loss})
    return lines


def views() -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    draw = np.random.default_rng(2)
    ramp = np.linspace(0, 160, 48)[None, :] + np.linspace(0, 80, 48)[:, None]
    originals = (ramp + draw.integers(0, 60, (6, 3, 1, 1))).clip(0, 255).astype(np.uint8)
    whole = originals[:, None, :, :32, :32].repeat(2, axis=1)
    return {
        "originals": originals,
        "global": whole,
        "local": originals[:, None, :, 10:28, 10:28].repeat(6, axis=1),
    }


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run folder; keyword arguments change its report.json."""

    def make(classes: int = 10, **changes: Any) -> Path:
        names = CLASSES[:classes] + [f"class {index}" for index in range(10, classes)]
        folder = tmp_path / "runs" / "clothing10-mobilenetv2-dino"
        folder.mkdir(parents=True)
        document = report_document(names) | changes
        (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
        (folder / "run.json").write_text(json.dumps({"seed": 0}), encoding="utf-8")
        lines = "".join(json.dumps(line) + "\n" for line in log_lines())
        (folder / "log.jsonl").write_text(lines, encoding="utf-8")
        (folder / "recipe.toml").write_text(
            'name = "mobilenetv2-dino"\n\n[method]\nname = "dino"\n'
        )
        np.savez(folder / "views.npz", **views())  # type: ignore[arg-type]
        return folder

    return make
