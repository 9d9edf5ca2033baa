"""Images with rectangles, and a detector trained on them, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from dense.tiny_boxes import write_voc
from dense.tiny_detector import RECIPE, SMALL
from shared import made_once

from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.recipe import FACTORY
from edgessl.pipeline.dense.story import follow
from edgessl.reporter import Silent


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images in VOC's layout."""
    return made_once(
        tmp_path_factory, "rectangles", lambda folder: (write_voc(folder, count=24), None)[1]
    )


@pytest.fixture(scope="session")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""

    def make(folder: Path) -> None:
        asked = Asked(RECIPE, data, folder, overrides=SMALL, device="cpu", baselines=("none",))
        run = follow(FACTORY, asked, reporter=Silent())
        assert run.scores["ap50"].n == 6

    return made_once(tmp_path_factory, "detector", make)
