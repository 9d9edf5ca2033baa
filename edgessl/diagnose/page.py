"""One offline page of a diagnosis: everything inside one file, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl import __version__
from edgessl.data.value_range import ValueRange
from edgessl.diagnose.diagnosis import Diagnosis, Examined
from edgessl.diagnose.exhibits import NEIGHBOURS, Exhibit
from edgessl.diagnose.map_chart import SIDE, dots_of
from edgessl.diagnose.meanings import MEANINGS, Meaning, votes
from edgessl.diagnose.neighbours import Neighbours
from edgessl.diagnose.pictures import (
    THUMB_PX,
    TILE_PX,
    address,
    heated,
    thumbs,
    tiled,
)
from edgessl.diagnose.sample import Looked
from edgessl.metrics.interval import Score
from edgessl.page.chart import LineChart, Reference, Series, line_chart
from edgessl.page.render import templates_of

MARK = "edgessl · diagnose"
_COLOURS = 6  # of table.css


def diagnosis_page(
    found: Diagnosis,
    exhibits: Sequence[Exhibit],
    *,
    train: Looked,
    shown: Looked,
    on_map: Sequence[int],
    queries: Sequence[int],
    value_range: ValueRange | None,
) -> str:
    """Return the page of a diagnosis.

    Args:
        found: The numbers.
        exhibits: What is shown of each network, in its order.
        train: Where neighbours are from.
        shown: The split of everything else that is shown.
        on_map: Positions in it of the images on the maps.
        queries: Positions in it of the images whose neighbours and heat maps are shown.
        value_range: What is black and white in files of more than 8 bits a channel.

    Raises:
        UserError: A file is no image any more.
    """
    columns = [
        {"network": network, "kind": f"m{index % _COLOURS}", "number": index + 1}
        for index, network in enumerate(found.networks)
    ]
    sheet, sheet_px, tiles = tiled(
        thumbs([shown.split.paths[index] for index in on_map], TILE_PX, value_range)
    )
    template = templates_of("edgessl.diagnose").get_template("diagnose.html.j2")
    return template.render(
        version=__version__, mark=MARK, found=found, columns=columns,
        title=_title(found), rows=_rows(found), votes=_votes(found), charts=_charts(found),
        sheet=sheet, sheet_px=sheet_px, tile_px=TILE_PX, side=SIDE,
        maps=[
            dots_of(exhibit.points, _labels(shown, on_map), _wrong(network, on_map), tiles,
                    _tips(found, shown, on_map))
            for network, exhibit in zip(found.networks, exhibits, strict=True)
        ],
        neighbours=_neighbours(found, exhibits, train, shown, queries, value_range),
        heats=_heats(found, exhibits, shown, queries),
        heat_kinds=[(one.name, exhibit.seen.kind)
                    for one, exhibit in zip(found.networks, exhibits, strict=True)],
        localised=[one for one in found.networks if one.localisation is not None],
        shown=shown, facts=_facts(found),
    )  # fmt: skip


def _title(found: Diagnosis) -> str:
    count = len(found.networks)
    return f"{found.data}: {found.networks[0].name if count == 1 else f'{count} networks'}"


def _rows(found: Diagnosis) -> list[dict[str, Any]]:
    """Return a row for each number that is known, the best of every split marked."""
    rows = []
    for meaning in MEANINGS:
        cells = [
            [_cell(meaning.value(numbers), meaning.digits) for numbers in one.splits]
            for one in found.networks
        ]
        if all(cell["text"] == "-" for own in cells for cell in own):
            continue
        _mark_best(cells, meaning)
        rows.append({"meaning": meaning, "cells": [cell for own in cells for cell in own]})
    return rows


def _cell(value: float | Score | None, digits: int) -> dict[str, Any]:
    if value is None:
        return {"text": "-", "value": None, "best": False, "soft": ""}
    if isinstance(value, Score):
        return {"text": f"{value.value:.1f}", "value": value.value, "best": False,
                "soft": f"{value.low:.1f} to {value.high:.1f}"}  # fmt: skip
    return {"text": f"{value:.{digits}f}", "value": value, "best": False, "soft": ""}


def _mark_best(cells: Sequence[Sequence[dict[str, Any]]], meaning: Meaning) -> None:
    if not meaning.better or len(cells) < 2:
        return
    for column in zip(*cells, strict=True):
        values = [cell["value"] for cell in column if cell["value"] is not None]
        best = (max if meaning.better == "higher" else min)(values, default=None)
        for cell in column:
            cell["best"] = len(set(values)) > 1 and cell["value"] == best


def _votes(found: Diagnosis) -> list[dict[str, Any]]:
    rows = []
    for vote in votes(found.ks):
        cells: list[list[dict[str, Any]]] = []
        for one in found.networks:
            asked = [_asked(one, numbers.split) for numbers in one.splits]
            cells.append([
                {**_cell(None if own is None else vote.score(own), 1),
                 "note": "" if own is None else vote.note(own)} for own in asked
            ])  # fmt: skip
        if any(cell["value"] is not None for own in cells for cell in own):
            _mark_best(cells, Meaning("", "", "higher", "", lambda _one: None))
            rows.append({"vote": vote, "cells": [cell for own in cells for cell in own]})
    return rows


def _asked(one: Examined, split: str) -> Neighbours | None:
    return one.in_train if split == "train" else one.held_out


def _charts(found: Diagnosis) -> list[LineChart]:
    named = [(f"m{i % _COLOURS}", str(i + 1), one) for i, one in enumerate(found.networks)]
    deviations = [
        Series(kind, number, [100 * i / (len(one.judged.deviations) - 1)
                              for i in range(len(one.judged.deviations))], one.judged.deviations)
        for kind, number, one in named
    ]  # fmt: skip
    charts = []
    by_k = [
        Series(kind, number, [float(k) for k in one.neighbours.best_nn.by_k],
               [*one.neighbours.best_nn.by_k.values()])
        for kind, number, one in named if one.neighbours is not None
    ]  # fmt: skip
    floor = found.baselines
    beaten = [] if floor is None else [
        Reference("thumbnails", "pixels", floor.thumbnails.value),
        Reference("uniform", "majority", floor.majority.value),
    ]  # fmt: skip
    charts.append(line_chart("best-NN by the number of neighbours, percent", "k", by_k, beaten,
                             from_zero=True))  # fmt: skip
    charts.append(line_chart(
        "Spread of each dimension, the largest first, as a share of the largest",
        "percent of dimensions", deviations, from_zero=True, digits=2,
    ))  # fmt: skip
    return [chart for chart in charts if chart is not None]


def _labels(shown: Looked, chosen: Sequence[int]) -> list[int] | None:
    labels = shown.split.labels
    return None if labels is None else [labels[index] for index in chosen]


def _wrong(network: Examined, chosen: Sequence[int]) -> list[bool]:
    neighbours = network.neighbours
    if neighbours is None:
        return [False] * len(chosen)
    return [not bool(neighbours.right[index]) for index in chosen]


def _tips(found: Diagnosis, shown: Looked, chosen: Sequence[int]) -> list[str]:
    return [
        f"{_class(found, shown, index)}{shown.split.paths[index].name}" for index in chosen
    ]


def _class(found: Diagnosis, looked: Looked, index: int) -> str:
    labels = looked.split.labels
    return "" if labels is None else f"{found.classes[labels[index]]} · "


def _neighbours(
    found: Diagnosis, exhibits: Sequence[Exhibit], train: Looked, shown: Looked,
    queries: Sequence[int], value_range: ValueRange | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a block for each query: itself, and a line of neighbours for each network."""
    paths = dict.fromkeys(
        train.split.paths[place] for one in exhibits for row in one.neighbours for place in row
    ) | dict.fromkeys(shown.split.paths[index] for index in queries)
    small = thumbs([*paths], THUMB_PX, value_range)
    sources = {path: address(image) for path, image in zip(paths, small, strict=True)}
    blocks = []
    for at, query in enumerate(queries):
        own = _class(found, shown, query)
        lines = []
        for index, exhibit in enumerate(exhibits):
            lines.append({
                "kind": f"m{index % _COLOURS}", "number": index + 1,
                "images": [
                    {"source": sources[train.split.paths[place]],
                     "name": f"{_class(found, train, place)}{train.split.paths[place].name}",
                     "same": _same(found, train, place, shown, query)}
                    for place in exhibit.neighbours[at][:NEIGHBOURS]
                ],
            })  # fmt: skip
        blocks.append({
            "source": sources[shown.split.paths[query]], "class": own.removesuffix(" · "),
            "name": shown.split.paths[query].name, "lines": lines,
        })  # fmt: skip
    return blocks


def _same(found: Diagnosis, train: Looked, place: int, shown: Looked, query: int) -> str:
    if train.split.labels is None or shown.split.labels is None:
        return ""
    return "same" if train.split.labels[place] == shown.split.labels[query] else "other"


def _heats(
    found: Diagnosis, exhibits: Sequence[Exhibit], shown: Looked, queries: Sequence[int]
) -> list[dict[str, Any]]:
    if not any(one.seen.heats for one in exhibits):
        return []
    return [
        {
            "class": _class(found, shown, query).removesuffix(" · "),
            "maps": [
                {"kind": f"m{index % _COLOURS}", "number": index + 1,
                 "source": address(heated(exhibit.seen.heats[at]), 84)}
                for index, exhibit in enumerate(exhibits) if exhibit.seen.heats
            ],
        }
        for at, query in enumerate(queries)
    ]  # fmt: skip


def _facts(found: Diagnosis) -> Mapping[str, list[tuple[str, str]]]:
    """Return what each network is, by its name."""
    facts = {}
    for one in found.networks:
        counts = "" if one.gives == "features" else " (of its outputs)"
        facts[one.name] = [
            ("file", one.source), ("images", f"{one.side_px} px"),
            (f"{one.gives}{counts}", f"{one.judged.feature_dim:,} numbers an image"),
            *([] if one.params is None else [("parameters", f"{one.params / 1e6:.2f} M")]),
            *([] if one.macs is None else [("MACs an image", f"{one.macs / 1e6:.1f} M")]),
        ]  # fmt: skip
    return facts
