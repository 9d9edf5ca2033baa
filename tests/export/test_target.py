"""A target says which files are written, and what they must keep to."""

from __future__ import annotations

import pytest

from edgessl.errors import UserError
from edgessl.export.target import formats_for, read_target


def test_a_named_target_brings_its_formats_and_the_default_one_only_onnx() -> None:
    target = read_target("arm64")
    assert formats_for((), target, named=True) == ("onnx", "ort", "int8")
    assert formats_for((), target, named=False) == ("onnx",)
    assert formats_for(("ort",), target, named=True) == ("ort",)


@pytest.mark.parametrize("asked", [(), ("onnx",), ("onnx", "int8")])
def test_precision_int8_has_int8_files_written(asked: tuple[str, ...]) -> None:
    target = read_target("cpu").model_copy(update={"precision": "int8"})
    assert formats_for(asked, target, named=False) == ("onnx", "int8")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("tensorrt", r"trtexec --onnx=model\.batch1\.onnx --saveEngine=model\.unchecked\.engine"),
        ("TensorRT", "an engine is built on the GPU"),
        ("coreml", r"edgessl bench model\.batch1\.onnx --device coreml"),
    ],
)
def test_what_cannot_be_proven_here_is_refused_with_the_line_for_the_device(
    name: str, line: str
) -> None:
    with pytest.raises(UserError, match=rf"--target: must be a runtime .*{line}"):
        read_target(name)
