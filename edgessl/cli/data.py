"""``edgessl data``: what edgessl understands of a user's images; the cache."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgessl.cli.data_tree import understood
from edgessl.cli.options import Column, Layout, Splits, reading_of, refuse_given
from edgessl.cli.screen import console, print_json
from edgessl.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from edgessl.data.reading import Reading


def data(
    source: Annotated[
        str,
        typer.Argument(
            help="A named set, demo, a folder, or a CSV manifest.", metavar="DATA",
            show_default=False,
        ),
    ] = "",
    layout: Layout = "auto",
    splits: Splits = "",
    column: Column = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    cache: Annotated[bool, typer.Option("--cache", help="Show the cache instead.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="With --cache: delete it.")] = False,
) -> None:
    """Show what edgessl makes of your images, with advice.

    Splits, classes, sizes, unusable files and duplicates; nothing is trained. What it understood
    is overruled by --layout, --splits and --column, here and in the commands that train.
    """
    if cache == bool(source):
        raise UserError("data: must be given DATA, or --cache; try edgessl data demo")
    if clear and not cache:
        raise UserError("--clear: must come with --cache, got it alone; add --cache")
    if cache:
        given = {"--layout": "" if layout == "auto" else layout, "--splits": splits,
                 "--column": column}  # fmt: skip
        refuse_given(given, "must come with DATA")
    reading = reading_of(layout, splits, column)
    screen = console(to_stderr=json)
    document = _cache(clear) if cache else _dataset(screen, source, reading)
    if json:
        print_json(document)
    elif cache:
        _print_cache(screen, document)
    else:
        _print_dataset(screen, document)


def _cache(clear: bool) -> dict[str, Any]:
    from edgessl.pipeline.data import describe_cache

    return describe_cache(clear)


def _dataset(screen: Console, source: str, reading: Reading) -> dict[str, Any]:
    from edgessl.data.reading import AS_FOUND
    from edgessl.data.voc import is_voc
    from edgessl.dense.boxes.load import has_boxes
    from edgessl.dense.masks.load import has_masks
    from edgessl.files import expanded
    from edgessl.pipeline.data import describe_data
    from edgessl.pipeline.dense.data import beside_labels, describe_boxes
    from edgessl.pipeline.dense.mask_data import describe_masks
    from edgessl.reporter import Screen

    with Screen(screen) as shown:
        progress = partial(shown.progress, "read")
        if reading == AS_FOUND and has_masks(source):
            return describe_masks(source, progress)
        if reading != AS_FOUND or not has_boxes(source):
            return describe_data(source, progress, reading)
        boxes = describe_boxes(source, progress)
        if not is_voc(expanded(source)):
            return boxes
        # VOC's annotations are labels of images too.
        return beside_labels(describe_data(source, progress, reading), boxes)


def _print_dataset(screen: Console, document: dict[str, Any]) -> None:
    def say(line: str) -> None:
        screen.print(line)

    from edgessl.data.dataset import by_use

    images, sizes = by_use(document["images"], document["classes"]), document["sizes"]
    say(f"{document['name']}: {document['source']}")
    if document.get("task") == "detect":
        say(f"understood: boxes in the layout of {document['layout']}")
    elif document.get("task") == "segment":
        say(f"understood: a class for each pixel, {document['layout']}")
    else:
        screen.print(understood(document, images))
    counts = ", ".join(f"{name} {count}" for name, count in images.items() if count)
    say(f"images: {sum(images.values())} ({counts})")
    say(f"sizes: {', '.join(_range(name, px) for name, px in sizes.items())}")
    if "boxes" in document:
        counts = ", ".join(f"{name} {count}" for name, count in document["boxes"].items())
        say(f"boxes: {counts}")
        ranges = (_range(name, px) for name, px in document["box_sizes"].items())
        say(f"box sizes: {', '.join(ranges)}")
        _print_classes(screen, document["box_classes"])
    elif document.get("task") == "segment":
        say("images that show each class:")
        _print_classes(screen, document["classes"])
        shares = ", ".join(f"{one['name']} {one['train']:g} %" for one in document["pixels"])
        say(f"pixels of train: {shares}")
    elif document["classes"]:
        _print_classes(screen, document["classes"])
        if told := _extremes(document["class_counts"]):
            say(told)
    for bad in document["quarantined"]:
        say(f"left out: {bad['path']}: {bad['reason']}")
    say(f"duplicates: {document['duplicates']}")
    say(f"fingerprint: {document['fingerprint']}")
    overrule = [document["overrule"]] if document["overrule"] else []
    for sentence in (*document["notes"], *overrule, *document["advice"]):
        say(sentence)


def _range(name: str, px: dict[str, float]) -> str:
    values = f"{px['min']:g} to {px['max']:g} px, median {px['median']:g}"
    return f"{name.replace('_', ' ')} {values}"


def _extremes(counts: dict[str, Any]) -> str:
    """Tell the largest and the smallest class of train, and which have one image."""
    if not counts:
        return ""
    least, most, single = counts["least"], counts["most"], counts["single"]
    alone = f"; with one image: {', '.join(single)}" if single else ""
    return (
        f"training images of a class: {least['images']} ({least['class']}) to {most['images']} "
        f"({most['class']}){alone}"
    )


def _print_classes(screen: Console, classes: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("output", justify="right")
    table.add_column(f"class ({len(classes)})", overflow="fold")
    for split in ("train", "val", "test"):
        table.add_column(split, justify="right")
    for index, one in enumerate(classes):
        counts = (str(one[key]) for key in ("train", "val", "test"))
        table.add_row(str(index), one["name"], *counts)
    screen.print(table)


def _print_cache(screen: Console, document: dict[str, Any]) -> None:
    if document["freed_bytes"]:
        screen.print(f"freed: {document['freed_bytes'] / 1e6:.1f} MB")
    screen.print(f"cache: {document['folder']}")
    for name, size in document["bytes"].items():
        screen.print(f"  {name}: {size / 1e6:.1f} MB")
        for pack in document["packs"] if name == "packs" else ():
            ending = "" if pack["finished"] else ", unfinished: the next run goes on with it"
            screen.print(
                f"    {pack['images']} images, {pack['size_px']} px, "
                f"{pack['bytes'] / 1e6:.1f} MB{ending}",
                )
