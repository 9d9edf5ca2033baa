"""A study: a table or a figure of a paper as a declared grid of runs, with the paper's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from edgessl import catalog
from edgessl.schema import Mistakes, Table, read_toml, validate

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]

ScoreName = Literal[
    "finetune", "finetune_top5", "classifier", "classifier_top5", "linear", "knn", "map",
    "best_nn", "alignment", "uniformity", "intra_class_alignment", "instance_discrimination",
    "flops_s3l", "params", "macs", "pixel_scale",
    "voc_ap50", "voc_ap", "voc_ap75", "coco_box_ap", "coco_box_ap50", "coco_box_ap75",
    "coco_mask_ap", "coco_mask_ap50", "coco_mask_ap75", "miou",
]  # fmt: skip

_CONFUSED = ("finetune", "classifier", "linear")  # whose answers are told class by class
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
        set: ``KEY=VALUE`` changes to it.
        data: The paper's name of the set that it is pretrained on; empty for the study's.
    """

    recipe: Text
    set: tuple[Text, ...] = ()
    data: str = ""


class Row(Network):
    """One number of the paper: a network, how it is scored, and what the paper got.

    Attributes:
        name: What the row is called.
        column: The column of the paper's table, where there are several.
        series: The curve of a figure that the row is a point of.
        x: Where on that curve.
        start: Weights that are fine-tuned directly, such as ``imagenet:resnet50``: nothing is
            pretrained, and ``recipe`` says how they are fine-tuned. With a protocol also ``none``.
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


class Trend(Table):
    """What a paper says of a curve in words.

    Attributes:
        series: The curve.
        minus: Another curve, which is taken off it; empty for none.
        goes: Whether it rises with ``x`` or falls.
        at: Where the paper says so.
    """

    series: Text
    minus: str = ""
    goes: Literal["up", "down"]
    at: Text


class Peak(Table):
    """Where a paper says that a curve is highest.

    Attributes:
        series: The curve.
        x: The places that count as right.
        at: Where the paper says so.
    """

    series: Text
    x: Annotated[tuple[float, ...], Field(min_length=1)]
    at: Text


class Above(Table):
    """Two rows of which a paper says in words which is higher.

    Attributes:
        row: The higher one; ``NAME`` or ``NAME | COLUMN``.
        than: The other.
        at: Where the paper says so.
    """

    row: Text
    than: Text
    at: Text


class Study(Table):
    """A table or figure.

    Attributes:
        title: What it shows.
        place: Where it is in the paper, such as ``Table 8``.
        data: The paper's name of the set that rows without one are pretrained on.
        images: How many images that set has for training; counts of images and labels are taken in
            proportion where ours has another number. Left out: they are taken as they are.
        classes: The same of its classes.
        about: What to know when comparing; empty for nothing.
        x_title: Unit of the horizontal axis; empty where the paper plots nothing.
        y_title: Unit of the vertical one.
        rows: The numbers.
        trends: What is said of curves.
        peaks: Where they are highest.
        above: Pairs of rows that the text orders.
    """

    title: Text
    place: Text
    data: Text
    images: Count | None = None
    classes: Count | None = None
    about: str = ""
    x_title: str = ""
    y_title: str = ""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    trends: tuple[Trend, ...] = ()
    peaks: tuple[Peak, ...] = ()
    above: tuple[Above, ...] = ()

    @property
    def sets(self) -> tuple[str, ...]:
        """The paper's names of all sets, each once."""
        rows = [name for row in self.rows for name in (row.data, row.transfer)]
        pools = [part.data for row in self.rows for part in row.pool]
        fused = [one.data for row in self.rows for one in row.fuse]
        return tuple(dict.fromkeys(one for one in (self.data, *rows, *pools, *fused) if one))

    @model_validator(mode="after")
    def _check(self) -> Study:
        mistakes = []
        keys = [key_of(row.name, row.column) for row in self.rows]
        mistakes += [
            f"rows: must have names of their own within a column, got '{key}' twice"
            for key in dict.fromkeys(keys) if keys.count(key) > 1
        ]  # fmt: skip
        for number, row in enumerate(self.rows):
            mistakes += [f"rows.{number} ({row.name}): {line}" for line in _row_mistakes(row)]
        series = {row.series for row in self.rows}
        curves = [(f"trends.{i}", one.series) for i, one in enumerate(self.trends)]
        curves += [(f"trends.{i}", one.minus) for i, one in enumerate(self.trends) if one.minus]
        curves += [(f"peaks.{i}", one.series) for i, one in enumerate(self.peaks)]
        mistakes += [
            f"{place}: must name a series of the rows, got '{name}'"
            for place, name in curves if name not in series
        ]  # fmt: skip
        for number, pair in enumerate(self.above):
            mistakes += [
                f"above.{number}: must name a row, or ROW | COLUMN, got '{name}'"
                for name in (pair.row, pair.than) if name not in keys
            ]  # fmt: skip
        if mistakes:
            raise Mistakes(mistakes)
        return self


def key_of(name: str, column: str) -> str:
    """Return what a claim calls a row.

    Args:
        name: Of the row.
        column: Its column; empty for none.
    """
    return f"{name} | {column}" if column else name


def _row_mistakes(row: Row) -> list[str]:
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
    if row.pool and row.data:
        mistakes.append("data must be left out with pool, got both")
    return mistakes


def load_study(name: str) -> Study:
    """Read a study.

    Args:
        name: Its name in the catalogue, or the path of a TOML file.

    Raises:
        UserError: There is none, or mistakes in it, all at once.
    """
    path = Path(name) if name.endswith(".toml") else catalog.find("studies", name)
    return validate(Study, read_toml(path), path.name)
