"""How long it takes to turn a network into an ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.artifact.session import open_session
from edgessl.backbones import Backbone
from edgessl.export.formats.graph import export_graph


@pytest.mark.parametrize("name", ["mobilenetv2", "efficientnet-b0", "resnet18"])
def test_exporting(benchmark: BenchmarkFixture, name: str) -> None:
    """The graph of a network at 224 px, from PyTorch to a stripped ONNX model; the checks apart."""
    backbone = Backbone(name).eval()
    graph = benchmark.pedantic(
        lambda: export_graph(backbone, 224, "features", 20), rounds=3, warmup_rounds=1
    )
    benchmark.extra_info["nodes"] = len(graph.graph.node)


def test_opening(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """MobileNetV2 from a file in the disk cache to a session that can run."""
    path = tmp_path / "m.onnx"
    onnx.save(export_graph(Backbone("mobilenetv2").eval(), 224, "features", 20), str(path))
    benchmark.pedantic(lambda: open_session(path, threads=1), rounds=10, warmup_rounds=1)
