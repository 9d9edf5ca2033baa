"""One count of cores honours affinity and the quotas of control groups; all threads follow it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgessl import cores
from edgessl.cores import affinity_cores, cgroup_quota, limit_threads, usable_cores
from edgessl.device import keep_to_usable_cores


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _version2(root: Path, **groups: str) -> Path:
    """Write ``cpu.max`` of groups; ``_`` in a name stands for the step down to an inner one."""
    _write(root / "proc/self/cgroup", "0::/job/step\n")
    for name, text in groups.items():
        _write(root / "sys/fs/cgroup" / name.replace("_", "/") / "cpu.max", text)
    return root


def _version1(root: Path, group: str, quota: int, period: int = 100_000) -> Path:
    _write(root / "proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/box\n0::/\n")
    folder = root / "sys/fs/cgroup/cpu" / group
    _write(folder / "cpu.cfs_quota_us", f"{quota}\n")
    _write(folder / "cpu.cfs_period_us", f"{period}\n")
    return root


@pytest.fixture
def sixty_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of 64 cores, on all of which this process may be scheduled."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)


@pytest.mark.usefixtures("sixty_four")
def test_without_a_quota_affinity_counts(tmp_path: Path) -> None:
    assert cgroup_quota(tmp_path) is None
    assert usable_cores(tmp_path) == 64
    assert usable_cores(_version2(tmp_path, job="max 100000\n")) == 64


@pytest.mark.usefixtures("sixty_four")
def test_a_container_sees_its_own_group_as_the_outermost(tmp_path: Path) -> None:
    _write(tmp_path / "proc/self/cgroup", "0::/\n")
    _write(tmp_path / "sys/fs/cgroup/cpu.max", "200000 100000\n")  # docker run --cpus 2
    assert cgroup_quota(tmp_path) == 2.0
    assert usable_cores(tmp_path) == 2


@pytest.mark.usefixtures("sixty_four")
def test_the_tightest_group_around_the_process_counts(tmp_path: Path) -> None:
    root = _version2(tmp_path, job="300000 100000\n", job_step="800000 100000\n")
    assert usable_cores(root) == 3


@pytest.mark.usefixtures("sixty_four")
@pytest.mark.parametrize("group", ["", "box"])
def test_groups_of_the_first_kind_count_too(tmp_path: Path, group: str) -> None:
    assert usable_cores(_version1(tmp_path, group, 400_000)) == 4


@pytest.mark.usefixtures("sixty_four")
def test_no_quota_of_the_first_kind_is_minus_one(tmp_path: Path) -> None:
    assert cgroup_quota(_version1(tmp_path, "box", -1)) is None


@pytest.mark.usefixtures("sixty_four")
@pytest.mark.parametrize(("quota_us", "cores"), [(10_000, 1), (150_000, 2), (9_900_000, 64)])
def test_a_part_of_a_core_is_one_and_a_larger_quota_than_the_host_is_none(
    tmp_path: Path, quota_us: int, cores: int
) -> None:
    assert usable_cores(_version1(tmp_path, "box", quota_us)) == cores


@pytest.mark.parametrize("text", ["", "100000\n", "many 100000\n", "100000 0\n"])
def test_a_file_that_says_something_else_is_no_quota(tmp_path: Path, text: str) -> None:
    assert cgroup_quota(_version2(tmp_path, job=text)) is None


@pytest.mark.usefixtures("sixty_four")
def test_libraries_and_children_are_told_of_a_quota(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    limit_threads(environment, tmp_path)
    assert "OMP_NUM_THREADS" not in environment
    root = _version2(tmp_path, job="200000 100000\n")
    limit_threads(environment, root)
    assert environment["OMP_NUM_THREADS"] == "2"
    said = {"OMP_NUM_THREADS": "8"}
    limit_threads(said, root)
    assert said["OMP_NUM_THREADS"] == "8"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {"GOMP_SPINCOUNT": "10000"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ],
)
def test_threads_spin_briefly_unless_their_user_said_how_they_wait(
    tmp_path: Path, said: dict[str, str], expected: dict[str, str]
) -> None:
    environment = dict(said)
    limit_threads(environment, tmp_path)
    assert environment == expected


@pytest.mark.parametrize(("said", "expected"), [(None, 1), ("3", 3)])
def test_torch_keeps_to_the_cores_unless_its_user_said_a_number(
    monkeypatch: pytest.MonkeyPatch, said: str | None, expected: int
) -> None:
    import torch

    before = torch.get_num_threads()
    monkeypatch.setattr("edgessl.device.usable_cores", lambda: 1)
    monkeypatch.delenv("OMP_NUM_THREADS")
    if said:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    try:
        torch.set_num_threads(3)
        keep_to_usable_cores()
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_a_command_under_a_quota_starts_torch_with_as_many_threads(tmp_path: Path) -> None:
    """From the command line to the library that reads the variable, in a process of its own."""
    code = (
        "import os, typer\n"
        "from edgessl import cli, cores\n"
        "cores.affinity_cores = lambda: 3\n"
        "cores.cgroup_quota = lambda root: 2.0\n"
        "program = typer.Typer()\n"
        "@program.command()\n"
        "def count() -> None:\n"
        "    import torch\n"
        "    print(torch.get_num_threads())\n"
        "cli.main(program)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "2\n"


def test_this_machine_has_at_least_a_core() -> None:
    assert 1 <= usable_cores() <= affinity_cores()


def test_nothing_else_counts_cores() -> None:
    """A second counter is how quotas were forgotten."""
    package = Path(cores.__file__).parent
    counting = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8")
               for word in ("os.cpu_count", "sched_getaffinity"))
    }  # fmt: skip
    assert counting == {
        "cores.py",
        "bench/measure/device.py",  # describes the host
        "bench/measure/in_turns.py",  # reads the counters of single cores
    }
