"""PyTorch's formats and end-to-end files are timed beside ONNX, each in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import typer
from onnx import TensorProto, helper
from tiny_model import KNOWN, write_device, write_model
from torch import nn
from typer.testing import CliRunner, Result

from edgessl.artifact import exported_program, torchscript
from edgessl.bench.opened import PHOTO_PX, How, open_model
from edgessl.cli.bench import bench
from edgessl.errors import UserError

HOW = How(threads=1, batch=1, provider="CPUExecutionProvider")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Opening a model of PyTorch sets the threads of this process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def network() -> nn.Module:
    """Four classes from images of 8 x 8 pixels."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def write_torchscript(path: Path) -> Path:
    module = torchscript.trace_and_freeze(network(), torch.zeros(2, 3, 8, 8))
    torchscript.save(module, path, {"edgessl": KNOWN.to_json()})
    return path


def write_pixels(path: Path) -> Path:
    """Write a model that takes ``(B, H, W, 3)`` uint8 of any size, and gives the mean colour."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats"], ["logits"], axes=[1, 2], keepdims=0),
        ],
        "pixels",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", "h", "w", 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def run(*arguments: object) -> Result:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(bench)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_torchscript_is_timed_beside_onnx_which_never_sees_torch(tmp_path: Path) -> None:
    script = write_torchscript(tmp_path / "m.torchscript")
    model = write_model(tmp_path / "m.onnx", metadata=KNOWN)
    device = write_device(tmp_path / "quick.toml", runs=50)
    result = run(model, script, "--device", device, "--json", "-")
    assert result.exit_code == 0, result.exception
    document: dict[str, Any] = json.loads(result.stdout)
    first, second = document["models"]
    assert (first["runtime"], first["torch_loaded"]) == ("onnxruntime", False)
    assert (second["runtime"], second["torch_loaded"]) == ("TorchScript", True)
    assert second["input"] == [1, 3, 8, 8]
    assert "run by TorchScript, in a process with PyTorch" in second["notes"][-1]
    assert document["comparisons"][0]["base"] == "m.onnx"


def test_a_file_that_takes_photographs_is_timed_with_one(tmp_path: Path) -> None:
    opened = open_model(write_pixels(tmp_path / "e2e.onnx"), HOW)
    assert opened.input_shape == (1, *PHOTO_PX, 3)
    assert opened.takes_pixels
    assert opened.call(np.full((1, 9, 7, 3), 5, np.uint8)) == pytest.approx(5)


def test_pytorch_is_timed_on_the_cpu_only(tmp_path: Path) -> None:
    path = write_torchscript(tmp_path / "m.torchscript")
    with pytest.raises(UserError, match="must be an ONNX file for a device with 'CUDAExec"):
        open_model(path, How(1, 1, "CUDAExecutionProvider"))


def test_an_exported_program_runs_on_the_size_its_metadata_names(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    exported_program.save(
        exported_program.program_of(network(), 8), path, {"edgessl": KNOWN.to_json()}
    )
    opened = open_model(path, How(1, 3, "CPUExecutionProvider"))
    assert opened.call(np.zeros((3, 3, 8, 8), np.float32)).shape == (3, 4)
    assert (opened.input_shape, opened.runtime) == ((3, 3, 8, 8), "torch.export")


@pytest.mark.parametrize(
    ("device", "package"),
    [("cuda", "pip install onnxruntime-gpu"), ("openvino", "pip install onnxruntime-openvino"),
     ("coreml", "pip install onnxruntime on macOS"), ("nnapi", "onnxruntime-android"),
     ("xnnpack", "--use_xnnpack")],
)  # fmt: skip
def test_a_device_that_is_not_here_is_refused_with_what_to_install(
    tmp_path: Path, device: str, package: str
) -> None:
    import onnxruntime

    from edgessl.bench.device_table import read_device

    provider = read_device(device).provider
    if provider in onnxruntime.get_available_providers():
        pytest.skip(f"{provider} is here")
    with pytest.raises(UserError) as refused:
        open_model(write_model(tmp_path / "m.onnx"), How(1, 1, provider))
    assert f"got '{provider}'" in str(refused.value)
    assert package in str(refused.value)


def test_a_photograph_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"")
    result = run(tmp_path / "cat.jpg")
    assert isinstance(result.exception, UserError)
    assert "must end in .onnx, .ort, .torchscript, .pt2, .pt" in str(result.exception)
