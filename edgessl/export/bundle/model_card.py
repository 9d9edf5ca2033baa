"""``MODEL_CARD.md``: what a network is, how well it was measured, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from edgessl import __version__
from edgessl.artifact import Metadata
from edgessl.export.bundle.licences import licence_of_data, licence_of_weights
from edgessl.export.provenance import portable

SCORES = {
    "finetune_top1": "top-1 of the classifier",
    "linear_top1": "linear probe of the pretrained features",
    "knn_top1": "kNN of the pretrained features",
}
SPLITS = ("train", "unlabeled", "val", "test")
SHOWN_LABELS = 200
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of the run a checkpoint comes from; nothing outside of a run folder.

    Attributes:
        report: Content of ``report.json``.
        record: Content of ``run.json``.
    """

    report: Mapping[str, Any]
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CardModel:
    """One row of the card's table of files.

    Attributes:
        name: The file.
        purpose: What it is for.
        size_mb: Its size.
        gates: The outcome of its checks, as plain values.
    """

    name: str
    purpose: str
    size_mb: float
    gates: Sequence[Mapping[str, Any]]


def model_card(
    metadata: Metadata,
    provenance: Mapping[str, Any],
    run: Run,
    models: Sequence[CardModel],
    *,
    checkpoint: str,
    vectors: str,
) -> str:
    """Write the card from what was measured.

    Args:
        metadata: What every file says about itself.
        provenance: The checkpoint's own; folders of this machine are left out of the card.
        run: What lies beside the checkpoint.
        models: The files.
        checkpoint: Name and checksum of the checkpoint.
        vectors: What the test vectors are.

    Returns:
        Markdown text.
    """
    backbone = (run.report.get("recipe") or {}).get("backbone") or {}
    classifies = bool(metadata.classes)
    name = backbone.get("name") or provenance.get("recipe") or "a small backbone"
    kind = f"classifier of {len(metadata.classes)} classes" if classifies else "features"
    environment = Environment(  # text, not HTML: nothing to escape but the table's bars
        loader=PackageLoader("edgessl.export.bundle", "templates"),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template("model_card.md.j2").render(
        title=f"{name}: {kind}",
        summary=_summary(metadata, str(name)),
        models=[_row(model) for model in models],
        preprocessing=_preprocessing(metadata.preprocess),
        data=_data(provenance, run.report),
        vectors=f"testvectors.npz holds {vectors}",
        method=_method(provenance, run.report),
        scores=_scores(provenance, run.report),
        use=_use(classifies),
        classes=len(metadata.classes),
        licence_data=licence_of_data(provenance.get("data")),
        licence_weights=portable(licence_of_weights(_init(run.record))),
        labels=_labels(metadata.classes),
        version=__version__,
        checkpoint=checkpoint,
    )


def _summary(metadata: Metadata, name: str) -> str:
    gives = {
        "logits": "one logit for each class", "probs": "one probability for each class",
        "features": "features to compare by cosine, or to put a classifier on",
    }[metadata.head]  # fmt: skip
    return (
        f"A {name} for images of {metadata.input_px} x {metadata.input_px} pixels, made with "
        f"edgessl for small devices. It gives {gives}."
    )


def _use(classifies: bool) -> str:
    what = "Naming the class of" if classifies else "Describing"
    return f"Intended use: {what} single images like those it was trained on, on a small device."


def _row(model: CardModel) -> dict[str, Any]:
    numbers: Mapping[str, Any] = next(
        (gate["numbers"] for gate in model.gates if gate["name"] == "accuracy"), {}
    )
    count = {status: 0 for status in ("pass", "fail", "skip")}
    for gate in model.gates:
        count[gate["status"]] = count.get(gate["status"], 0) + 1
    skipped = f", {count['skip']} skipped" if count["skip"] else ""
    return {
        "name": model.name,
        "purpose": model.purpose,
        "size_mb": f"{model.size_mb:.2f}",
        "top1": _percent(numbers.get("top1")),
        "checkpoint_top1": _percent(numbers.get("checkpoint_top1")),
        "gates": f"{count['pass']} passed{skipped}",
        "notes": [
            f"{gate['name']}: {gate['status']}; {gate['finding']}" for gate in model.gates
        ],
    }


def _percent(score: Mapping[str, Any] | None) -> str:
    if not score:
        return NOT_MEASURED
    return f"{score['value']:.1f} [{score['low']:.1f}, {score['high']:.1f}], n = {score['n']}"


def _preprocessing(values: Mapping[str, Any]) -> str:
    return (
        f"RGB, upright (EXIF applied). Shorter side to {values['resize_px']} pixels, "
        f"{values['interpolation']}, antialiased; the central {values['crop_px']} x "
        f"{values['crop_px']}; divided by 255; minus mean {list(values['mean'])}, over standard "
        f"deviation {list(values['std'])}. Files named `e2e` do all of this inside."
    )


def _data(provenance: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str]]:
    data = report.get("data") or {}
    facts = [("name", str(data.get("name") or portable(provenance.get("data")) or "not recorded"))]
    counts = data.get("counts") or {}
    facts += [(f"{name} images", f"{counts[name]:,}") for name in SPLITS if counts.get(name)]
    if provenance.get("label_percent"):
        facts.append(("labels used", f"{provenance['label_percent']} %"))
    if provenance.get("data_fingerprint"):
        facts.append(("fingerprint", str(provenance["data_fingerprint"])[:16]))
    return [*facts, *(("note", str(portable(note))) for note in data.get("notes") or ())]


def _method(provenance: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str]]:
    recipe = report.get("recipe") or {}
    facts = [("recipe", str(portable(provenance.get("recipe")) or "not recorded"))]
    if recipe.get("method"):
        method, epochs = recipe["method"]["name"], (recipe.get("pretrain") or {}).get("epochs")
        facts.append(("pretraining", f"{method}, self-supervised, {epochs} epochs, no teacher"))
    if recipe.get("finetune") and report.get("data", {}).get("classes"):
        facts.append(("fine-tuning", f"{recipe['finetune'].get('epochs')} epochs on the labels"))
    if provenance.get("seed") is not None:
        facts.append(("seed", str(provenance["seed"])))
    if provenance.get("edgessl"):
        facts.append(("trained with", f"edgessl {provenance['edgessl']}"))
    return facts


def _scores(provenance: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str]]:
    scores = report.get("scores") or provenance.get("scores") or {}
    rows = [(text, _percent(scores[key])) for key, text in SCORES.items() if scores.get(key)]
    random = (report.get("scores_random") or {}).get("finetune_top1")
    if random:
        rows.append(("top-1 of the same network from random weights", _percent(random)))
    return rows


def _init(record: Mapping[str, Any]) -> str | None:
    identity = record.get("identity") or {}
    found = identity.get("init")
    return None if found is None else str(found)


def _labels(classes: Sequence[str]) -> str:
    if not classes:
        return "None: it gives features."
    shown = ", ".join(classes[:SHOWN_LABELS])
    more = f", and {len(classes) - SHOWN_LABELS} more" if len(classes) > SHOWN_LABELS else ""
    return f"{shown}{more} (all in `labels.txt`, in the order of the outputs)."
