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

from edgessl import checkpoint
from edgessl.artifact import Metadata, exported_program, torchscript
from edgessl.backbones import Backbone, Classifier, deployable_payload
from edgessl.bench.measure.inputs import PHOTO_PX
from edgessl.bench.measure.open_model import open_model
from edgessl.bench.measure.opened import How
from edgessl.cli.bench import bench
from edgessl.errors import UserError

HOW = How(threads=1, batch=1, provider="CPUExecutionProvider", trust=True)


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


def write_checkpoint(path: Path) -> tuple[Path, nn.Module]:
    """Write a MobileNetV2 for four classes of 64 x 64 pixels, as a training run does."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Classifier(Backbone("mobilenetv2", "keep", 64), 4)
    payload = deployable_payload(
        module, classes=KNOWN.classes, provenance={"recipe": "some-recipe"},
        preprocess={**KNOWN.preprocess, "resize_px": 64, "crop_px": 64},
    )  # fmt: skip
    checkpoint.save(path, payload)
    return path, module.eval()


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


def test_pytorch_is_timed_beside_onnx_which_never_sees_it(tmp_path: Path) -> None:
    script = write_torchscript(tmp_path / "m.torchscript")
    model = write_model(tmp_path / "m.onnx", metadata=KNOWN)
    device = write_device(tmp_path / "quick.toml", runs=20)
    result = run(model, script, "--trust", "--device", device, "--json", "-")
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
    opened = open_model(path, How(1, 3, "CPUExecutionProvider", trust=True))
    assert opened.call(np.zeros((3, 3, 8, 8), np.float32)).shape == (3, 4)
    assert (opened.input_shape, opened.runtime) == ((3, 3, 8, 8), "torch.export")


def test_a_checkpoint_runs_in_eager_mode_as_it_was_trained(tmp_path: Path) -> None:
    path, module = write_checkpoint(tmp_path / "ckpt.pt")
    opened = open_model(path, How(1, 2, "CPUExecutionProvider"))
    assert (opened.input_shape, opened.runtime) == ((2, 3, 64, 64), "PyTorch eager")
    images = np.random.default_rng(0).standard_normal((2, 3, 64, 64), dtype=np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(images)).numpy()
    np.testing.assert_array_equal(opened.call(images), expected)
    assert Metadata.from_json(opened.metadata, "").preprocess["crop_px"] == 64  # what --e2e needs


@pytest.mark.parametrize("name", ["m.pt", "m.pt2", "m.torchscript"])
def test_a_text_under_pytorch_s_names_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("no model")
    with pytest.raises(UserError, match="must be a ") as refused:
        open_model(path, HOW)
    assert str(refused.value).startswith(f"{path}: ")


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

    from edgessl.bench.measure.device import read_device

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
