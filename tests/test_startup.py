"""``edgessl --help`` answers at once: nothing heavy is imported until a verb runs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

HEAVY = ("torch", "numpy", "timm", "onnx", "onnxruntime", "pydantic", "PIL", "matplotlib")


def test_help_takes_under_0_3_s_of_cpu_time() -> None:
    """The best of five children; 0.09 s on a shared 2-core machine."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "edgessl", "--help"], capture_output=True, check=True, text=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert "recipe" in done.stdout
    assert min(seconds) < 0.3


def test_the_command_line_imports_nothing_heavy() -> None:
    code = f"import sys, edgessl.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
