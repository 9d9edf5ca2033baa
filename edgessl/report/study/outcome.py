"""What became of a row of a study: our number beside the paper's, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgessl.recipe.study import key_of
from edgessl.recipe.study_row import OF_PROTOCOLS

UNITS = {
    "finetune": "%", "finetune_top5": "%", "finetune_map": "%", "gt_known": "%",
    "classifier": "%", "classifier_top5": "%",
    "linear": "%", "knn": "%", "map": "%", "best_nn": "%", "instance_discrimination": "%",
    "flops_s3l": "M", "params": "M", "macs": "M",
    **dict.fromkeys(sorted(OF_PROTOCOLS), "%"),
}  # fmt: skip
"""By the name of the score; the others have none."""


TITLES = {
    "finetune": "Top-1 after training on labels, as the recipe says (network or classifier)",
    "finetune_top5": "Top-5 after training on labels, as the recipe says",
    "finetune_map": "Mean average precision after training on several labels an image",
    "gt_known": "GT-known localisation: Grad-CAM of the true class, IoU of 0.5 or more",
    "classifier": "Top-1 of the classifier of supervised pretraining",
    "classifier_top5": "Top-5 of the classifier of supervised pretraining",
    "linear": "Logistic regression on frozen features, top-1",
    "knn": "Nearest neighbours of frozen features, top-1",
    "map": "Mean average precision of logistic regressions on frozen features",
    "best_nn": "Best nearest neighbours (ssl-small's best-NN), top-1",
    "alignment": "Alignment: mean squared distance between an image and a view of it",
    "uniformity": "Uniformity",
    "intra_class_alignment": "Intra-class alignment: mean squared distance within a class",
    "instance_discrimination": "Instance discrimination, top-1",
    "flops_s3l": "FLOPs of a global view by S3L's rule, averaged over epochs",
    "params": "Parameters without classifier",
    "macs": "Multiply-accumulates of a global view, averaged over epochs",
    "pixel_scale": "mean(PS_g / PS_l)",
    "voc_ap50": "VOC's AP50 by 11 points, of a detector trained on the backbone",
    "voc_ap": "Mean of VOC's AP over overlaps of 0.5 to 0.95, by 11 points",
    "voc_ap75": "VOC's AP at an overlap of 0.75, by 11 points",
    **{f"coco_{what}_{name.lower()}": f"COCO's {name} of {'boxes' if what == 'box' else 'masks'}"
       for what in ("box", "mask") for name in ("AP", "AP50", "AP75")},
    "miou": "Mean intersection over union of a segmenter trained on the backbone",
}
"""What each score is, for a heading."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One number of the paper and ours.

    Attributes:
        name: Of the row.
        column: Of the paper's table; empty where there is one alone.
        series: The curve it is a point of; empty for none.
        x: Where on it.
        score: What was measured.
        paper: The paper's number; None where it is not printed.
        at: Where the paper says so.
        value: Ours; None where there is none.
        low: Lower end of its 95 % interval.
        high: Upper end.
        n: Images scored.
        why: Why there is none; empty where there is one.
        run: Folder of the run that it comes from; empty for none.
    """

    name: str
    column: str
    series: str
    x: float | None
    score: str
    paper: float | None
    at: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    why: str = ""
    run: str = ""

    @property
    def key(self) -> str:
        """What a claim calls it."""
        return key_of(self.name, self.column)

    @property
    def unit(self) -> str:
        """Of both numbers; empty for none."""
        return UNITS.get(self.score, "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "unit": self.unit}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Outcome:
        """Read plain values back.

        Args:
            values: As ``to_dict`` returns them.
        """
        return cls(**{key: value for key, value in values.items() if key != "unit"})
