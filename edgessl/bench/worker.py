"""The process that runs one model: ``python -m edgessl.bench.worker``, driven line by line.

Each request is one JSON line on stdin, each answer one JSON line on stdout:
    {"do": "open", "path": ..., "threads": ..., "provider": ..., "batch": ...}
    {"do": "run", "times": n}
    {"do": "report"}
It ends with its stdin. torch is never imported here: running it beside onnxruntime nearly doubles
the latency.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from edgessl.bench.memory import peak_rss_mb, rss_mb
from edgessl.errors import EdgesslError, UserError

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}


class _Model:
    """One open model with its input, and what running it has taken so far."""

    def __init__(self, path: Path, threads: int, provider: str, batch: int) -> None:
        import onnxruntime  # noqa: F401  its import is not part of the model's load time

        from edgessl.artifact.session import open_session

        self.rss_before_mb = rss_mb()
        start = time.perf_counter()
        self.session = open_session(path, threads=threads, provider=provider)
        self.load_ms = 1000 * (time.perf_counter() - start)
        self.feed = _feed(self.session, path, batch)
        self.first_run_ms = self.run(1)[0]
        self.wall_s = self.cpu_s = 0.0

    def run(self, times: int) -> list[float]:
        """Run and return the milliseconds of each run."""
        runs_ms = []
        for _ in range(times):
            start = time.perf_counter()
            self.session.run(None, self.feed)
            runs_ms.append(1000 * (time.perf_counter() - start))
        return runs_ms

    def timed(self, times: int) -> list[float]:
        """Run, and add to the process's wall and CPU time."""
        cpu, wall = time.process_time(), time.perf_counter()
        runs_ms = self.run(times)
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall
        return runs_ms

    def report(self) -> dict[str, Any]:
        """Return what is known at the end."""
        return {
            "load_ms": self.load_ms,
            "first_run_ms": self.first_run_ms,
            "cores_obtained": self.cpu_s / self.wall_s if self.wall_s else None,
            "peak_rss_mb": peak_rss_mb(),
            "rss_before_load_mb": self.rss_before_mb,
            "input": [*next(iter(self.feed.values())).shape],
            "torch_loaded": "torch" in sys.modules,
        }


def _feed(session: Any, path: Path, batch: int) -> dict[str, Any]:
    """Make one random input of the shape that the model takes."""
    import numpy as np

    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in _DTYPES:
        got = ", ".join(f"{value.name}: {value.type}" for value in inputs)
        raise UserError(f"{path}: must have one image input, got {got}; pass an image network")
    shape = [batch, *inputs[0].shape[1:]]
    if not all(isinstance(side, int) for side in shape):
        raise UserError(
            f"{path}: must have a fixed image size, got {inputs[0].shape}; export it for one size"
        )
    fixed = inputs[0].shape[0]
    if isinstance(fixed, int) and fixed != batch:
        raise UserError(f"{path}: its batch is fixed to {fixed}, got --batch {batch}; leave it out")
    generator = np.random.default_rng(0)
    if inputs[0].type == "tensor(uint8)":
        return {inputs[0].name: generator.integers(0, 256, shape, dtype=np.uint8)}
    values = generator.standard_normal(shape, dtype=np.float32)
    return {inputs[0].name: values.astype(_DTYPES[inputs[0].type])}


def main() -> None:
    """Answer requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes stdin
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    model: _Model | None = None
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("do")
        answer: Any
        try:
            if action == "open":
                model = _Model(Path(request.pop("path")), **request)
                answer = {}
            elif model is None:
                raise ValueError(f"'{action}' before 'open'")
            else:
                answer = model.timed(request["times"]) if action == "run" else model.report()
        except EdgesslError as error:
            answer = {"error": str(error)}
        except Exception as error:  # each of onnxruntime's derives from Exception directly
            if not type(error).__module__.startswith("onnxruntime"):
                raise
            answer = {"error": f"the model must run, got: {' '.join(str(error).split())[:200]}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
