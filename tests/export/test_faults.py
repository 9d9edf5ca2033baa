"""A file with a fault that people really ship is stopped, by the gate that is there for it.

Each fault is put into the real file of a healthy network, by editing its graph or its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from small_network import CLASSES, Case

from edgessl.artifact import Metadata
from edgessl.artifact.metadata import KEY
from edgessl.errors import GateFailed
from edgessl.export.product import Product
from edgessl.pipeline import export as story
from edgessl.pipeline.export import Exported, export_checkpoint

Fault = Callable[[Any], None]


def initializer(model: Any, name: str) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def set_values(model: Any, name: str, values: Any) -> None:
    tensor = initializer(model, name)
    old = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.broadcast_to(values, old.shape).astype(old.dtype),
                                            name))


def node(model: Any, kind: str) -> Any:
    return next(node for node in model.graph.node if node.op_type == kind)


def wrong_normalisation(model: Any) -> None:
    """(x - 0.5) / 0.5, as other networks want it."""
    set_values(model, "preprocess_mean", 0.5)
    set_values(model, "preprocess_std", 0.5)


def no_normalisation(model: Any) -> None:
    """Values from 0 to 255."""
    set_values(model, "preprocess_levels", 1.0)
    set_values(model, "preprocess_mean", 0.0)
    set_values(model, "preprocess_std", 1.0)


def blue_first(model: Any) -> None:
    """BGR, as OpenCV reads images."""
    planes = node(model, "Transpose")
    swapped = planes.output[0]
    planes.output[0] = "planes_rgb"
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), "bgr"))
    gather = helper.make_node("Gather", ["planes_rgb", "bgr"], [swapped], "swap", axis=1)
    place = list(model.graph.node).index(planes)
    model.graph.node.insert(place + 1, gather)


def nearest_resize(model: Any) -> None:
    resize = node(model, "Resize")
    del resize.attribute[:]
    resize.attribute.append(helper.make_attribute("mode", "nearest"))


def without_antialias(model: Any) -> None:
    """Bilinear as OpenCV and many runtimes do it."""
    resize = node(model, "Resize")
    del resize.attribute[:]
    resize.attribute.append(helper.make_attribute("mode", "linear"))


def crop_off_centre(model: Any) -> None:
    """The upper left corner instead of the centre."""
    add = next(node for node in model.graph.node if node.output[0] == "preprocess_start")
    add.op_type = "Mul"
    add.input[:] = [add.input[0], "zero"]
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))


def baked_batch(model: Any) -> None:
    """A batch size that became a constant inside, behind a dynamic input."""
    output = model.graph.output[0].name
    last = next(node for node in model.graph.node if output in node.output)
    last.output[0] = "any_batch"
    shape = np.array([2, len(CLASSES)])
    model.graph.initializer.append(numpy_helper.from_array(shape, "two_rows"))
    bake = helper.make_node("Reshape", ["any_batch", "two_rows"], [output], "bake")
    model.graph.node.append(bake)


def fixed_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def other_opset(model: Any) -> None:
    model.opset_import[0].version = 18


def edited(change: Callable[[dict[str, Any]], None]) -> Fault:
    """Change the metadata of a file."""

    def fault(model: Any) -> None:
        values = json.loads(next(p.value for p in model.metadata_props if p.key == KEY))
        change(values)
        helper.set_model_props(model, {KEY: json.dumps(values)})

    return fault


shuffled_labels = edited(lambda values: values["classes"].reverse())
other_mean = edited(lambda values: values["preprocess"].update(mean=[0.5, 0.5, 0.5]))


def lost_metadata(model: Any) -> None:
    del model.metadata_props[:]


@pytest.fixture
def made(case: Case) -> dict[str, Product]:
    """The healthy products."""
    assert all(file.passed for file in case.files.values())
    return case.products


@pytest.fixture
def ckpt(case: Case) -> Path:
    return case.ckpt


def faulty(product: Product, fault: Fault) -> Product:
    """Write a product as it is, then put a fault into the file."""

    def write(path: Path, metadata: Metadata) -> None:
        product.write(path, metadata)
        model = onnx.load(str(path))
        fault(model)
        onnx.save(model, str(path))

    return replace(product, write=write)


def export_with(
    product: Product, ckpt: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> Exported:
    monkeypatch.setattr(story, "products_of", lambda *_: (product,))
    (file,) = export_checkpoint(ckpt, out=out)
    return file


@pytest.mark.parametrize(
    ("fault", "name", "gate"),
    [
        (wrong_normalisation, "model.e2e.onnx", "preprocessing"),
        (no_normalisation, "model.e2e.onnx", "preprocessing"),
        (blue_first, "model.e2e.onnx", "preprocessing"),
        (nearest_resize, "model.e2e.onnx", "preprocessing"),
        (without_antialias, "model.e2e.onnx", "preprocessing"),
        (crop_off_centre, "model.e2e.onnx", "preprocessing"),
        (baked_batch, "model.e2e.onnx", "parity on extremes"),
        (baked_batch, "model.onnx", "parity on extremes"),
        (fixed_input, "model.onnx", "structure"),
        (other_opset, "model.onnx", "structure"),
        (other_opset, "model.batch1.onnx", "structure"),
        (shuffled_labels, "model.onnx", "labels"),
        (other_mean, "model.onnx", "labels"),
        (lost_metadata, "model.onnx", "labels"),
    ],
)
def test_a_fault_is_stopped_by_its_gate(
    fault: Fault, name: str, gate: str, made: dict[str, Product], ckpt: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / name).write_bytes(b"an older file")
    file = export_with(faulty(made[name], fault), ckpt, tmp_path, monkeypatch)
    assert next(g.name for g in file.gates if g.status == "fail") == gate
    assert file.path.name == made[name].failed_name
    assert not (tmp_path / name).exists()  # it would mislead
    recorded = json.loads((tmp_path / "report.json").read_text())["export"]["files"]
    assert [(entry["path"], entry["passed"]) for entry in recorded] == [(file.path.name, False)]


def test_the_verdict_names_the_gate_and_the_way_out(
    made: dict[str, Product], ckpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer
    from typer.testing import CliRunner

    from edgessl.cli.export import export

    broken = faulty(made["model.e2e.onnx"], blue_first)
    monkeypatch.setattr(story, "products_of", lambda *_: (made["model.onnx"], broken))
    app = typer.Typer()
    app.command()(export)
    result = CliRunner().invoke(app, [str(ckpt), "--out", str(tmp_path)])
    assert isinstance(result.exception, GateFailed)
    assert str(result.exception) == (
        f"{tmp_path / 'model.e2e.failed.onnx'}: must pass every gate before it is used, failed: "
        "preprocessing; it is kept for a look; use model.onnx and prepare the images as "
        "preprocess.json says"
    )
    assert (tmp_path / "model.onnx").is_file()
    assert "model.onnx: proven against the checkpoint" in result.stdout
