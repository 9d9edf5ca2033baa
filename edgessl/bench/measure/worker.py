"""The process that runs one model: ``python -m edgessl.bench.measure.worker``, driven line by line.

Each request is one JSON line on stdin, each answer one JSON line on stdout:
    {"do": "open", "path": ..., "threads": ..., "batch": ..., "provider": ..., "options": {...}}
    {"do": "run", "times": n}         milliseconds of each run; one more goes before, untimed
    {"do": "sustain", "seconds": s}   milliseconds of each run
    {"do": "end_to_end", "images": [...], "times": n}
    {"do": "profile", "times": n}     the operators
    {"do": "report"}
It ends with its stdin. For an ONNX file torch is never imported here: running it beside onnxruntime
nearly doubles the latency.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from edgessl.bench.measure.open_model import open_model
from edgessl.bench.measure.opened import ONNX, How
from edgessl.errors import EdgesslError, UserError
from edgessl.process_memory import peak_mb, resident_mb


class _Model:
    """One open model, and what running it has taken so far."""

    def __init__(self, path: str, **how: Any) -> None:
        self.path, self.how = Path(path), How(**how)
        if self.path.suffix.lower() in ONNX:
            import onnxruntime  # noqa: F401  its import is not part of the model's load time
        else:
            import edgessl.backbones
            import edgessl.bench.measure.opened_torch  # noqa: F401
        self.rss_before_mb = resident_mb()
        start = time.perf_counter()
        self.opened = open_model(self.path, self.how)
        self.load_ms = 1000 * (time.perf_counter() - start)
        self.first_run_ms = self._run(1)[0]
        self.rss_loaded_mb = resident_mb()
        self.wall_s = self.cpu_s = 0.0

    def _run(self, times: int) -> list[float]:
        once, clock = self.opened.run, time.perf_counter
        runs_ms = []
        for _ in range(times):
            start = clock()
            once()
            runs_ms.append(1000 * (clock() - start))
        return runs_ms

    def run(self, times: int) -> list[float]:
        """Run a turn, and add to the process's wall and CPU time."""
        self._run(1)  # another model has just emptied the caches
        cpu, wall = time.process_time(), time.perf_counter()
        runs_ms = self._run(times)
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall
        return runs_ms

    def sustain(self, seconds: float) -> list[float]:
        """Run without a pause for some time."""
        runs_ms: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            runs_ms += self._run(1)
        return runs_ms

    def end_to_end(self, images: list[str], times: int) -> dict[str, Any]:
        """Time every step from a file to an answer."""
        from edgessl.bench.measure.end_to_end import time_steps

        return time_steps(self.opened, [Path(image) for image in images], times, str(self.path))

    def profile(self, times: int) -> dict[str, Any]:
        """Open the model once more with onnxruntime's profiler."""
        from edgessl.bench.measure.operators import profile

        return profile(self.path, self.how, times)

    def report(self) -> dict[str, Any]:
        """Return what is known at the end."""
        return {
            "runtime": self.opened.runtime,
            "load_ms": self.load_ms,
            "first_run_ms": self.first_run_ms,
            "cores_obtained": self.cpu_s / self.wall_s if self.wall_s else None,
            "process_s": time.process_time(),
            "peak_rss_mb": peak_mb(),
            "rss_before_load_mb": self.rss_before_mb,
            "rss_loaded_mb": self.rss_loaded_mb,
            "input": [*self.opened.input_shape],
            "torch_loaded": "torch" in sys.modules,
            "metadata": self.opened.metadata,
        }


def main() -> None:
    """Answer requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes stdin
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    model: _Model | None = None
    where = ""
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("do")
        answer: Any
        try:
            if action == "open":
                where = request["path"]
                model = _Model(**request)
                answer = {}
            else:
                answer = getattr(model, action)(**request)
        except EdgesslError as error:
            answer = {"error": str(error), "mistake": isinstance(error, UserError)}
        except Exception as error:  # each of onnxruntime's derives from Exception directly
            reason = " ".join(str(error).split())
            rule = f"must be a model that runs on random images, got: {reason[:200]}"
            way_out = "pass a file that `edgessl export` wrote"
            answer = {"error": f"{where}: {rule}; {way_out}", "mistake": True}
            if not type(error).__module__.startswith("onnxruntime"):
                traceback.print_exc()  # PyTorch raises plain RuntimeErrors, the cause last
                found = f"the measuring process failed with {type(error).__name__}: {reason[-200:]}"
                answer = {"error": f"{where}: {found}; its traceback is above", "mistake": False}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
