"""Programs beside the models that run them on a device: a web page, and C++."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgessl import catalog
from edgessl.errors import UserError
from edgessl.export.bundle import onnxruntime_web
from edgessl.export.bundle.manifest import describe_file, is_whole
from edgessl.export.bundle.names import FILES, VENDORED, Runner
from edgessl.files import atomic_path


def prepare_runners(folder: Path, runners: Sequence[Runner]) -> None:
    """Refuse early what could not be added at the end, and fetch what comes from the network.

    Args:
        folder: Where the bundle is to lie; it need not exist.
        runners: Those asked for.

    Raises:
        UserError: Files of someone else are in the way.
        EdgesslError: onnxruntime-web cannot be downloaded.
    """
    names = [f"{runner}/{name}" for runner in runners for name in FILES[runner]]
    foreign = [name for name in names if (folder / name).exists() and not is_whole(folder, name)]
    if foreign:
        raise UserError(
            f"{folder}: must have room for the runners, found other files named "
            f"{', '.join(foreign)}; write the bundle elsewhere with --out, or move them away"
        )
    if "web" in runners:
        onnxruntime_web.fetch_onnxruntime_web()


def add_runner(folder: Path, runner: Runner) -> None:
    """Write a runner's folder into the bundle.

    Args:
        folder: The bundle.
        runner: Which one.

    Raises:
        UserError: The disk is full or the folder is not writable.
        EdgesslError: onnxruntime-web is not in the cache and cannot be downloaded.
    """
    source = catalog.root() / "export/runners" / runner
    contents = {
        name: (source / name).read_bytes() for name in FILES[runner] if name not in VENDORED
    }
    if runner == "web":
        package = onnxruntime_web.fetch_onnxruntime_web()
        vendored = onnxruntime_web.read_files(package)
        contents |= {f"vendor/{name}": content for name, content in vendored.items()}
    for name, content in contents.items():
        path = folder / runner / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)


def describe_runners(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the manifest's entries of the runners that lie in a bundle.

    Args:
        folder: The bundle.

    Returns:
        By name, such as ``web/index.html``; none of a runner that is not complete.
    """
    entries: dict[str, dict[str, Any]] = {}
    for runner, files in FILES.items():
        if all((folder / runner / name).is_file() for name in files):
            entries |= {
                f"{runner}/{name}": describe_file(folder / runner / name, what)
                for name, what in files.items()
            }
    return entries
