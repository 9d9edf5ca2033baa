"""What ``edgessl bench`` measures against a bare loop, and how well it tells models apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.artifact.session import CPU
from edgessl.backbones import BACKBONES, Backbone
from edgessl.bench.compare.ratio import Ratio, ratio_of_turns
from edgessl.bench.measure.device import Device
from edgessl.bench.measure.in_turns import measure_with_control, start_order
from edgessl.bench.measure.opened import How
from edgessl.bench.measure.process import Worker
from edgessl.export.formats.graph import export_graph

BARE = Path(__file__).with_name("bare_loop.py")
NAMES = ("mobilenetv2", "mobilenetv3s", "resnet18")
TURNS, RUNS = 40, 5
DEVICE = Device(
    provider=CPU, threads=1, launches=6, min_runs=300, min_seconds=4, max_seconds=60
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks, untrained, at 224 px."""
    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        graph = export_graph(Backbone(name).eval(), 224, "features", 20)
        onnx.save(graph, str(folder / f"{name}.onnx"))
    return folder


def slowed(path: Path, percent: float) -> Path:
    """Write a copy of MobileNetV2 with a layer more, of ``percent`` of its multiply-accumulates.

    The layer reads the image, so that no layer of the network is laid out otherwise for it, and
    what it gives is multiplied with zero and added to the output. How much slower the copy really
    is, bare loops say.
    """
    model = onnx.load(str(path))
    graph, side = model.graph, 3
    channels = 8 * max(1, round(percent / 100 * BACKBONES["mobilenetv2"].macs / (8 * 27 * 74**2)))
    weight = np.random.default_rng(0).standard_normal((channels, 3, side, side)).astype(np.float32)
    for name, values in (("slow_weight", weight), ("slow_zero", np.zeros(1, np.float32))):
        graph.initializer.append(numpy_helper.from_array(values, name))
    output = graph.output[0].name
    last = next(node for node in graph.node if output in node.output)
    last.output[list(last.output).index(output)] = "before_slowing"
    graph.node.extend([
        helper.make_node(
            "Conv", [graph.input[0].name, "slow_weight"], ["slow_maps"], strides=[side, side]
        ),
        helper.make_node("GlobalMaxPool", ["slow_maps"], ["slow_most"]),
        helper.make_node("ReduceMean", ["slow_most"], ["slow_mean"], keepdims=0),
        helper.make_node("Mul", ["slow_mean", "slow_zero"], ["slow_nothing"]),
        helper.make_node("Add", ["before_slowing", "slow_nothing"], [output]),
    ])  # fmt: skip
    result = path.with_name(f"{path.stem}-slowed-{percent:g}.onnx")
    onnx.save(model, str(result))
    return result


class BareLoop:
    """``bare_loop.py`` in a process of its own; the interface is that of ``Worker``."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(BARE), str(path), "1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.run(1)  # it has opened the model

    def run(self, times: int) -> list[float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        runs_ms: list[float] = json.loads(self._process.stdout.readline())
        return runs_ms

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate()


def in_turns(*starts: Callable[[], Worker | BareLoop]) -> Ratio:
    """Run two loops in turns, in new processes each launch; the first's time over the second's."""
    samples: tuple[list[list[list[float]]], ...] = ([], [])
    for launch in range(DEVICE.launches):
        with ExitStack() as stack:
            loops: dict[int, Worker | BareLoop] = {}
            for index in start_order(2, launch):
                loops[index] = stack.enter_context(starts[index]())
                loops[index].run(20)
            for own in samples:
                own.append([])
            for turn in range(TURNS):
                for index in start_order(2, turn):
                    samples[index][-1].append(loops[index].run(RUNS))
    return ratio_of_turns(*samples)


@pytest.mark.parametrize("name", NAMES)
def test_against_a_bare_loop(benchmark: BenchmarkFixture, folder: Path, name: str) -> None:
    """The bench's worker in turns with a bare onnxruntime loop, each in its process, one thread."""
    path = folder / f"{name}.onnx"
    ratio = benchmark.pedantic(
        in_turns, (lambda: Worker(path, How(1, 1, CPU)), lambda: BareLoop(path)), rounds=1
    )
    benchmark.extra_info["bench_over_bare"] = ratio.to_dict()
    print(f"\nbench over bare loop: {ratio.ratio:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]")


@pytest.mark.parametrize("percent", [0, 1, 10])
def test_telling_models_apart(benchmark: BenchmarkFixture, folder: Path, percent: float) -> None:
    """MobileNetV2 against itself, or with about 1 % or 10 % more work in it."""
    base = folder / "mobilenetv2.onnx"
    other = slowed(base, percent) if percent else base
    measured = benchmark.pedantic(
        lambda: measure_with_control([base, other], DEVICE, threads=1, batch=1), rounds=1
    )
    control = measured.noise.control
    ratio = ratio_of_turns(*(row["samples_ms"] for row in reversed(measured.models)))
    ratio = ratio.widened(control.ratio)
    bare = in_turns(lambda: BareLoop(other), lambda: BareLoop(base))
    benchmark.extra_info["ratio"] = ratio.to_dict()
    benchmark.extra_info["noise"] = measured.noise.grade
    benchmark.extra_info["ratio_of_bare_loops"] = bare.to_dict()
    print(f"\nratio {ratio.ratio:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]: {ratio.verdict}; "
          f"noise {measured.noise.grade}, control {control.ratio:.4f}; "
          f"bare loops {bare.ratio:.4f} [{bare.low:.4f}, {bare.high:.4f}]")  # fmt: skip
