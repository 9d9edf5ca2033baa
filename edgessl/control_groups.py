"""The control groups (a container, a batch job) that hold this process."""

from __future__ import annotations

from pathlib import Path


def own_groups(root: Path, controller: str = "") -> list[Path]:
    """Return the folders of this process's group and of the groups around it.

    A container sees only its own groups, mounted where all would be; a folder may be missing then.

    Args:
        root: Where ``proc`` and ``sys`` are mounted.
        controller: ``"cpu"`` or ``"memory"`` for version 1; empty for version 2.
    """
    mount = own = root / "sys/fs/cgroup" / controller
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, place = rest.partition(":")
        if controller in controllers.split(","):
            own = mount / place.lstrip("/")
    return [path for path in (own, *own.parents) if path.is_relative_to(mount)]


def read_text(path: Path) -> str:
    """Return the content of a file; empty where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
