"""What tests of all folders share; being here, it also makes ``reference/`` importable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

ROOMS = (
    "tests/bench/",  # times its models while no other of its tests does
    "tests/distributed/",  # its processes are forked from one that has torch
    "tests/export/",  # two fixtures are exports of everything, half a minute each
)
"""Folders whose tests one worker of pytest-xdist runs, for they share what takes long to make."""


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real image sets that ``EDGESSL_TEST_DATA`` names."""
    folder = os.environ.get("EDGESSL_TEST_DATA")
    if not folder:
        pytest.skip("EDGESSL_TEST_DATA must name a folder that holds clothing10/ and grocery38/")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Use one thread, here and in child processes, unless the caller asks for more.

    The tensors of the tests are tiny: a second thread gains nothing on a quiet machine, and on a
    busy one the two take twenty times as long, waiting for each other.
    """
    import torch  # a plugin of pytest may have imported it, and then the variable comes too late

    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole modules, and whole rooms, in the order of collection."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByRoom(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            room = next((room for room in ROOMS if nodeid.startswith(room)), None)
            return room or nodeid.partition("::")[0]

    return ByRoom(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where torch finds none."""
    wanted = [item for item in items if item.get_closest_marker("gpu")]
    if not wanted:
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, torch finds none"))
