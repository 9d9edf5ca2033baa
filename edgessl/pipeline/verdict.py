"""Whether pretraining paid, in a sentence or two, and what to do where it did not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.recipe.backbones import TIMM
from edgessl.recipe.method_tables import learns_labels
from edgessl.runs.main_score import PROBES, WORDS, main_key
from edgessl.runs.stages import BASELINES, FROM_WEIGHTS, scores_of

_WORDS = {
    "longer": "a random start fine-tuned for the same total time",
    "random": "a random start with the same fine-tuning",
    "init-longer": "{weights} fine-tuned directly for the same total time",
    "init": "{weights} fine-tuned directly",
}

_ALONE = (("knn_top1", "kNN"), ("linear_top1", "Linear"), ("supervised_top1", "Top-1"))

_FROM_CLASSIFIER = "Starting from this classifier"
_FROM_WEIGHTS = "Starting from these weights"


@dataclass(frozen=True, slots=True)
class _Rival:
    """The best baseline.

    Attributes:
        name: As of ``--baselines``.
        words: What it is.
        score: Its top-1 or mAP: ``value low high``, percent.
        arm: What ``report.json`` says of it in ``arms``; empty in one of an older edgessl.
    """

    name: str
    words: str
    score: Mapping[str, Any]
    arm: Mapping[str, Any]


def verdict(report: Mapping[str, Any]) -> str:
    """Say whether pretraining paid, from scores on ``test``.

    Ours is compared with the best arm that was trained.

    Args:
        report: ``report.json`` so far: ``data``, ``scores`` and, where there are any, the scores of
            baselines, ``arms``, ``init`` and the ``start`` of a fine-tuning.
    """
    scores = report.get("scores", {})
    protocols = _scored_by(report)
    if not scores and report["data"]["classes"] and "finetune" not in protocols:
        return (
            "Pretraining is done; its recipe asks for no scores. Fine-tune or evaluate it on "
            "labelled images to see what it is worth."
        )
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
    subject = _subject(report)
    key = main_key(scores)
    tuned = scores.get(key)
    if tuned is None:
        features = report.get("scores_random", {}).get("knn_top1")
        if features is None or "knn_top1" not in scores:
            told = [f"{name} is {_percent(scores[key])}." for key, name in _ALONE if key in scores]
            return " ".join(told)
        return _unpaired(subject, "kNN", scores["knn_top1"], features, "random features")
    return _beside_baselines(report, subject, key) + _beside_probe(report, key)


def _beside_baselines(report: Mapping[str, Any], subject: str, key: str) -> str:
    """Compare the fine-tuned network with the best arm that was trained."""
    tuned, metric = report["scores"][key], f"fine-tuned {WORDS[key]}"
    rival = _best_rival(report)
    probe = report["scores"].get(PROBES[key])
    if rival is None and subject == _FROM_WEIGHTS and probe is not None:
        name = "a linear probe on the weights as they are"
        return _unpaired("Fine-tuning", WORDS[key], tuned, probe, name)
    if rival is None:
        return (
            f"Fine-tuned {WORDS[key]} is {_percent(tuned)}; no baseline was trained to compare it "
            "with."
        )
    words = rival.words + _epochs(report, rival)
    if "difference" not in rival.arm:
        return _unpaired(subject, metric, tuned, rival.score, words)
    return _paired(subject, metric, tuned, rival, words)


def _beside_probe(report: Mapping[str, Any], key: str) -> str:
    """Tell where a classifier alone, on the frozen backbone, is better than fine-tuning."""
    tuned, probe = report["scores"][key], report["scores"].get(PROBES[key])
    if probe is None or probe["low"] <= tuned["high"]:
        return ""
    told = f" A linear probe on the backbone before fine-tuning is better, {_percent(probe)}"
    recipe = report.get("recipe") or {}
    if (recipe.get("backbone") or {}).get("last_stage", "keep") != "keep":
        return f"{told}."  # the stage that grows back is random: it has to be trained
    decays = (recipe.get("finetune") or {}).get("layer_decay", 1) != 1
    also = " --set finetune.layer_decay=1" if decays else ""
    return f"{told}: train the classifier alone with --set finetune.trains=classifier{also}."


def _scored_by(report: Mapping[str, Any]) -> Collection[str]:
    """Return what the run was scored by; runs of an older edgessl were all fine-tuned."""
    table = (report.get("recipe") or {}).get("evaluate") or {}
    return tuple(table.get("protocols", ("finetune",)))


def _subject(report: Mapping[str, Any]) -> str:
    """Name what is judged."""
    if report.get("start", {}).get("weights"):
        return _FROM_WEIGHTS
    if report.get("start", {}).get("supervised", False):
        return _FROM_CLASSIFIER
    method = (report.get("recipe") or {}).get("method") or {}
    learned = "Supervised pretraining" if learns_labels(method.get("name")) else "Self-supervision"
    with_others = (report.get("semi_trial") or {}).get("kept")
    return f"{learned} with pseudo-labels" if with_others else learned


def weights_in_words(init: str) -> str:
    """Name the weights that a run starts from.

    Args:
        init: ``--init``.
    """
    if init == "imagenet" or init.startswith("imagenet:"):
        return "the ImageNet weights"
    return f"the weights of {init if init.startswith(TIMM) else Path(init).name}"


def _best_rival(report: Mapping[str, Any]) -> _Rival | None:
    weights = weights_in_words(str(report.get("init", "")))
    rivals = []
    for name in BASELINES:
        found = report.get(scores_of(name)) or {}
        score = found.get(main_key(found))
        if score is not None:
            arm = report.get("arms", {}).get(name, {})
            rivals.append(_Rival(name, _WORDS[name].format(weights=weights), score, arm))
    return max(rivals, key=lambda rival: float(rival.score["value"]), default=None)


def _epochs(report: Mapping[str, Any], rival: _Rival) -> str:
    """Tell how long both were fine-tuned, where that differs."""
    ours = report.get("arms", {}).get("ours", {}).get("epochs")
    theirs = rival.arm.get("epochs")
    return f" ({theirs} epochs of fine-tuning, ours {ours})" if ours != theirs else ""


def _paired(
    subject: str, metric: str, ours: Mapping[str, Any], rival: _Rival, words: str
) -> str:
    """Claim what the paired interval of the difference shows."""
    found = rival.arm["difference"]
    value, low, high = (float(found[key]) for key in ("value", "low", "high"))
    facts = (
        f"{metric} {_percent(ours)} against {_percent(rival.score)} for {words}: "
        f"{value:+.1f} points [{low:+.1f}, {high:+.1f}], paired on the same {found['n']} test "
        "images; one seed."
    )
    if low > 0:
        return f"{subject} pays here: {facts}"
    if high >= 0:
        return f"No difference is shown: {facts}{_cheaper(rival)}"
    return (
        f"{subject} did not pay here: {facts} {_doing(rival)} is better by {-value:.1f} points "
        f"[{-high:.1f}, {-low:.1f}]: {_instead(subject, rival)}"
    )


def _doing(rival: _Rival) -> str:
    what, _, how = rival.words.partition(" fine-tuned")
    if rival.name in FROM_WEIGHTS:
        return f"Fine-tuning {what}{how}"
    return f"{rival.words[0].upper()}{rival.words[1:]}"


def _cheaper(rival: _Rival) -> str:
    """Say how to do without pretraining that is not shown to be worth its time."""
    command = rival.arm.get("command")
    if not command:
        return ""
    return (
        f" Pretraining is not shown to be worth its time; without it: `{command}` "
        f"({_lies(rival)})."
    )


def _instead(subject: str, rival: _Rival) -> str:
    starts = subject in (_FROM_CLASSIFIER, _FROM_WEIGHTS)
    skip = "do without this start" if starts else "skip pretraining"
    command = rival.arm.get("command")
    return f"{skip}{f': `{command}`' if command else ''} ({_lies(rival)})."


def _lies(rival: _Rival) -> str:
    return f"its checkpoint is {rival.arm['checkpoint']} in the run folder"


def _unpaired(
    subject: str, what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], name: str
) -> str:
    """Claim what two separate intervals show: for scores of which no more is known."""
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


def _percent(score: Mapping[str, Any]) -> str:
    return f"{score['value']:.1f} % [{score['low']:.1f}, {score['high']:.1f}]"
