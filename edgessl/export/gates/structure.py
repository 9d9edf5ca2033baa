"""The structure gate: what a file must be, its shapes and labels included."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgessl.artifact import Artifact, Metadata, Takes
from edgessl.export.formats.inputs import INPUTS, outputs_of
from edgessl.export.gates.gate import Gate
from edgessl.files import expanded
from edgessl.runtimes.formats import companions_of, size_in_bytes


def check_structure(
    path: Path, *, opset: int, output: str, takes: Takes = "normalised", batch: int | None = None,
    rows: str = "batch",
) -> Gate:
    """Check an ONNX file against ONNX's rules and edgessl's.

    Args:
        path: The file.
        opset: The operator set it must use.
        output: What it gives, which names its outputs.
        takes: What goes in.
        batch: The batch size it must be fixed to; None for any.
        rows: Name of the output's first dimension.
    """
    import onnx

    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:160]
        return Gate("structure", "fail", f"onnx.checker: {reason}")
    model = onnx.load(str(path), load_external_data=False)
    mistakes = [
        *_interface_mistakes(model, outputs_of(output), takes, batch, rows),
        *_opset_mistakes(model, opset),
        *(
            f"weights of {tensor.name} are in another file"
            for tensor in model.graph.initializer
            if tensor.data_location == onnx.TensorProto.EXTERNAL
        ),
        *(f"a path of this machine inside: '{text[:60]}'" for text in leaked_paths(model)),
    ]
    numbers = {
        "opset": opset, "nodes": len(model.graph.node),
        "size_mb": round(path.stat().st_size / 1e6, 3),
    }
    if mistakes:
        return Gate("structure", "fail", "; ".join(mistakes[:3]), numbers)
    finding = f"one file of {numbers['size_mb']:.2f} MB, opset {opset}, {numbers['nodes']} nodes"
    return Gate("structure", "pass", finding, numbers)


def _interface_mistakes(
    model: Any, outputs: tuple[str, ...], takes: Takes, batch: int | None, rows: str
) -> Iterator[str]:
    sides = (
        (model.graph.input, (INPUTS[takes],), "batch"), (model.graph.output, outputs, rows),
    )  # fmt: skip
    for values, wanted, symbol in sides:
        names = tuple(value.name for value in values)
        if names != wanted:
            yield f"must have '{', '.join(wanted)}' only, has {', '.join(names)}"
            continue
        for value in values:
            first = value.type.tensor_type.shape.dim[0]
            if batch is None and first.dim_param != symbol:
                yield f"the batch of '{value.name}' is fixed"
            elif batch is not None and first.dim_value != batch:
                yield f"the batch of '{value.name}' must be fixed to {batch}"


def _opset_mistakes(model: Any, opset: int) -> Iterator[str]:
    found = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    if found != {"ai.onnx": opset}:
        yield f"must use opset {opset} of ai.onnx only, uses {found}"


def check_bytes(path: Path) -> Gate:
    """Check a file that has no rules but to be one file that leaks nothing.

    Args:
        path: A ``.torchscript``, ``.pt2`` or ``.ort`` file, or one for a device, with the files
            that belong to it.
    """
    parts = [part for part in (path, *companions_of(path)) if part.is_file()]
    content = b"\0".join(part.read_bytes() for part in parts)
    found = [str(folder) for folder in _folders() if str(folder).encode() in content]
    numbers = {"size_mb": round(size_in_bytes(path) / 1e6, 3)}
    if found:
        return Gate("structure", "fail", f"a path of this machine inside: '{found[0]}'", numbers)
    what = "one file" if len(parts) == 1 else " and ".join(part.suffix for part in parts)
    return Gate("structure", "pass", f"{what} of {numbers['size_mb']:.2f} MB", numbers)


def leaked_paths(model: Any) -> Iterator[str]:
    """Find texts in a model that name folders of this machine, or source files.

    Args:
        model: An ``onnx.ModelProto``.
    """
    words = [rf"{re.escape(str(folder))}(?![\w.-])" for folder in _folders()]
    words += [r"/home/", r"/Users/", r"\b[A-Za-z]:\\", r"site-packages", r"\.py\b"]
    pattern = re.compile("|".join(words))
    return (text for text in _texts(model) if pattern.search(text))


def _folders() -> list[Path]:
    """Return folders of this machine that no file may name."""
    folders = {expanded("~"), Path.cwd(), Path(sys.prefix), Path(tempfile.gettempdir())}
    folders.add(Path(__file__).resolve().parents[3])
    return [folder for folder in folders if len(folder.parts) > 1]


def _texts(message: Any) -> Iterator[str]:
    """Walk every string field of a protobuf message."""
    for field, value in message.ListFields():
        repeated = hasattr(value, "add") or hasattr(value, "append")
        if field.type == field.TYPE_STRING:
            yield from value if repeated else (value,)
        elif field.message_type is not None:
            for item in value if repeated else (value,):
                yield from _texts(item)


COMPARED = (
    "head", "classes", "preprocess", "input_px", "precision", "takes", "thresholds",
    "temperature", "reject_below", "prototypes",
)  # fmt: skip


def check_labels(artifact: Artifact, written: Metadata, outputs: int | None) -> Gate:
    """Compare what the file says with what was to be written.

    Args:
        artifact: The file, opened again.
        written: The metadata it must carry.
        outputs: Width ``K`` of the file's output; None where it does not run.
    """
    found = artifact.metadata
    if found is None:
        return Gate("labels", "fail", "the file carries neither labels nor preprocessing")
    wrong = [
        name
        for name in COMPARED
        if getattr(found, name) != getattr(written, name)
    ]
    if wrong:
        return Gate("labels", "fail", f"{', '.join(wrong)} changed on the way into the file")
    if written.head != "features" and outputs is not None and outputs != len(written.classes):
        return Gate("labels", "fail", f"{outputs} outputs for {len(written.classes)} classes")
    counted = f"{len(found.classes)} classes" if found.classes else "no classes (features)"
    counted += ", their thresholds" if found.thresholds else ""
    return Gate("labels", "pass", f"{counted} and preprocessing read back as written")
