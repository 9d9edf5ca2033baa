"""``edgessl eval --protocol map``: a network scored on images with several labels each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.dataset import Dataset, as_scaled_by
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.tagged import TagTable, tag_table
from edgessl.evaluate.network import Network, match_classes
from edgessl.evaluate.protocols import OWN_ANSWERS
from edgessl.metrics.interval import Score
from edgessl.metrics.tag_thresholds import ClassDecisions, class_decisions
from edgessl.metrics.tags import (
    OneClass,
    average_precision,
    class_precisions,
    eleven_point_precision,
    fit_tag_probe,
    map_of_chance,
    mean_average_precision,
)
from edgessl.pipeline.general import AS_THEY_ARE, AsFeatures
from edgessl.pipeline.score.scored_images import choose_images, choose_tagged
from edgessl.pipeline.score.scored_network import open_scored

TAGS_PROTOCOL = "map"
TAGS_PROTOCOLS: dict[str, OneClass] = {
    TAGS_PROTOCOL: average_precision, "map11": eleven_point_precision,
}  # fmt: skip
"""How the average precision of a class is computed: over all points, or VOC2007's eleven."""


@dataclass(frozen=True, slots=True)
class EvaluatedTags:
    """The outcome of ``edgessl eval --protocol map`` or ``map11``.

    Attributes:
        model: The file that was scored.
        dataset: The images.
        score: Mean average precision on test, in percent.
        precisions: Average precision of each class, in percent; None if test does not show it.
        inverse_penalty: Of the linear classifiers, as chosen on train; None for a classifier's own
            answers.
        protocol: A key of ``TAGS_PROTOCOLS``.
        decisions: Of a classifier, each class at its threshold; empty for features.
        told: Which images were scored, in a sentence.
        warning: What makes the score mean less than it seems; empty if nothing does.
    """

    model: Path
    dataset: Dataset
    score: Score
    precisions: dict[str, float | None]
    inverse_penalty: float | None
    protocol: str = TAGS_PROTOCOL
    decisions: tuple[ClassDecisions, ...] = ()
    told: str = ""
    warning: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided about the images."""
        return (*self.dataset.notes, *((self.told,) if self.told else ()))

    @property
    def about(self) -> str:
        """What the score is of, in a few words."""
        table = tag_table(self.dataset, self.dataset.test)
        chance = map_of_chance(table.shown, table.difficult)
        return (
            f"{self.score.n} test images, {len(self.precisions)} classes; a ranking by chance "
            f"gives about {chance:.1f} %"
        )

    @property
    def meaning(self) -> str:
        """What was scored, in words."""
        points = ", 11 points" if self.protocol != TAGS_PROTOCOL else ""
        of = "the classifier" if self.inverse_penalty is None else (
            "linear classifiers on frozen features"
        )
        return f"mean average precision of {of}{points}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the score mean less than it seems."""
        return (self.warning,) if self.warning else ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "model": str(self.model),
            "protocol": self.protocol,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "score": self.score.to_dict(),
            "scored": "features" if self.inverse_penalty is not None else "classifier",
            "classes": list(self.precisions),
            "average_precision": self.precisions,
            **({"labels": [asdict(one) for one in self.decisions]} if self.decisions else {}),
        }


def evaluate_tags(
    model: Path,
    data: str,
    asked: AsFeatures = AS_THEY_ARE,
    *,
    protocol: str = TAGS_PROTOCOL,
    device: str = "cpu",
    reading: Reading = AS_FOUND,
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> EvaluatedTags:
    """Score by mean average precision: a classifier of several labels an image by its own answers.

    Any other network is scored by its frozen features, on which a linear classifier is fitted for
    each class. As VOC 2007 is used: a class that is difficult to recognise counts as shown in
    training, and such images are neither right nor wrong in the score. S3L fine-tunes for the same
    score (Cao & Wu 2021, arXiv:2103.13559, and its code).

    Args:
        model: A checkpoint or an exported file.
        data: What the user passed as ``--data``.
        asked: How general weights are opened.
        protocol: A key of ``TAGS_PROTOCOLS``.
        device: Where a checkpoint runs; one of ``device.NAMES``.
        reading: How the images are to be read, where that is said.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: The images do not have several labels each, or the file cannot be used.
    """
    rule = TAGS_PROTOCOLS[protocol]
    network = open_scored(model, None, asked, device=device, trust=trust)
    if network.thresholds:
        return _own_answers(network, model, data, protocol, rule, reading, say)
    network = open_scored(model, "features", asked, device=device, trust=trust)
    say("checking images")
    images = choose_tagged(data, protocol, model, network.provenance, reading)
    dataset = as_scaled_by(network.value_range, images.dataset)
    features = []
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        say(f"reading {len(split)} {name} images")
        features.append(network.outputs(split.paths, split.digests).double().numpy())
    say("fitting linear classifiers")
    probe = fit_tag_probe(features[0], tag_table(dataset, dataset.train).targets)
    say(f"scoring ({protocol})")
    table, scores = tag_table(dataset, dataset.test), probe.scores(features[1])
    return EvaluatedTags(
        model, dataset, mean_average_precision(scores, table.shown, table.difficult, rule),
        _precisions(dataset.classes, scores, table, rule), probe.inverse_penalty, protocol,
        told=images.told, warning=images.warning,
    )  # fmt: skip


def _own_answers(
    network: Network, model: Path, data: str, protocol: str, rule: OneClass, reading: Reading,
    say: Callable[[str], None],
) -> EvaluatedTags:
    """Score what a classifier says itself."""
    say("checking images")
    images = choose_images(data, protocol, OWN_ANSWERS, model, network.provenance, reading)
    dataset = as_scaled_by(network.value_range, images.dataset)
    match_classes(dataset.classes, network.classes, dataset.name)
    split = dataset.test
    say(f"reading {len(split)} test images")
    outputs = network.outputs(split.paths, split.digests).double()
    found = (outputs if network.head == "probs" else outputs.sigmoid()).numpy()
    say(f"scoring ({protocol})")
    table = tag_table(dataset, split, network.classes)
    return EvaluatedTags(
        model, dataset, mean_average_precision(found, table.shown, table.difficult, rule),
        _precisions(network.classes, found, table, rule), None, protocol,
        class_decisions(
            network.classes, found, network.thresholds, table.shown, table.difficult
        ),
        images.told, images.warning,
    )  # fmt: skip


def _precisions(
    classes: tuple[str, ...], scores: NDArray[np.float64], table: TagTable, rule: OneClass
) -> dict[str, float | None]:
    found = 100.0 * class_precisions(scores, table.shown, table.difficult, rule)
    return {
        name: None if np.isnan(value) else round(float(value), 2)
        for name, value in zip(classes, found, strict=True)
    }
