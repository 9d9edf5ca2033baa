"""A damaged run folder is one message or a page without what is damaged, never a traceback."""

from __future__ import annotations

import copy
import json
import random
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from conftest import MakeRun, log_lines, report_document, views

from edgessl.errors import UserError
from edgessl.report import write_report
from edgessl.report.folder import read_run

WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**400, "x", "", "\ud800", [], {}, [[]], {"a": 1}, [1e308], -1e308,
    {"value": "x"}, {"value": None}, {"value": 1e300},
)  # fmt: skip


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List every place in a document, tables and entries of lists alike."""
    inner: list[Any] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document[:2]))
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


def page_or_message(folder: Path) -> None:
    with suppress(UserError):
        write_report(folder)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: repr(value)[:20])
def test_any_value_anywhere_in_report_json(make_run: MakeRun, wrong: Any) -> None:
    folder = make_run()
    (folder / "views.npz").unlink()
    (folder / "log.jsonl").write_text("")
    document = {**report_document(["a", "b"]), "confusion": [[1, 2], [3, 4]]}
    document["stages"] = [
        {"name": "pretrain-1", "views_px": [32], "epochs": 2, "images_per_s": 9.0, "seconds": 1.0}
    ]
    chance = random.Random(repr(wrong))
    for place in chance.sample(places(document), 25):
        damaged = put(copy.deepcopy(document), place, wrong)
        (folder / "report.json").write_text(json.dumps(damaged), encoding="utf-8")
        page_or_message(folder)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: repr(value)[:20])
def test_any_value_anywhere_in_the_log_and_run_json(make_run: MakeRun, wrong: Any) -> None:
    folder = make_run()
    (folder / "report.json").unlink()
    (folder / "views.npz").unlink()
    judged = {"stage": "pretrain", "step": 9, "epoch": 1.0, "health": "fine", "advice": "none"}
    lines = [*log_lines()[:3], judged]
    run = {"identity": {"recipe": {"method": {"name": "dino", "prototypes": 8}}}}
    for number, line in enumerate(lines):
        for key in line:
            damaged = [*lines[:number], {**line, key: wrong}, *lines[number + 1 :]]
            text = "".join(json.dumps(one) + "\n" for one in damaged)
            (folder / "log.jsonl").write_text(text, encoding="utf-8")
            page_or_message(folder)
    for place in places(run):
        damaged_run = put(copy.deepcopy(run), place, wrong)
        (folder / "run.json").write_text(json.dumps(damaged_run), encoding="utf-8")
        page_or_message(folder)


def test_json_that_nests_too_deeply(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "report.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(UserError, match="must be the JSON that edgessl wrote, got something else"):
        write_report(folder)


def test_the_message_names_the_place(make_run: MakeRun) -> None:
    folder = make_run(throughput={"seconds": {"pretrain": "long"}})
    with pytest.raises(UserError) as caught:
        write_report(folder)
    assert str(caught.value) == (
        f"{folder / 'report.json'}: must be the JSON that edgessl wrote, got "
        "throughput.seconds.pretrain: input should be a valid number; run the recipe again"
    )


def test_damaged_views_cost_the_pictures_only(make_run: MakeRun) -> None:
    folder = make_run()
    np.savez_compressed(folder / "views.npz", **views())  # type: ignore[arg-type]
    whole = (folder / "views.npz").read_bytes()
    chance = random.Random(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 8, 200])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (folder / "views.npz").write_bytes(damaged)
        read_run(folder)


@pytest.mark.parametrize("kind", ["float", "short", "grey", "flat", "zlib"])
def test_other_arrays_are_no_views(
    make_run: MakeRun, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run()
    arrays = views()
    if kind == "float":
        arrays["originals"] = arrays["originals"].astype(np.float32)
    elif kind == "short":
        arrays["global"] = arrays["global"][:1]
    elif kind == "grey":
        arrays["local"] = arrays["local"][:, :, :1]
    elif kind == "flat":
        arrays["originals"] = arrays["originals"].reshape(-1)
    np.savez(folder / "views.npz", **arrays)  # type: ignore[arg-type]
    if kind == "zlib":
        def fail(*_arguments: object, **_more: object) -> None:
            raise zlib.error("invalid block type")

        monkeypatch.setattr("edgessl.report.folder.np.load", fail)
    write_report(folder)


def test_members_that_are_no_arrays_are_no_views(make_run: MakeRun) -> None:
    folder = make_run()
    np.savez_compressed(folder / "views.npz", **views())  # type: ignore[arg-type]
    with ZipFile(folder / "views.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(folder / "views.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name.removesuffix(".npy") if name == "local.npy" else name,
                             b"no array" if name == "local.npy" else content)  # fmt: skip
    assert write_report(folder).is_file()
