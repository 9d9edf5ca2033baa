"""Well-formed models that cannot be used, and networks that answer with NaN: one message each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import typer
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from edgessl.artifact import Metadata
from edgessl.cli.evaluate import evaluate
from edgessl.cli.predict import predict
from edgessl.cli.profile import profile
from edgessl.errors import UserError

PREPROCESS = {"resize_px": 8, "crop_px": 8, "interpolation": "bilinear",
              "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}  # fmt: skip
ABOUT = Metadata("logits", ("cat", "dog"), PREPROCESS, 8, {})


def model(
    weights: Any = None, *, kind: int = TensorProto.FLOAT, outputs: int = 2, about: str = ""
) -> Any:
    """A linear classifier of 8 x 8 images."""
    table = np.ones((192, outputs), np.float32) if weights is None else weights
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("MatMul", ["flat", "table"], ["logits"], "product"),
        ],
        "network",
        [helper.make_tensor_value_info("images", kind, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", kind, ["batch", outputs])],
        [numpy_helper.from_array(table, "table")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, {"edgessl": about or ABOUT.to_json()})
    return made


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for name in ABOUT.classes:
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                shade = 60 * number + (len(name) + len(split) + ord(name[0])) % 50
                Image.new("RGB", (9, 9 + number), (shade, number, ord(name[0]))).save(
                    folder / f"{number}.png"
                )
    return tmp_path / "images"


def run(verb: Callable[..., None], *arguments: object) -> Any:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(verb)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(path: Path, images: Path) -> list[str]:
    """What the three verbs say that read a model; each must refuse it."""
    image = next(images.rglob("*.png"))
    done = [run(predict, path, image, "--json"),
            run(evaluate, path, "--data", images, "--protocol", "top1")]  # fmt: skip
    assert [type(one.exception) for one in done] == [UserError, UserError], done
    assert not any(one.stdout for one in done)
    return [str(one.exception) for one in done]


def test_the_model_as_it_is_is_right(tmp_path: Path, images: Path) -> None:
    onnx.save(model(), str(tmp_path / "m.onnx"))
    assert run(evaluate, tmp_path / "m.onnx", "--data", images, "--protocol", "top1").exit_code == 0
    assert run(profile, tmp_path / "m.onnx").exit_code == 0
    done = run(predict, tmp_path / "m.onnx", next(images.rglob("*.png")), "--json")
    assert json.loads(done.stdout)["predictions"][0]["classes"][0]["probability"] == 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_no_answer_and_no_score(
    tmp_path: Path, images: Path, value: float
) -> None:
    weights = np.ones((192, 2), np.float32)
    weights[3, 1] = value
    onnx.save(model(weights), str(tmp_path / "m.onnx"))
    first, second = refusal(tmp_path / "m.onnx", images)
    assert "m.onnx: must answer with finite numbers, got others for " in first
    assert "m.onnx: must give finite numbers, got others for 6 of 6 images" in second


WRONG: dict[str, Callable[[], Any]] = {
    "another number of classes": lambda: model(outputs=3),
    "doubles": lambda: model(np.ones((192, 2)), kind=TensorProto.DOUBLE),
    "no preprocessing": lambda: model(about=json.dumps(json.loads(ABOUT.to_json()) | {
        "preprocess": {"crop_px": 8}})),
    "a standard deviation of 0": lambda: model(about=json.dumps(json.loads(ABOUT.to_json()) | {
        "preprocess": {**PREPROCESS, "std": [0, 1, 1]}})),
    "a crop of another size": lambda: model(about=json.dumps(json.loads(ABOUT.to_json()) | {
        "preprocess": {**PREPROCESS, "crop_px": 7}})),
    "classes that are numbers": lambda: model(about=json.dumps(json.loads(ABOUT.to_json()) | {
        "classes": [1, 2]})),
    "an unknown head": lambda: model(about=json.dumps(json.loads(ABOUT.to_json()) | {
        "head": "tail"})),
    "a schema in words": lambda: model(about=json.dumps(json.loads(ABOUT.to_json()) | {
        "schema": "two"})),
    "metadata too deep to read": lambda: model(about="[" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_well_formed_model_that_does_not_fit_is_refused(
    tmp_path: Path, images: Path, kind: str
) -> None:
    onnx.save(WRONG[kind](), str(tmp_path / "m.onnx"))
    for told in refusal(tmp_path / "m.onnx", images):
        assert told.startswith(str(tmp_path / "m.onnx"))


def external(path: Path) -> None:
    onnx.save(model(), str(path), save_as_external_data=True, size_threshold=0, location="w.bin")
    (path.parent / "w.bin").unlink()


def without_nodes(path: Path) -> None:
    made = model()
    del made.graph.node[:]
    onnx.save(made, str(path))


def half_a_front(path: Path) -> None:
    made = model()
    made.graph.node[0].name = "preprocess_flat"
    onnx.save(made, str(path))


def without_operands(path: Path) -> None:
    made = model()
    del made.graph.node[1].input[1:]
    onnx.save(made, str(path))


def name_of_no_text(path: Path) -> None:
    made = model()
    made.graph.node[0].op_type = "Fl4tten"
    path.write_bytes(made.SerializeToString().replace(b"Fl4tten", b"Fl\xff\xfeten"))


def truncated(path: Path) -> None:
    content = model().SerializeToString()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "write",
    [external, without_nodes, half_a_front, without_operands, name_of_no_text, truncated],
)
def test_profile_refuses_a_model_that_it_cannot_count(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "m.onnx")
    done = run(profile, tmp_path / "m.onnx")
    assert type(done.exception) is UserError, done.exception
    assert str(done.exception).startswith(f"{tmp_path / 'm.onnx'}: ")


def test_what_onnxruntime_says_of_a_damaged_name_stays_off_the_screen(
    tmp_path: Path, images: Path
) -> None:
    name_of_no_text(tmp_path / "m.onnx")
    done = run(predict, tmp_path / "m.onnx", next(images.rglob("*.png")), "--json")
    assert type(done.exception) is UserError
    assert done.output == ""


@pytest.mark.parametrize("verb", [predict, profile])
def test_an_ort_file_of_wrong_offsets_is_refused(
    tmp_path: Path, images: Path, verb: Callable[..., None]
) -> None:
    path = tmp_path / "m.ort"
    image = [next(images.rglob("*.png"))] if verb is predict else []
    for content in (b"\x08\0\0\0ORTM" + bytes(40), b"\xff\xff\0\0ORTM", b"\0\0\0\0ORTM\xff\xff"):
        path.write_bytes(content)
        assert type(run(verb, path, *image).exception) is UserError
