"""Every study runs on the set that edgessl draws, in small, to a page with all of its rows. Slow.

A tiny network takes the place of the papers'. A row that needs weights which are not here says so.
Last run by hand, 2026-11-27, all passed: airl-figure1, -figure3, -table2, -table3, -table4,
cole-figure-a1, -figure-a2, small-figure2, -figure3, -table10, s3l-table8. About 15 s of a core
each; the others have not been run to their end.
"""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from pipeline.tiny_run import ENGINE, NETWORK

from edgessl import catalog
from edgessl.pipeline.study.study import study
from edgessl.reporter import Silent


@pytest.mark.slow
@pytest.mark.parametrize("name", [*catalog.entries("studies")])
def test_a_page_with_all_its_rows(name: str, tmp_path: Path) -> None:
    found = study(
        name, data="demo", scale=0.02, size=32, out=tmp_path / "out", device="cpu",
        overrides=(*ENGINE, f'backbone.name="{NETWORK}"', "finetune.reads=features"),
        reporter=Silent(),
    )  # fmt: skip
    page = html.unescape((tmp_path / "out/study.html").read_text(encoding="utf-8"))
    for row in found.study.rows:
        assert row.name in page
    assert len(found.outcomes) >= len(found.study.rows)
    assert all((one.value is None) == bool(one.why) for one in found.outcomes)
    assert any(one.value is not None for one in found.outcomes)
