"""The story of ``edgessl pick``: which images to label next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.opened import SUFFIXES
from edgessl.data.load import refuse_unknown
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.errors import Refusals, UserError, nearest
from edgessl.evaluate.network import Kind, Network
from edgessl.files import expanded
from edgessl.pick.sheet import Shown, refuse_to_overwrite, write_sheet
from edgessl.pick.table import refuse_to_lose, write_table
from edgessl.pick.typical import Typical, pick_typical
from edgessl.pick.uncertain import (
    Uncertain,
    hardest,
    in_doubt,
    margins,
    probabilities_of,
    spread_out,
)
from edgessl.pipeline.general import AsFeatures
from edgessl.pipeline.pick.images import Candidate, Pool, pool_of
from edgessl.pipeline.pick.picked import Picked, PickedImage
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.scored_network import open_scored

WAYS = ("typical", "margin")
_AT_ONCE = 512  # images in memory
_SHOWN = 8

Say = Callable[[str], None]


def pick(
    model: str | Path | Run,
    *,
    data: str | Path,
    count: int = 100,
    out: str | Path = "to-label.csv",
    labels: str | Path | None = None,
    with_labels: bool = False,
    by: str | None = None,
    device: str = "auto",
    reading: Reading = AS_FOUND,
    backbone: str | None = None,
    size: int | None = None,
    seed: int = 0,
    trust: bool = False,
    say: Say = lambda _line: None,
) -> Picked:
    """Choose which images to label next, and write a table to fill in and its contact sheet.

    Images that have a label count as labelled and are not picked, nor are those of test and val,
    and of files with the same content one is.

    Args:
        model: ``pretrained.pt`` or ``ckpt.pt``, any file that ``export`` wrote, or a finished run;
            or general weights: ``imagenet:BACKBONE``, ``timm:NAME``, or a file of others.
        data: Images, of which some may have labels: a folder, a CSV manifest or a named set.
        count: How many to pick.
        out: The CSV file; the page goes beside it.
        labels: Labels that images of ``data`` have elsewhere, such as an earlier table.
        with_labels: Whether the table also has, below, the images that have a label, so that it is
            enough by itself.
        by: ``typical``: those that stand for most others by their features; ``margin``: those that
            a classifier can hardly decide on, unlike each other; None for ``margin`` where
            ``model`` is a classifier.
        device: Where a checkpoint runs: ``auto``, ``cpu``, ``cuda`` or ``mps``; an exported file
            runs on the CPU.
        reading: How ``data`` is to be read, where that is said.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px for general weights; None for 128.
        seed: Decides everything random.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: Something asked for does not exist or does not fit.

    Examples:
        >>> import edgessl
        >>> model = "runs/photos-mobilenetv2-dino/pretrained.pt"
        >>> from edgessl.data.reading import Reading
        >>> picked = edgessl.pick(model, data="photos", count=4, reading=Reading("flat"))
        >>> len(picked.images), picked.table.name
        (4, 'to-label.csv')
    """
    path = model.checkpoint if isinstance(model, Run) else Path(model)
    table = expanded(out)
    page = table.with_suffix(".html")
    _refuse(count, by, table, page)
    refuse_unknown(str(data))
    asked = AsFeatures(backbone, size)
    reads: Kind | None = "features" if by == "typical" else None
    network = open_scored(path, reads, asked, device=device, trust=trust)
    if network.thresholds:  # how near two classes are says nothing where both may be shown
        if by == "margin":
            raise UserError(
                f"--by margin: must come with a classifier of one label an image, got {path}, "
                "which finds several; use --by typical"
            )
        network = open_scored(path, "features", asked, device=device, trust=trust)
    way = by or ("margin" if network.gives == "logits" else "typical")
    if way == "margin" and (network.gives != "logits" or len(network.classes) < 2):
        raise UserError(
            f"--by margin: must come with a classifier, got {path}, which gives features; "
            "fine-tune it first, or use --by typical"
        )
    say("checking images")
    pool = pool_of(str(data), None if labels is None else str(labels), reading)
    _refuse_unfit(pool, count, with_labels)
    if way == "typical":
        reasons: Sequence[Typical | Uncertain] = _typical(network, pool, count, seed, say)
    else:
        _refuse_unknown(pool, network.classes, path)

        def features() -> Network:
            if path.suffix.lower() in SUFFIXES:
                return network  # a file has one output
            return open_scored(path, "features", asked, device=device, trust=trust)

        reasons = _uncertain(network, features, pool, count, seed, say)
    images = tuple(PickedImage(pool.free[one.index].path, one) for one in reasons)
    picked = Picked(path, asked, way, seed, images, table, page, pool, with_labels)
    say("writing the page")
    _write(picked, network)
    return picked


def _refuse(count: int, by: str | None, table: Path, page: Path) -> None:
    refusals = Refusals()
    with refusals:
        if count < 1:
            raise UserError(f"--count: must be at least 1, got {count}")
    with refusals:
        if by not in (None, *WAYS):
            hint = nearest(str(by), WAYS)
            raise UserError(f"--by: must be one of {', '.join(WAYS)}, got '{by}'{hint}")
    with refusals:
        refuse_to_lose(table)
        refuse_to_overwrite(page)
    refusals.raise_all()


def _refuse_unfit(pool: Pool, count: int, with_labels: bool) -> None:
    if count > len(pool.free):
        raise UserError(
            f"--count: must be at most {len(pool.free)}, the usable images without a label in "
            f"{pool.source}, got {count}"
        )
    if with_labels and pool.several:
        raise UserError(
            f"--with-labels: must come with one label an image, got several in {pool.source}; "
            "leave it out"
        )


def _refuse_unknown(pool: Pool, classes: Sequence[str], model: Path) -> None:
    unknown = [f"'{name}'" for name in pool.classes if name not in classes]
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise UserError(
            f"{pool.source}: must have only classes that the classifier {model} knows, got "
            f"{len(unknown)} unknown: {', '.join(unknown[:_SHOWN])}{more}; fine-tune on these "
            "labels first, or pick by features alone with --by typical"
        )


def _typical(network: Network, pool: Pool, count: int, seed: int, say: Say) -> list[Typical]:
    contents = (*pool.free, *pool.labelled)
    features = _outputs(network, contents, say)  # (N, D)
    say("grouping images")
    return pick_typical(features, np.arange(len(contents)) >= len(pool.free), count, seed)


def _uncertain(
    network: Network, features: Callable[[], Network], pool: Pool, count: int, seed: int, say: Say
) -> list[Uncertain]:
    chances = probabilities_of(_outputs(network, pool.free, say))  # (N, K)
    rows = hardest(chances, count)
    different = _outputs(features(), [pool.free[row] for row in rows.tolist()], say)
    doubts = 1 - margins(chances[rows])
    chosen = rows[spread_out(different, doubts, count, seed)].tolist()
    return in_doubt(chosen, chances, network.classes)


def _outputs(network: Network, contents: Sequence[Candidate], say: Say) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(contents), _AT_ONCE):
        say(f"reading images: {start} of {len(contents)}")
        part = contents[start : start + _AT_ONCE]
        parts.append(network.outputs([one.path for one in part], [one.digest for one in part]))
    return np.concatenate([part.numpy() for part in parts])


def _write(picked: Picked, network: Network) -> None:
    pool, root = picked.pool, Path(picked.pool.source)
    digests = {one.path: one.digest for one in pool.free}
    shown = [
        Shown(one.path, digests[one.path], _place(one.path, root), one.reason.why)
        for one in picked.images
    ]
    facts = [
        ("network", str(picked.model)),
        ("without a label", str(len(pool.free))),
        ("with a label", str(len(pool.labelled))),
        ("picked by", picked.by),
        ("seed", str(picked.seed)),
        ("table", picked.table.name),
        *(("note", note) for note in picked.notes),
    ]
    value_range = network.value_range or pool.value_range
    write_sheet(picked.page, pool.name, picked.sentence, shown, facts, value_range)
    known = [(e.path, e.label or "", e.split) for e in pool.known] if picked.with_labels else []
    write_table(picked.table, [one.path for one in picked.images], known)


def _place(path: Path, root: Path) -> str:
    base = root if root.is_dir() else root.parent
    return str(path.relative_to(base)) if path.is_relative_to(base) else path.name
