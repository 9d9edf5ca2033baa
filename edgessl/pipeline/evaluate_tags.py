"""``edgessl eval --protocol map``: frozen features, scored on images with several labels each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.dataset import Dataset, Split, as_scaled_by
from edgessl.data.load import load_dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.errors import UserError
from edgessl.metrics.interval import Score
from edgessl.metrics.tags import class_precisions, fit_tag_probe, mean_average_precision
from edgessl.pipeline.general import AS_THEY_ARE, AsFeatures
from edgessl.pipeline.scored_network import open_scored

TAGS_PROTOCOL = "map"


@dataclass(frozen=True, slots=True)
class EvaluatedTags:
    """The outcome of ``edgessl eval --protocol map``.

    Attributes:
        model: The file that was scored.
        dataset: The images.
        score: Mean average precision on test, in percent.
        precisions: Average precision of each class, in percent; None if test does not show it.
        inverse_penalty: Of the linear classifiers, as chosen on train.
    """

    model: Path
    dataset: Dataset
    score: Score
    precisions: dict[str, float | None]
    inverse_penalty: float

    @property
    def protocol(self) -> str:
        """How it was scored."""
        return TAGS_PROTOCOL

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided about the images."""
        return self.dataset.notes

    @property
    def about(self) -> str:
        """What the score is of, in a few words."""
        return f"{self.score.n} test images, {len(self.precisions)} classes"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the score mean less than it seems: nothing that is known."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "model": str(self.model),
            "protocol": TAGS_PROTOCOL,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "score": self.score.to_dict(),
            "classes": list(self.precisions),
            "average_precision": self.precisions,
        }


def evaluate_tags(
    model: Path,
    data: str,
    asked: AsFeatures = AS_THEY_ARE,
    *,
    device: str = "cpu",
    reading: Reading = AS_FOUND,
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> EvaluatedTags:
    """Score frozen features by linear classifiers, one a class, by mean average precision.

    As VOC 2007 is used: a class that is difficult to recognise counts as shown in training, and
    such images are neither right nor wrong in the score. S3L fine-tunes for the same score
    (Cao & Wu 2021, arXiv:2103.13559, and its code); here the network stays frozen.

    Args:
        model: A checkpoint or an exported file that gives features.
        data: What the user passed as ``--data``.
        asked: How general weights are opened.
        device: Where a checkpoint runs; one of ``device.NAMES``.
        reading: How the images are to be read, where that is said.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: The images do not have several labels each, or the file cannot be used.
    """
    network = open_scored(model, "features", asked, device=device, trust=trust)
    dataset = as_scaled_by(
        network.value_range, load_dataset(data, reading=reading, download=False)
    )
    if not dataset.tags:
        raise UserError(
            f"{dataset.source}: must have images with several labels each for --protocol map, as "
            "voc2007 has, found others; use --protocol knn, linear or top1"
        )
    features = []
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        say(f"reading {len(split)} {name} images")
        features.append(network.outputs(split.paths, split.digests).double().numpy())
    say("fitting linear classifiers")
    shown, difficult = _tables(dataset, dataset.train)
    probe = fit_tag_probe(features[0], shown | difficult)
    shown, difficult = _tables(dataset, dataset.test)
    say("scoring (map)")
    scores = probe.scores(features[1])
    found = 100.0 * class_precisions(scores, shown, difficult)
    precisions = {
        name: None if np.isnan(value) else round(float(value), 2)
        for name, value in zip(dataset.tag_names, found, strict=True)
    }
    score = mean_average_precision(scores, shown, difficult)
    return EvaluatedTags(model, dataset, score, precisions, probe.inverse_penalty)


def _tables(dataset: Dataset, split: Split) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which classes each image shows, and which in difficult ways only, ``(N, K)``."""
    names = dataset.tag_names
    tags = [dataset.tags[path] for path in split.paths]
    shown = np.array([[name in one.shown for name in names] for one in tags], dtype=bool)
    difficult = np.array([[name in one.difficult for name in names] for one in tags], dtype=bool)
    return shown, difficult
