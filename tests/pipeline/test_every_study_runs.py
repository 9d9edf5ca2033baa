"""Every study runs on the set that edgessl draws, in small, to a page with all of its rows. Slow.

A tiny network takes the place of the papers'. A row that needs weights which are not here says so.
Run by hand, 2026-11-27: all 64 passed, 13 s to 10 minutes of a core each (S3L's Table 6 takes
longest).
"""

from __future__ import annotations

import html
from pathlib import Path

import pytest
import torch
from dense.transfer.tiny_sets import write_cityscapes, write_devkit, write_instances
from pipeline.test_study_starts import write_birds
from pipeline.tiny_run import ENGINE, NETWORK

from edgessl import catalog
from edgessl.backbones import Backbone
from edgessl.pipeline.study.study import study
from edgessl.pipeline.study.wanted import Wanted
from edgessl.recipe.study import load_study
from edgessl.reporter import Silent

SMALL = tuple(f"protocol.{one}" for one in (
    "image.train_px=[64]", "image.test_px=64", "train.batch_size=2",
    "detector.precise_batchnorm_steps=0", "detector.proposals_before=[60,60]",
    "detector.proposals_after=[40,10]", "segmenter.precise_batchnorm_steps=0",
))  # fmt: skip
COPIES = {"VOC": write_devkit, "COCO": write_instances, "Cityscapes": write_cityscapes}
LOCALISED = "gt_known"


def _data(name: str, folder: Path) -> list[str]:
    """Return the drawn set, and tiny copies of those with boxes or masks."""
    study, named = load_study(name), []
    if any(row.score == LOCALISED for row in study.rows):
        named.append(f"{study.data}={write_birds(folder / 'birds')}")
    for one in study.sets:
        for word, write in COPIES.items():
            if one.startswith(word) and one != "VOC2007":
                named.append(f"{one}={write(folder / str(len(named)))}")
    return ["demo", *named]


def _weights(name: str, folder: Path) -> list[str]:
    """Write what a study starts from and nobody has: here a random network."""
    folder.mkdir(exist_ok=True)
    found = []
    for number, one in enumerate(load_study(name).weights):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            torch.save(Backbone(NETWORK, "keep", 32).net.state_dict(), folder / f"{one}.pth")
        found.append(f"{one}={folder / one}.pth")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [*catalog.entries("studies")])
def test_a_page_with_all_its_rows(name: str, tmp_path: Path) -> None:
    localised = any(row.score == LOCALISED for row in load_study(name).rows)
    size = 64 if localised else 32  # so that a map has more than one cell
    wanted = Wanted(
        name, _data(name, tmp_path / "data"), scale=0.02, size=size, out=tmp_path / "out",
        device="cpu",
        overrides=(*ENGINE, f'backbone.name="{NETWORK}"', "finetune.reads=features", *SMALL,
                   "protocol.train.iterations=50"),
        weights=_weights(name, tmp_path / "weights"),
    )  # fmt: skip
    found = study(wanted, Silent())
    page = html.unescape((tmp_path / "out/study.html").read_text(encoding="utf-8"))
    for row in found.study.rows:
        assert row.name in page
    assert len(found.outcomes) >= len(found.study.rows)
    assert all((one.value is None) == bool(one.why) for one in found.outcomes)
    assert any(one.value is not None for one in found.outcomes)
