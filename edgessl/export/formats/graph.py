"""From a network to an ONNX graph, quietly."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgessl.errors import UserError
from edgessl.export.formats.inputs import INPUT, outputs_of
from edgessl.export.target import OPSETS


@contextmanager
def quiet() -> Iterator[None]:
    """Drop warnings, log records and prints while the block runs; exceptions pass."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sink = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(sink), redirect_stderr(sink):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


Names = tuple[str, ...]

FIRST_CURRENT_OPSET = 18  # below it the current exporter writes 18 without failing


def export_graph(network: nn.Module, input_px: int, head: str, opset: int) -> Any:
    """Export a network.

    Args:
        network: Images ``(B, 3, H, W)`` to ``(B, K)``, or to one of these for each output of the
            head, in eval mode.
        input_px: Side of the images.
        head: What it gives, which names the outputs.
        opset: ONNX operator set, 13 to 24.

    Returns:
        An ``onnx.ModelProto`` with input ``images`` and batch dimension ``batch``.

    Raises:
        UserError: The opset is out of range, or cannot express the network.
    """
    if opset not in OPSETS:
        raise UserError(
            f"--opset: must be {OPSETS.start} to {OPSETS.stop - 1}, got {opset}; "
            "leave it out for the target's own"
        )
    # PyTorch takes a batch of one for a constant.
    example = torch.zeros(2, 3, input_px, input_px)
    write = _current if opset >= FIRST_CURRENT_OPSET else _legacy
    try:
        with quiet(), torch.no_grad():
            model = write(network, example, outputs_of(head), opset)
    except torch.onnx.errors.OnnxExporterError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"--opset: must be one that can express this network, got {opset} ({reason}); "
            f"try --opset {FIRST_CURRENT_OPSET + 2}"
        ) from error
    strip_debug(model)
    return model


def _current(network: nn.Module, example: torch.Tensor, outputs: Names, opset: int) -> Any:
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        input_names=[INPUT],
        output_names=list(outputs),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=opset,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    return program.model_proto


def _legacy(network: nn.Module, example: torch.Tensor, outputs: Names, opset: int) -> Any:
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (example,),
            path,
            dynamo=False,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in (INPUT, *outputs)},
            opset_version=opset,
            verbose=False,
        )
        return onnx.load(path)


def strip_debug(model: Any) -> None:
    """Remove stack traces, doc strings and unused operator sets from a model, in place.

    They hold paths of this machine, and are up to 3 % of the file.

    Args:
        model: An ``onnx.ModelProto``.
    """
    graph = model.graph
    for holder in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        holder.doc_string = ""
        holder.ClearField("metadata_props")
    graph.ClearField("value_info")  # shapes of the intermediate values: inferred again on loading
    used = {node.domain for node in graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def fix_batch(model: Any, batch: int) -> Any:
    """Return a copy of a model for one batch size only.

    Args:
        model: An ``onnx.ModelProto`` whose inputs and outputs begin with the batch.
        batch: Its size.
    """
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in (*fixed.graph.input, *fixed.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    return fixed
