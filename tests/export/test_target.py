"""A target says which files are written, and what they must keep to."""

from __future__ import annotations

import pytest

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
