"""What whole runs share: a cache, images, a recipe, and one run that nothing disturbed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipeline.stories import run_recipe
from shared import made_once
from tiny_run import Listener, request, write_images, write_recipe


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache that no test outside this folder sees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(made_once(tmp_path_factory, "runs-cache", _nothing)))
        yield


def _nothing(_folder: Path) -> None:
    pass


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``images`` of two classes, ``unlabelled`` ones, and ``tiny.toml``; to read."""

    def make(folder: Path) -> None:
        write_images(folder / "images")
        write_images(folder / "unlabelled", classes=1, count=20, labelled=False)
        write_recipe(folder)

    return made_once(tmp_path_factory, "tiny", make)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """The folder of a finished run of the tiny recipe on ``images``; to read or to copy."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EDGESSL_CACHE", str(folder / "cache"))
            run_recipe(request(tiny / "tiny.toml", tiny / "images", folder / "run"), Listener())

    return made_once(tmp_path_factory, "finished", make) / "run"


@pytest.fixture(scope="session")
def copied(finished: Path) -> Callable[[Path], Path]:
    """Copies the finished run to a folder, where it may be changed."""

    def copy(out: Path) -> Path:
        return shutil.copytree(finished, out)

    return copy
