"""Runs a bundle's ``run.py`` as on a device: torch and edgessl cannot be imported there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BLOCKED = """
import sys


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "edgessl", "onnx", "timm", "scipy"):
            raise ImportError(f"{name} is not to be imported on a device")


sys.meta_path.insert(0, Blocked())
"""


def run_bundle(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``run.py`` of a folder.

    Args:
        folder: Where ``run.py`` lies.
        arguments: Its command line.

    Returns:
        Exit code and what it printed.
    """
    site = folder.parent / f"blocked-{os.getpid()}"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(BLOCKED)  # python imports it before anything else
    return subprocess.run(
        [sys.executable, "-W", "error", str(folder / "run.py"), *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip
