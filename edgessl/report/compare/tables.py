"""A comparison as a table, for CSV."""

from __future__ import annotations

import csv
import io

from edgessl.report.compare.compared import Compared
from edgessl.report.compare.row import BESIDE
from edgessl.runs.main_score import DENSE

COLUMNS = (
    "test", "name", "ship", "top1", "top1_low", "top1_high", "n", "to_best", "to_best_low",
    "to_best_high", "to_best_paired", "to_best_shown", "knn_top1", "linear_top1", "params", "macs",
    "size_px", "size_mb", "precision", "p50_ms", "p50_low_ms", "p50_high_ms", "runtime", "threads",
    "finetune_epochs", "train_s", "recipe", "seed", "arm", "source", "file", "map", "map_low",
    "map_high", "top5", "balanced", "ap50", "ap50_low", "ap50_high", "miou", "miou_low",
    "miou_high",
)  # fmt: skip
_SCORE = (("", "value"), ("_low", "low"), ("_high", "high"))
_LATENCY = (("p50_ms", "p50_ms"), ("p50_low_ms", "low_ms"), ("p50_high_ms", "high_ms"),
            ("runtime", "runtime"), ("threads", "threads"))  # fmt: skip


def to_csv(compared: Compared) -> str:
    """Write a line for each row; empty where a value is not known.

    Args:
        compared: The comparison.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in compared.to_dict()["rows"]:
        score, best, latency = (row[key] or {} for key in ("top1", "to_best", "latency"))
        flat = {f"top1{end}": score.get(key) for end, key in _SCORE}
        for name in ("map", *DENSE):
            if found := row.get(name):
                flat |= {f"{name}{end}": found.get(key) for end, key in _SCORE}
                score = found
        flat |= {f"to_best{end}": best.get(key) for end, key in _SCORE}
        flat |= {"n": score.get("n"), "to_best_paired": best.get("paired"),
                 "to_best_shown": best.get("shown")}  # fmt: skip
        flat |= {column: latency.get(key) for column, key in _LATENCY}
        values = ("knn_top1", "linear_top1", *BESIDE)
        features = {key: (row.get(key) or {}).get("value") for key in values}
        writer.writerow({**row, **flat, **features})
    return text.getvalue()
