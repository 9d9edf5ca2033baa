"""Core ML's packages are asked for by name, read back, and called what they are: not run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_network import CLASSES, write_checkpoint, write_images
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.export.bundle.manifest import describe_file as described
from edgessl.export.bundle.manifest import earlier_packages, is_whole_package, write_manifest
from edgessl.export.target import read_target
from edgessl.export.unchecked import (
    ENVIRONMENT,
    NAMES,
    WHY,
    Unchecked,
    judged,
    parts_of,
    refuse_unchecked,
)
from edgessl.runtimes.converter import ConversionFailed
from edgessl.runtimes.environment import is_installed, is_made, read_environment

NAME = NAMES["fp16"]


def test_a_package_comes_only_where_it_is_asked_for() -> None:
    with pytest.raises(UserError, match=r"or add --unchecked for a \.mlpackage"):
        read_target("coreml")
    refuse_unchecked("coreml", None)
    refuse_unchecked("CoreML", "features")


@pytest.mark.parametrize(
    ("target", "head", "words"),
    [
        (None, None, "must come with --target coreml, got none"),
        ("litert", None, "got --target litert, whose files are proven"),
        ("tensorrt", None, "got --target tensorrt: an engine is built on the GPU"),
        ("coreml", "prototypes", "must be one output for --target coreml, got prototypes"),
    ],
)
def test_what_has_no_meaning_is_refused(target: str | None, head: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        refuse_unchecked(target, head)


def network() -> Any:
    """Three products, 8 px, logits of two classes."""
    nodes = [SimpleNamespace(op_type=kind) for kind in ("Conv", "Relu", "Conv", "Gemm")]
    dim = [SimpleNamespace(dim_value=0), SimpleNamespace(dim_value=2)]
    shape = SimpleNamespace(tensor_type=SimpleNamespace(shape=SimpleNamespace(dim=dim)))
    graph = SimpleNamespace(node=nodes, output=[SimpleNamespace(type=shape)])
    return SimpleNamespace(
        metadata=SimpleNamespace(input_px=8, head="logits"), graph=SimpleNamespace(graph=graph)
    )


def read_back(**changed: Any) -> dict[str, Any]:
    """What a converter reads back of a package that is right on paper."""
    found = {"shapes": {"images": [1, 3, 8, 8], "logits": [1, 2]}, "products": 3,
             "text": {"edgessl": "{}"}, "versions": {"coremltools": "9.0"}}  # fmt: skip
    return {**found, **changed}


def test_what_is_right_on_paper_is_told() -> None:
    finding = judged(network(), "{}", read_back())
    assert finding == (
        "converted by coremltools 9.0; read back: images (1, 3, 8, 8) and logits (1, 2), "
        "3 products, classes"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"products": 2}, "must have 3 products, got 2"),
        ({"shapes": {"images": [1, 8, 8, 3], "logits": [1, 2]}}, "its shapes must be"),
        ({"text": {}}, "did not read back"),
    ],
)
def test_what_is_wrong_on_paper_is_not_written(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConversionFailed, match=words):
        judged(network(), "{}", read_back(**changed))


def test_a_later_export_keeps_a_package_that_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / NAME / "Data").mkdir(parents=True)
    (tmp_path / NAME / "Manifest.json").write_text("{}")
    (tmp_path / NAME / "Data/model.mlmodel").write_bytes(b"network")
    one = Unchecked(NAME, "fp16", "read back", 0.1)
    files = {
        part.relative_to(tmp_path).as_posix(): described(part, "part")
        for part in parts_of(tmp_path, NAME)
    }
    write_manifest(tmp_path, checkpoint={"sha256": "a"}, files=files, unchecked=[one.to_dict()])
    assert earlier_packages(tmp_path, "a") == (one,)
    assert earlier_packages(tmp_path, "another") == ()
    (tmp_path / NAME / "Data/model.mlmodel").write_bytes(b"another")
    assert not is_whole_package(tmp_path, NAME)
    assert earlier_packages(tmp_path, "a") == ()


@pytest.mark.slow
def test_packages_are_written_read_back_and_said_to_be_not_run(tmp_path: Path) -> None:
    declared = read_environment(ENVIRONMENT)
    if not (is_installed(declared) or is_made(ENVIRONMENT, declared)):
        pytest.skip("edgessl export ckpt.pt --target coreml --unchecked makes its environment")
    data = write_images(tmp_path / "data", CLASSES)
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, str(data))
    out = tmp_path / "out"
    command = ["export", str(ckpt), "--target", "coreml", "--out", str(out), "--json"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, UserError)
    done = CliRunner().invoke(app, [*command, "--unchecked"])
    assert done.exit_code == 0, (done.output, done.exception)
    said = json.loads(done.stdout)
    assert [one["name"] for one in said["unchecked"]] == list(NAMES.values())
    assert not any(one["checked"] for one in said["unchecked"])
    assert all(file["format"] == "onnx" and file["passed"] for file in said["files"])
    sizes = [one["size_mb"] for one in said["unchecked"]]
    assert 1.8 < sizes[0] / sizes[1] < 2.1
    card = (out / "MODEL_CARD.md").read_text()
    assert card.count(WHY) == 2
    again = CliRunner().invoke(app, ["export", str(ckpt), "--out", str(out), "--ort"])
    assert again.exit_code == 0, again.exception
    assert (out / "MODEL_CARD.md").read_text().count(WHY) == 2
