"""Facts of a run as pairs of words: data, network, time, machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgessl.data.dataset import by_use
from edgessl.metrics.class_counts import ClassCounts
from edgessl.page.render import Facts
from edgessl.report.pseudo_labels import semi_choice_in_words
from edgessl.runs.stages import FINETUNE, PRETRAIN, SEMI

_SPLITS = ("train", "unlabeled", "val", "test")


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds of one stage, and its share of the whole in percent."""

    name: str
    text: str
    percent: float


def data_facts(data: Mapping[str, Any]) -> Facts:
    """Describe the images.

    Args:
        data: ``report.json``'s ``data``.
    """
    counts = by_use(data.get("counts") or {}, data.get("classes") or ())
    shown = {name: counts[name] for name in _SPLITS if counts.get(name)}
    facts = [("images", f"{sum(shown.values()):,}")] if shown else []
    facts += [(_SPLIT_WORDS[name], f"{count:,}") for name, count in shown.items()]
    if data.get("classes"):
        facts.append(("classes", f"{len(data['classes']):,}"))
    facts += _class_facts(data)
    if data.get("quarantined"):
        facts.append(("left out, unreadable", f"{data['quarantined']:,}"))
    if data.get("fingerprint"):
        facts.append(("fingerprint", str(data["fingerprint"])[:16]))
    return facts


def _class_facts(data: Mapping[str, Any]) -> Facts:
    """Tell how unequal the classes are, in each split where that is so."""
    classes, facts = tuple(data.get("classes") or ()), []
    for split, found in (data.get("class_counts") or {}).items():
        counts = ClassCounts(classes, tuple(found))
        if len(found) == len(classes) and (counts.unequal or (split == "train" and counts.single)):
            facts.append((f"unequal classes, {split}", counts.in_words()))
    return facts


_SPLIT_WORDS = {
    "train": "train",
    "unlabeled": "unlabelled",
    "val": "val (choices are made on it)",
    "test": "test (read once)",
}


def network_facts(report: Mapping[str, Any]) -> Facts:
    """Describe the network and how fast it was trained.

    Args:
        report: ``report.json``.
    """
    model, recipe = report.get("model") or {}, report.get("recipe") or {}
    throughput, device = report.get("throughput") or {}, report.get("device") or {}
    facts = []
    backbone = (recipe.get("backbone") or {}).get("name")
    method = (recipe.get("method") or {}).get("name")
    facts += [("backbone", str(backbone))] if backbone else []
    fine_tuned = (report.get("start") or {}).get("weights")  # directly: no method was run
    facts += [("method", str(method))] if method and not fine_tuned else []
    facts += _weights_facts(report.get("weights") or fine_tuned)
    facts += [("parameters", _count(model["params"]))] if model.get("params") else []
    if model.get("last_stage") == "remove":
        facts.append(("counted", "without the last stage, which fine-tuning adds"))
    crop_px = (recipe.get("image") or {}).get("crop_px")
    size = f" of {crop_px} px" if crop_px else ""
    facts += [(f"MACs an image{size}", _count(model["macs"]))] if model.get("macs") else []
    if throughput.get("images_per_s"):
        stages = throughput.get("seconds") or {}
        activity = "pretraining" if not stages or PRETRAIN.name in stages else "fine-tuning"
        facts.append((activity, f"{throughput['images_per_s']:,.0f} images/s"))
    facts += [_stage_fact(stage) for stage in report.get("stages") or ()]
    facts += _finetuning_facts(report)
    if throughput.get("data_share") is not None:
        facts.append(("waiting for data", f"{100 * throughput['data_share']:.0f} % of the time"))
    if throughput.get("bottleneck"):
        facts.append(("time went to", str(throughput["bottleneck"])))
    for key, name in (("gpu", "GPU"), ("cpu", "CPU"), ("cores", "cores"), ("torch", "torch")):
        if device.get(key):
            facts.append((name, str(device[key])))
    facts += [("seed", str(report["seed"]))] if report.get("seed") is not None else []
    return facts


def _finetuning_facts(report: Mapping[str, Any]) -> Facts:
    """Tell how the classifier that is scored and exported was chosen."""
    choice = report.get("semi_trial") or {}
    stage = SEMI.name if choice.get("kept") else FINETUNE.name
    told = semi_choice_in_words(choice)
    facts = [("images without label", told)] if told else []
    facts += _kept_facts((report.get("kept") or {}).get(stage))
    if share := (report.get("of_start") or {}).get(stage):
        facts.append(("of its start", f"{100 * share['share']:.0f} % {share['why']}"))
    if adjusted := (report.get("adjusted") or {}).get(stage):
        facts.append(("unequal classes", f"tau = {adjusted['tau']:g}: {adjusted['why']}"))
    return facts


def _weights_facts(weights: Mapping[str, Any] | None) -> Facts:
    """Describe the general weights that the run started from."""
    if not weights:
        return []
    source, licence = weights.get("source", ""), weights.get("licence", "not known")
    return [
        ("started from", f"{source} ({weights.get('came_from', '')}; licence: {licence})"),
        ("sha256 of those weights", str(weights.get("sha256", ""))),
    ]


def _kept_facts(kept: Mapping[str, Any] | None) -> Facts:
    """Tell which epoch of fine-tuning is scored and exported."""
    if not kept:
        return []
    ended = f", ended after {kept['last']}" if kept["last"] < kept["epochs"] else ""
    return [("epoch kept", f"{kept['epoch']} of {kept['epochs']}{ended}: {kept['why']}")]


def _stage_fact(stage: Mapping[str, Any]) -> tuple[str, str]:
    """Describe a stage of pretraining."""
    sizes = " + ".join(str(size) for size in stage["views_px"])
    return (
        str(stage["name"]),
        f"{stage['epochs']:,} epochs of {sizes} px, {stage['images_per_s']:,.0f} images/s, "
        f"{duration(stage['seconds'])}",
    )


def stage_times(report: Mapping[str, Any]) -> list[StageTime]:
    """Say where the time went, in the order of the stages.

    Args:
        report: ``report.json``.
    """
    seconds = (report.get("throughput") or {}).get("seconds") or {}
    total = sum(seconds.values())
    return [
        StageTime(name.replace("_", " "), duration(value), 100 * value / total)
        for name, value in seconds.items()
        if value > 0
    ]


def duration(seconds: float) -> str:
    """Write a time in two units at most, such as ``3 min 20 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"


def _count(number: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.2f} {unit}"
    return f"{number:.0f}"
