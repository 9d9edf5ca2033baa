"""Every part of an imported bench that is judged, shown or drawn is checked before."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgessl.bench.compare.document import only_imported
from edgessl.cli.bench_table import Outputs, print_document
from edgessl.errors import UserError

MODEL = {"name": "a.onnx", "path": "a.onnx", "threads": 1, "batch": 1, "p50_ms": 1.0,
         "p50_low_ms": 0.9, "p50_high_ms": 1.1, "p90_ms": 1.2, "p99_ms": None, "size_mb": 1.0,
         "images_per_s": 9.0, "runs": 9, "notes": ["calm"],
         "top1": {"value": 75.0, "low": 60.0, "high": 85.0, "n": 40}}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "device": {"cpu": "a board", "cores": 2, "versions": {"numpy": "2"}, "load_1min": 0.1},
    "protocol": {"launches": 3, "turn_ms": 20.0, "min_runs": 9, "min_seconds": 0.1},
    "models": [MODEL, {**MODEL, "name": "b.onnx", "path": "b.onnx", "p50_ms": 2.0, "batch": 2}],
    "conditions": [{"threads": 1, "batch": 1, "noise": {"grade": "A", "reasons": [],
                    "control": {"ratio": 1.0}}}],
    "comparisons": [{"threads": 1, "batch": 1, "path": "b.onnx", "name": "b.onnx",
                     "base": "a.onnx", "base_path": "a.onnx", "ratio": 2.0, "low": 1.9,
                     "high": 2.1, "verdict": "slower", "comparable": True}],
    "end_to_end": [{"name": "a.onnx", "path": "a.onnx", "decode_p50_ms": 1.0,
                    "preprocess_p50_ms": 1.0, "core_p50_ms": 1.0, "post_p50_ms": 1.0,
                    "total_p50_ms": 4.0, "preprocess_inside": False}],
    "operators": [{"name": "a.onnx", "path": "a.onnx",
                   "operators": [{"operator": "Conv", "nodes": 2, "percent": 100.0}]}],
    "sustained": [{"name": "a.onnx", "path": "a.onnx", "seconds": 2.0, "last_over_first": 1.0,
                   "windows": [{"end_s": 1.0, "p50_ms": 1.0}]}],
}  # fmt: skip
WRONG: tuple[Any, ...] = (None, "x", -1, 1e308, True, [], {}, [None], "a\nb", "\x1b[31m", 2**70)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of every value inside of a document."""
    inner = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ()
    )
    return [at, *(place for key, one in inner for place in places(one, (*at, key)))]


def changed(place: tuple[Any, ...], value: Any, *, drop: bool = False) -> Any:
    document = copy.deepcopy(DOCUMENT)
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    if drop:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return document


def told(document: Any, folder: Path) -> str:
    try:
        return show(document, folder)
    except UserError as error:
        return f"refused {error}"


def show(document: Any, folder: Path) -> str:
    """Import a document, alone and beside itself, and return all that is made of it."""
    path = folder / "bench.json"
    path.write_text(json.dumps(document))
    found, screen = only_imported([path, path]), io.StringIO()
    print_document(Console(file=screen, width=200), found)
    names = {kind: folder / f"out.{kind}" for kind in ("csv", "markdown", "html")}
    Outputs(**{kind: str(name) for kind, name in names.items()}).write(
        Console(file=io.StringIO()), found
    )
    return screen.getvalue() + "".join(name.read_text() for name in names.values())


def test_a_whole_document_is_shown(tmp_path: Path) -> None:
    assert "b.onnx takes 2.000 times as long as a.onnx" in show(DOCUMENT, tmp_path)


@pytest.mark.parametrize("place", [p for p in places(DOCUMENT) if (p and p[0] != "models")
                                   or p[1:2] == (0,)], ids=str)  # fmt: skip
def test_a_wrong_value_anywhere_is_one_message_or_is_shown(
    tmp_path: Path, place: tuple[Any, ...]
) -> None:
    documents = [changed(place, value) for value in WRONG] + [changed(place, None, drop=True)]
    for document in documents:
        said = told(document, tmp_path)
        assert "\x1b" not in said
        if said.startswith("refused "):
            assert said.startswith(f"refused {tmp_path / 'bench.json'}: must be a file of")
            assert len(said.splitlines()) == 1
