"""What a card says of probabilities: their calibration, and when there is no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl.artifact import Metadata
from edgessl.export.product import ExportedFile


def certainty(metadata: Metadata, models: Sequence[ExportedFile]) -> list[str]:
    """Return sentences about the probabilities of a classifier.

    Args:
        metadata: What every file says about itself.
        models: The files, with what their gates found.
    """
    return [*_answers(metadata, models), _calibration(metadata, models)]


def _numbers(model: ExportedFile) -> Mapping[str, Any]:
    return next((gate.numbers for gate in model.gates if gate.name == "accuracy"), {})


def _answers(metadata: Metadata, models: Sequence[ExportedFile]) -> list[str]:
    count = len(metadata.classes)
    if metadata.reject_below is None:
        return [
            f"It knows {count} classes and always names one of them, also for an image of none of "
            "them."
        ]
    below = f"{100 * metadata.reject_below:.1f} %"
    chosen = metadata.provenance.get("reject") or {}
    told = (
        f"It knows {count} classes. Where the likeliest of them has a probability under {below}, "
        "the answer is none of these. "
    )
    others = "images of other things are refused more often, but not always."
    if "percent" in chosen:
        told += (
            f"The threshold was chosen so that {chosen['percent']:g} % of the answers on "
            f"{chosen.get('chosen_on')} are under it: {others}"
        )
    else:
        told += others.capitalize()
    found = [(model, _numbers(model).get("reject")) for model in models]
    return [told, *(_on_test(model.path.name, reject) for model, reject in found if reject)]


def _on_test(name: str, reject: Mapping[str, Any]) -> str:
    coverage, accuracy = reject["coverage"], reject["accuracy"]
    right = f", {_score(accuracy)} of them rightly" if accuracy else ""
    return f"{name} with this threshold answers {_score(coverage)} of the test images{right}."


def _score(score: Mapping[str, Any]) -> str:
    return f"{score['value']:.1f} % [{score['low']:.1f}, {score['high']:.1f}]"


def _calibration(metadata: Metadata, models: Sequence[ExportedFile]) -> str:
    fitted = metadata.provenance.get("calibration") or {}
    if not fitted:
        return "A probability is the network's own; it was not calibrated."
    if kept := fitted.get("kept"):
        told = f"A probability is the network's own; it was not calibrated: {kept}."
    else:
        told = (
            f"Logits are divided by a temperature of {metadata.temperature:.3f} inside the files, "
            f"fitted on {fitted['images']} images of val, so that a probability is near to how "
            "often the answer is right."
        )
    errors = [f"{_score(ece)} through {model.path.name}" for model in models
              if (ece := _numbers(model).get("ece"))]  # fmt: skip
    if not errors:
        return told
    listed = ", ".join(errors)
    return f"{told} Expected calibration error on test (15 bins of equally many): {listed}."
