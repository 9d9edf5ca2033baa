"""Whether pretraining stayed healthy, from what the doctor wrote into the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgessl.runs.stages import PRETRAIN, TRAIN_TOP1, is_pretraining

_WORDLESS = "warming up"  # the run ended before the doctor could say anything
_REPORTED = ("below_chance", "spread", "dimensions", "views_found", "target_entropy",
             "target_information", "prototype_use")  # fmt: skip


def health(log: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up the doctor's diagnoses for ``report.json``.

    Args:
        log: Lines of ``log.jsonl``.

    Returns:
        ``{"health": {"word", "step", "advice", "changes", and the figures it was judged by}}``;
        nothing for a run without pretraining, or with a supervised one, which nobody watches.
    """
    lines = [line for line in log if is_pretraining(line.get("stage"))]
    judged = [line for line in lines if "health" in line]
    if not lines or any(TRAIN_TOP1 in line for line in lines):
        return {}
    if not judged:
        return {"health": {"word": _WORDLESS, "step": 0, "advice": "", "changes": []}}
    changes, before = [], None
    for line in judged:
        if (line["stage"], line["health"]) != before:
            change = {"stage": line["stage"], "step": line["step"], "word": line["health"]}
            changes.append({**change, "advice": line.get("advice", "")})
            before = (line["stage"], line["health"])
    last = judged[-1]
    return {
        "health": {
            "word": last["health"],
            "step": last["step"],
            "advice": changes[-1]["advice"],
            "changes": changes,
            **{name: last[name] for name in _REPORTED if name in last},
        }
    }


def in_words(found: Mapping[str, Any]) -> list[str]:
    """Tell it in sentences.

    Args:
        found: ``report.json``'s ``health``, or nothing.
    """
    changes = found.get("changes") or []
    if found and not changes:
        return ["Pretraining ended before 50 steps after its warm-up: too early to judge."]
    sentences = []
    for change in changes:
        stage = change.get("stage", PRETRAIN.name)  # an older report has none
        place = "" if stage == PRETRAIN.name else f" of {stage}"
        sentence = f"From step {change['step']}{place}: {change['word']}"
        sentences.append(f"{sentence}: {change['advice']}." if change["advice"] else f"{sentence}.")
    return sentences
