"""What a run means, in a sentence."""

from __future__ import annotations

from typing import Any


def verdict(report: dict[str, Any]) -> str:
    """Say whether self-supervision paid, from scores on ``test``.

    Args:
        report: ``report.json`` so far: ``data``, ``scores`` and, where there are any,
            ``scores_random``, ``scores_longer`` and the ``start`` of a fine-tuning.
    """
    scores = report.get("scores", {})
    if not scores and report["data"]["classes"]:
        return (
            "Fine-tuning is done; without test images there is nothing to score. "
            "Evaluate it on labelled images that it has not seen: edgessl eval."
        )
    if not scores:
        return (
            "Pretraining is done; without labels there is nothing to score. "
            "Fine-tune or evaluate it on labelled images to see what it is worth."
        )
    supervised = report.get("start", {}).get("supervised", False)
    subject = "Starting from this classifier" if supervised else "Self-supervision"
    longer, start = report.get("scores_longer", {}), report.get("scores_random", {})
    known = {
        "a random start fine-tuned for the same total time": longer.get("finetune_top1"),
        "a random start with the same fine-tuning": start.get("finetune_top1"),
    }
    rivals = {name: score for name, score in known.items() if score is not None}
    tuned = scores.get("finetune_top1")
    if tuned is None:
        rival = start.get("knn_top1")
        return _compare(subject, "kNN", scores["knn_top1"], rival, "random features")
    if rivals:
        name = max(rivals, key=lambda rival: float(rivals[rival]["value"]))
        return _compare(subject, "Fine-tuned top-1", tuned, rivals[name], name)
    return f"Fine-tuned top-1 is {_percent(tuned)}; no baseline was trained to compare it with."


def _compare(
    subject: str, what: str, ours: dict[str, Any], theirs: dict[str, Any] | None, name: str
) -> str:
    if theirs is None:
        return f"{what} is {_percent(ours)}."
    gain = ours["value"] - theirs["value"]
    apart = ours["low"] > theirs["high"] or ours["high"] < theirs["low"]
    facts = f"{what} {_percent(ours)} against {_percent(theirs)} for {name} ({gain:+.1f} points)"
    if gain > 0 and apart:
        return f"{subject} pays here: {facts}; the 95 % intervals do not overlap."
    if gain > 0:
        return f"{subject} seems to help: {facts}; one seed, and the intervals overlap."
    if apart:
        return f"{subject} did not pay here: {facts}."
    return f"No difference is shown: {facts}; the intervals overlap."


def _percent(score: dict[str, Any]) -> str:
    return f"{score['value']:.1f} % [{score['low']:.1f}, {score['high']:.1f}]"
