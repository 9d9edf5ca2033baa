"""What the pseudo-labels of a semi-supervised finish were like, from the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgessl.report.shape import is_figure
from edgessl.runs.stages import CONFIDENT, OURS

_LAST = 0.1  # share of the log lines that the end is


def pseudo_labels(log: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up for ``report.json``.

    Args:
        log: Lines of ``log.jsonl``.

    Returns:
        ``{"pseudo_labels": {"confident_percent", "word", "changes"}}``: how much of them counted
        at the end, and what was found; nothing without such a finish.
    """
    lines = [line for line in log if line.get("stage") in {stage.name for stage in OURS}]
    counted = [line[CONFIDENT] for line in lines if is_figure(line.get(CONFIDENT))]
    if not counted:
        return {}
    last = counted[-max(1, round(_LAST * len(counted))) :]
    judged = [line for line in lines if "health" in line]
    changes = [
        {"step": line["step"], "word": line["health"], "advice": line.get("advice", "")}
        for before, line in zip([{}, *judged], judged, strict=False)
        if line["health"] != before.get("health")
    ]
    word = changes[-1]["word"] if changes else ""
    share = round(sum(last) / len(last), 1)
    return {"pseudo_labels": {"confident_percent": share, "word": word, "changes": changes}}


def pseudo_labels_in_words(found: Mapping[str, Any]) -> list[str]:
    """Tell it in sentences.

    Args:
        found: ``report.json``'s ``pseudo_labels``, or nothing.
    """
    if not found:
        return []
    share = f"{found['confident_percent']:.0f} % of the pseudo-labels counted at the end."
    told = [
        f"Pseudo-labels from step {change['step']}: {change['word']}: {change['advice']}."
        for change in found["changes"] if change["advice"]
    ]
    return [share, *told]


def semi_choice_in_words(found: Mapping[str, Any]) -> str:
    """Tell what ``val`` said of images without label, where a run tried them by itself.

    Args:
        found: ``report.json``'s ``semi_trial``, or nothing.
    """
    if not found:
        return ""
    tried = f"{found['name']} with {found['unlabelled']} images without label"
    facts = (
        f"{found['val_top1']:.1f} % against {found['labels_alone_top1']:.1f} % for "
        f"{found['labelled']} labels alone, on {found['n']} images of val"
    )
    if found["kept"]:
        return f"{tried} is kept: {facts}."
    return f"{tried} is not kept: {facts}."
