"""What ``edgessl bench`` measures against a bare loop, and how well it tells models apart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import helper
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.artifact.session import CPU
from edgessl.backbones import Backbone
from edgessl.bench.device_table import Device
from edgessl.bench.measure import measure_with_control
from edgessl.bench.opened import How
from edgessl.bench.process import Worker
from edgessl.bench.ratio import ratio_of_turns
from edgessl.export.graph import export_graph

BARE = Path(__file__).with_name("bare_loop.py")
NAMES = ("mobilenetv2", "mobilenetv3s", "resnet18")
LAUNCHES, TURNS, RUNS = 3, 60, 10
DEVICE = Device(
    provider=CPU, threads=1, launches=3, min_runs=300, min_seconds=4, max_seconds=60
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
    """Write a copy that also computes its first layer's kind of work ``percent`` more.

    The stem is repeated on the input and thrown into the output by a multiplication with zero, as
    often as ``percent`` of the original's latency takes.
    """
    model = onnx.load(str(path))
    graph = model.graph
    stem = next(node for node in graph.node if node.op_type == "Conv")
    output = graph.output[0].name
    last = next(node for node in graph.node if output in node.output)
    last.output[list(last.output).index(output)] = "before_slowing"
    copies = max(1, round(percent))
    names = []
    for index in range(copies):
        copy = onnx.NodeProto()
        copy.CopyFrom(stem)
        copy.name, copy.output[0] = f"slow{index}", f"slow_maps{index}"
        # The input is scaled, so that no two of them are the same computation.
        scale = helper.make_tensor(f"slow_scale{index}", 1, [1], [1e-9 * (index + 1)])
        graph.initializer.append(scale)
        scaled = helper.make_node("Mul", [stem.input[0], scale.name], [f"slow_input{index}"])
        copy.input[0] = f"slow_input{index}"
        most = helper.make_node("GlobalMaxPool", [copy.output[0]], [f"slow_most{index}"])
        total = helper.make_node("ReduceMean", [most.output[0]], [f"slow_total{index}"], keepdims=0)
        graph.node.extend([scaled, copy, most, total])
        names.append(total.output[0])
    zero = helper.make_tensor("slow_zero", 1, [1], [0.0])
    graph.initializer.append(zero)
    graph.node.append(helper.make_node("Sum", names, ["slow_sum"]))
    graph.node.append(helper.make_node("Mul", ["slow_sum", "slow_zero"], ["slow_nothing"]))
    graph.node.append(helper.make_node("Add", ["before_slowing", "slow_nothing"], [output]))
    result = path.with_name(f"{path.stem}-slowed-{percent:g}.onnx")
    onnx.save(model, str(result))
    return result


@pytest.mark.parametrize("name", NAMES)
def test_against_a_bare_loop(benchmark: BenchmarkFixture, folder: Path, name: str) -> None:
    """The bench's worker in turns with a bare onnxruntime loop, each in its process, one thread."""
    path = folder / f"{name}.onnx"
    ours: list[list[list[float]]] = []
    bare: list[list[list[float]]] = []

    def launch() -> None:
        command = [sys.executable, str(BARE), str(path), "1"]
        with (
            Worker(path, How(1, 1, CPU)) as worker,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as
            process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None

            def ask() -> list[float]:
                process.stdin.write(f"{RUNS}\n")
                process.stdin.flush()
                answer: list[float] = json.loads(process.stdout.readline())
                return answer

            worker.run(20), ask(), ask()
            pairs = []
            for turn in range(TURNS):
                pairs.append((worker.run(RUNS), ask()) if turn % 2 else (ask(), worker.run(RUNS)))
            ours.append([pair[0 if turn % 2 else 1] for turn, pair in enumerate(pairs)])
            bare.append([pair[1 if turn % 2 else 0] for turn, pair in enumerate(pairs)])

    benchmark.pedantic(launch, rounds=LAUNCHES)
    ratio = ratio_of_turns(ours, bare)
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
    benchmark.extra_info["ratio"] = ratio.to_dict()
    benchmark.extra_info["noise"] = measured.noise.grade
    print(f"\nratio {ratio.ratio:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]: {ratio.verdict}; "
          f"noise {measured.noise.grade}, control {control.ratio:.4f}")  # fmt: skip
