"""``MODEL_CARD.md``, with the licences of what the model was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from edgessl import __version__
from edgessl.artifact import Metadata
from edgessl.export.bundle.certainty import certainty
from edgessl.export.bundle.markdown import plain
from edgessl.export.core import portable
from edgessl.export.product import ExportedFile
from edgessl.export.unchecked import WHY, Unchecked
from edgessl.recipe.method_tables import learns_labels
from edgessl.runs.main_score import WORDS

NAMES = ("LICENSE", "LICENCE", "COPYING")
SIGNS = (
    ("cc0 1.0", "CC0 1.0"),
    ("attribution-noncommercial-sharealike", "CC BY-NC-SA (no commercial use)"),
    ("attribution-noncommercial", "CC BY-NC (no commercial use)"),
    ("attribution-sharealike", "CC BY-SA"),
    ("creative commons attribution", "CC BY"),
    ("apache license", "Apache-2.0"),
    ("mit license", "MIT"),
    ("gnu general public license", "GPL"),
)
"""Words of a licence text, most telling first -> its name."""
UNKNOWN = "not known: no LICENSE file lay beside the images"


def licence_of_data(source: str | None) -> str:
    """Name the licence of a data set.

    Args:
        source: ``demo``, a named set, a folder or a manifest; None where it is not recorded.
    """
    if source == "demo":
        return "drawn by edgessl, Apache-2.0"
    if not source:
        return "not known: the checkpoint names no data"
    place = Path(source)
    folders = (place, place.parent) if place.is_file() else (place,)
    for folder in folders:
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if path.is_file() and path.stem.upper() in NAMES:
                return _named(path.read_text(encoding="utf-8", errors="replace"), path.name)
    return UNKNOWN if any(folder.is_dir() for folder in folders) else "not known"


def _named(text: str, name: str) -> str:
    start = " ".join(text[:2000].lower().split())
    found = next((licence for sign, licence in SIGNS if sign in start), None)
    return f"{found} (the {name} file beside the images)" if found else f"see its {name} file"


def licence_of_weights(init: str | None) -> str:
    """Say whose weights the network started from.

    Args:
        init: ``--init`` of the run; None where it is not recorded.
    """
    if init is None:
        return "not recorded here what the weights started from"
    if init == "none":
        return "trained from random weights; yours, as far as the data's terms allow"
    if not init.startswith("timm:"):
        return f"started from {Path(init).name}; the terms of those weights hold"
    return f"started from {init}{_of_timm(init.removeprefix('timm:'))}; those terms hold too"


def _of_timm(name: str) -> str:
    try:
        import timm

        found = timm.get_pretrained_cfg(name)
    except Exception:  # an unknown name, or a timm that keeps it elsewhere: then it is not known
        return " (licence not known)"
    return f" (licence: {getattr(found, 'license', None) or 'not known'})"


SCORES = {
    "finetune_top1": "top-1 of the classifier",
    "finetune_map": "mAP of the classifier",
    "linear_map": "mAP of linear probes of the pretrained features",
    "finetune_top5": "top-5 of the classifier",
    "finetune_balanced": "balanced accuracy of the classifier (mean recall of the classes)",
    "linear_top1": "linear probe of the pretrained features",
    "supervised_top1": "top-1 of the classifier of supervised pretraining",
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


def model_card(
    metadata: Metadata,
    provenance: Mapping[str, Any],
    run: Run,
    models: Sequence[ExportedFile],
    *,
    checkpoint: str,
    vectors: str,
    packages: Sequence[Unchecked] = (),
) -> str:
    """Write the card from what was measured.

    Args:
        metadata: What every file says about itself.
        provenance: The checkpoint's own; folders of this machine are left out of the card.
        run: What lies beside the checkpoint.
        models: The files.
        checkpoint: Name and checksum of the checkpoint.
        vectors: What the test vectors are.
        packages: Models that nothing could run.

    Returns:
        Markdown text.
    """
    backbone = _table(_table(run.report.get("recipe")).get("backbone"))
    classifies = bool(metadata.classes)
    weights = provenance.get("weights") or {}
    name = backbone.get("name") or provenance.get("recipe") or weights.get("network")
    name = name or "a small backbone"
    several = bool(metadata.thresholds)
    kind = f"classifier of {len(metadata.classes)} classes" if classifies else "features"
    kind += ", several an image" if several else ""
    environment = Environment(  # what comes from outside goes through ``plain``, there or here
        loader=PackageLoader("edgessl.export.bundle", "templates"),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["plain"] = plain
    return environment.get_template("model_card.md.j2").render(
        title=f"{name}: {kind}",
        summary=_summary(metadata, str(name)),
        models=[_row(model) for model in models],
        proven=[(model.path.name, text) for model in models if (text := _proven(model))],
        packages=[(one.name, f"{one.size_mb:.2f}", one.finding, WHY) for one in packages],
        preprocessing=_preprocessing(metadata.preprocess),
        data=_data(provenance, run.report),
        vectors=f"testvectors.npz holds {vectors}",
        method=_method(provenance, run.report),
        scores=_scores(provenance, run.report),
        use=_use(classifies, several),
        several=several,
        metric="mAP" if several else "top-1",
        thresholds=[
            (name, f"{level:.4f}")
            for name, level in zip(metadata.classes, metadata.thresholds, strict=False)
        ],
        classes=len(metadata.classes),
        certainty=certainty(metadata, models),
        licence_data=licence_of_data(provenance.get("data")),
        licence_weights=portable(_licence_of_start(provenance, run)),
        labels=_labels(metadata.classes),
        version=__version__,
        checkpoint=checkpoint,
    )


def _licence_of_start(provenance: Mapping[str, Any], run: Run) -> str:
    """Say whose weights the network started from, as its checkpoint or its run knows."""
    weights = provenance.get("weights")
    if not weights:
        return licence_of_weights(_init(run.record))
    source = portable(weights.get("source", ""))
    return (
        f"started from {source} ({weights.get('came_from')}; licence: {weights.get('licence')}; "
        f"sha256 {weights.get('sha256')}); those terms hold too"
    )


def _summary(metadata: Metadata, name: str) -> str:
    gives = {
        "logits": "one logit for each class",
        "probs": "one probability for each class, from 0 to 1 whatever the others are"
        if metadata.thresholds else "one probability for each class",
        "features": "features to compare by cosine, or to put a classifier on",
        "prototypes": "a score for each class, and features that more classes can be added with "
        "(python run.py --enrol NAME IMAGE...)",
    }[metadata.head]  # fmt: skip
    return (
        f"A {name} for images of {metadata.input_px} x {metadata.input_px} pixels, made with "
        f"edgessl for small devices. It gives {gives}."
    )


def _use(classifies: bool, several: bool) -> str:
    what = "Naming the class of" if classifies else "Describing"
    what = "Finding which classes are in" if several else what
    return f"Intended use: {what} single images like those it was trained on, on a small device."


def _row(file: ExportedFile) -> dict[str, Any]:
    numbers: Mapping[str, Any] = next(
        (gate.numbers for gate in file.gates if gate.name == "accuracy"), {}
    )
    count = Counter(gate.status for gate in file.gates)
    skipped = f", {count['skip']} skipped" if count["skip"] else ""
    return {
        "name": file.path.name,
        "purpose": file.purpose,
        "size_mb": f"{file.size_mb:.2f}",
        "top1": _percent(numbers.get("map") or numbers.get("top1")),
        "checkpoint_top1": _percent(
            numbers.get("checkpoint_map") or numbers.get("checkpoint_top1")
        ),
        "gates": f"{count['pass']} passed{skipped}",
        "notes": [f"{gate.name}: {gate.status}; {gate.finding}" for gate in file.gates],
    }


def _proven(file: ExportedFile) -> str:
    runtimes = file.metadata.provenance.get("proven_with") or {}
    return ", ".join(f"{name} {found}" for name, found in runtimes.items())


def _percent(score: object) -> str:
    numbers = [_table(score).get(key) for key in ("value", "low", "high", "n")]
    if not all(isinstance(number, int | float) for number in numbers):
        return NOT_MEASURED
    value, low, high, n = numbers
    return f"{value:.1f} [{low:.1f}, {high:.1f}], n = {n}"


def _table(found: object) -> Mapping[str, Any]:
    """Return a table of JSON; an empty one for anything else, as damaged files have it."""
    return found if isinstance(found, Mapping) else {}


def _items(found: object) -> Sequence[Any]:
    return found if isinstance(found, list | tuple) else ()


def _preprocessing(values: Mapping[str, Any]) -> str:
    return (
        f"RGB, upright (EXIF applied). Shorter side to {values['resize_px']} pixels, "
        f"{values['interpolation']}, antialiased; the central {values['crop_px']} x "
        f"{values['crop_px']}; divided by 255; minus mean {list(values['mean'])}, over standard "
        f"deviation {list(values['std'])}. Files named `e2e` do all of this inside."
        f"{_value_range(values.get('value_range', {}))}"
    )


def _value_range(ranges: Mapping[str, Sequence[float]]) -> str:
    """Say what becomes of more than 8 bits, which no file can do inside: it takes 8."""
    if not ranges:
        return ""
    told = " and ".join(f"{low:g} to {high:g} of {kind}" for kind, (low, high) in ranges.items())
    return (
        f" Before that, values of files with more than 8 bits a channel are scaled: {told} become "
        "0 to 255, as with the training images; run.py does it, your own program must."
    )


def _data(provenance: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str]]:
    data = _table(report.get("data"))
    facts = [("name", str(data.get("name") or portable(provenance.get("data")) or "not recorded"))]
    counts = _table(data.get("counts"))
    facts += [
        (f"{name} images", f"{counts[name]:,}")
        for name in SPLITS if isinstance(counts.get(name), int) and counts[name]
    ]
    if provenance.get("label_percent"):
        facts.append(("labels used", f"{provenance['label_percent']} %"))
    if provenance.get("labels_per_class"):
        facts.append(("labels used", f"up to {provenance['labels_per_class']} of each class"))
    if provenance.get("data_fingerprint"):
        facts.append(("fingerprint", str(provenance["data_fingerprint"])[:16]))
    notes = (_without_folders(str(note), provenance) for note in _items(data.get("notes")))
    return [*facts, *(("note", note) for note in notes)]


def _without_folders(note: str, provenance: Mapping[str, Any]) -> str:
    """Return a sentence with the names of the run's images for their absolute paths."""
    for key in ("data", "labels", "unlabelled"):
        if source := str(provenance.get(key) or ""):
            note = note.replace(source, str(portable(source)))
    return note


def _method(provenance: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str]]:
    recipe = _table(report.get("recipe"))
    method, pretrain, finetune = (
        _table(recipe.get(key)) for key in ("method", "pretrain", "finetune")
    )
    facts = [("recipe", str(portable(provenance.get("recipe")) or "not recorded"))]
    if method and not _table(_table(report.get("start")).get("weights")):  # else nobody pretrained
        name, kind = method.get("name"), f"{method.get('name')}, self-supervised"
        if learns_labels(name):
            labels = _table(recipe.get("data")).get("labels")
            kind = f"supervised, on {f'the labels {labels}' if labels else 'the classes'}"
        facts.append(("pretraining", f"{kind}, {pretrain.get('epochs')} epochs, no teacher"))
    if finetune and _table(report.get("data")).get("classes"):
        facts.append(("fine-tuning", f"{finetune.get('epochs')} epochs on the labels"))
    if provenance.get("seed") is not None:
        facts.append(("seed", str(provenance["seed"])))
    if provenance.get("edgessl"):
        facts.append(("trained with", f"edgessl {provenance['edgessl']}"))
    return facts


def _scores(provenance: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str]]:
    scores = _table(report.get("scores") or provenance.get("scores"))
    rows = [(text, _percent(scores[key])) for key, text in SCORES.items() if scores.get(key)]
    for key, word in WORDS.items():
        if random := _table(report.get("scores_random")).get(key):
            rows.append((f"{word} of the same network from random weights", _percent(random)))
    if eleven := report.get("finetune_map_11_points"):
        rows.append(("the same by VOC2007's 11 points", _percent(eleven)))
    return rows


def _init(record: Mapping[str, Any]) -> str | None:
    found = _table(record.get("identity")).get("init")
    return None if found is None else str(found)


def _labels(classes: Sequence[str]) -> str:
    if not classes:
        return "None: it gives features."
    shown = plain(", ".join(classes[:SHOWN_LABELS]))
    more = f", and {len(classes) - SHOWN_LABELS} more" if len(classes) > SHOWN_LABELS else ""
    return f"{shown}{more} (all in `labels.txt`, in the order of the outputs)."
