"""A row of a study: a network, how it is scored, and the number that the paper prints."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from edgessl.schema import Table

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]

ScoreName = Literal[
    "finetune", "finetune_top5", "finetune_map", "gt_known",
    "classifier", "classifier_top5", "linear", "knn", "map",
    "best_nn", "alignment", "uniformity", "intra_class_alignment", "instance_discrimination",
    "flops_s3l", "params", "macs", "pixel_scale",
    "voc_ap50", "voc_ap", "voc_ap75", "coco_box_ap", "coco_box_ap50", "coco_box_ap75",
    "coco_mask_ap", "coco_mask_ap50", "coco_mask_ap75", "miou",
]  # fmt: skip

_CONFUSED = ("finetune", "classifier", "linear")  # whose answers are told class by class
OF_FINETUNED = frozenset({"finetune", "finetune_top5", "finetune_map", "gt_known"})
"""Scores of a network that was trained on labels."""
WITHOUT_TRAINING = frozenset({"flops_s3l", "params", "macs", "pixel_scale"})
"""Scores that the recipe alone answers."""
OF_PROTOCOLS = frozenset(
    name for name in get_args(ScoreName) if name.startswith(("voc_", "coco_")) or name == "miou"
)
"""Scores of a network under a paper's detector or segmenter."""


class Part(Table):
    """Images of one set, pooled with others.

    Attributes:
        data: The paper's name of the set.
        images: How many of its training images, drawn at random.
    """

    data: Text
    images: Count


class Network(Table):
    """A pretrained network.

    Attributes:
        recipe: ``NAME`` or ``NAME:VARIANT``.
        init: Weights that its pretraining starts from: those of the study's ``weights``, or
            ``imagenet``; empty for random ones.
        set: ``KEY=VALUE`` changes to it.
        data: The paper's name of the set that it is pretrained on; empty for the study's.
    """

    recipe: Text
    init: str = ""
    set: tuple[Text, ...] = ()
    data: str = ""


class Row(Network):
    """One number of the paper: a network, how it is scored, and what the paper got.

    Attributes:
        name: What the row is called.
        column: The column of the paper's table, where there are several.
        series: The curve of a figure that the row is a point of.
        x: Where on that curve.
        start: Weights that are fine-tuned directly, or scored as they are, such as
            ``imagenet:resnet50``, those of the study's ``weights``, or ``none``, which is a random
            network: nothing is pretrained, and ``recipe`` says how they are fine-tuned.
        pool: Sets that pretraining sees together, in place of ``data``.
        fuse: Other networks whose features are laid beside this one's, for ``linear`` and ``knn``.
        snapshot: The epoch of pretraining whose network is taken, one of those that the row's
            ``pretrain.keep_every_epochs`` keeps; left out, the last.
        rescale: What its weights are multiplied by before they are fine-tuned or scored.
        anchor: Or another network, whose norms they take (AIRL's NormRescale).
        finetune: Another recipe whose ``[finetune]`` is taken; empty for the row's own.
        finetune_set: ``KEY=VALUE`` changes to that.
        protocol: What the network is put under and trained with on ``transfer``: what the paper of
            ``recipe`` has, such as ``voc07-c4``, or the name of a recipe of transfer.
        protocol_set: ``KEY=VALUE`` changes to that.
        transfer: The paper's name of the set that is scored; empty for the one pretrained on.
        label_percent: Share of its labels, in percent.
        labels: Or how many of them in all, spread evenly over the classes.
        score: What is measured.
        split: Images that features are looked at on: ``train``, or ``test``; of the five numbers
            of ``edgessl diagnose``.
        levels: Score every level of the hierarchy of labels apart, each as a point of the curve.
        paper: What the paper has, in the unit of the score: percent for those in percent.
        at: Where the paper says so; empty for the study's place.
        missing: Why this row cannot be run here; it is shown with the paper's number alone.
    """

    name: Text
    column: str = ""
    series: str = ""
    x: float | None = None
    start: Text | None = None
    pool: tuple[Part, ...] = ()
    fuse: tuple[Network, ...] = ()
    snapshot: Count | None = None
    rescale: Annotated[float, Field(gt=0)] | None = None
    anchor: Network | None = None
    finetune: str = ""
    finetune_set: tuple[Text, ...] = ()
    protocol: str = ""
    protocol_set: tuple[Text, ...] = ()
    transfer: str = ""
    label_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    labels: Count | None = None
    score: ScoreName = "finetune"
    split: Literal["train", "test"] = "test"
    levels: bool = False
    paper: float | None = None
    at: str = ""
    missing: str = ""


def row_mistakes(row: Row) -> list[str]:
    """Say what of a row contradicts itself.

    Args:
        row: The row.
    """
    mistakes = []
    if row.label_percent is not None and row.labels is not None:
        mistakes.append("must give one of label_percent and labels, got both")
    if row.fuse and row.score not in ("linear", "knn"):
        mistakes.append(f"score must be linear or knn with fuse, got {row.score}")
    if row.levels and row.score not in _CONFUSED:
        mistakes.append(f"score must be {', '.join(_CONFUSED)} with levels, got {row.score}")
    if row.x is not None and not row.series:
        mistakes.append("series must be given with x, found none")
    if row.rescale is not None and row.anchor is not None:
        mistakes.append("must give one of rescale and anchor, got both")
    if row.snapshot is not None:
        others = {"start": row.start, "rescale": row.rescale, "anchor": row.anchor}
        mistakes += [f"{name} must be left out with snapshot, got both"
                     for name, value in others.items() if value is not None]  # fmt: skip
        if row.score.startswith("classifier") or row.score in WITHOUT_TRAINING:
            mistakes.append(f"score must be of a backbone with snapshot, got {row.score}")
    if bool(row.protocol) != (row.score in OF_PROTOCOLS):
        mistakes.append(
            f"score must be one of {', '.join(sorted(OF_PROTOCOLS))} with protocol, and only then, "
            f"got {row.score}"
        )
    if row.protocol:
        given = {"label_percent": row.label_percent is not None, "labels": row.labels is not None,
                 "finetune": bool(row.finetune), "finetune_set": bool(row.finetune_set)}
        mistakes += [f"{name} must be left out with protocol, got both"
                     for name, there in given.items() if there]  # fmt: skip
        if not row.transfer:
            mistakes.append("transfer must name the set of the protocol, found none")
    if row.start is not None and row.init:
        mistakes.append("init must be left out with start, which pretrains nothing, got both")
    if row.start is not None and row.score.startswith("classifier"):
        mistakes.append(f"score must be of what is fine-tuned with start, got {row.score}")
    if row.pool and row.data:
        mistakes.append("data must be left out with pool, got both")
    return mistakes
