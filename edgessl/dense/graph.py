"""ONNX graphs of dense networks in memory: run, and told apart at their last convolutions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.session import open_session
from edgessl.dense.answers import Run


def behind_the_last_convolutions(
    model: Any, output: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the nodes behind the heads' last convolutions, and these convolutions.

    Args:
        model: A prepared graph with names for all nodes.
        output: Its output.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    behind: dict[str, None] = {}
    last: dict[str, None] = {}
    ahead = [output]
    while ahead:
        node = makers.get(ahead.pop())
        if node is None or node.name in behind or node.name in last:
            continue
        if node.op_type == "Conv":
            last[node.name] = None
        else:
            behind[node.name] = None
            ahead += node.input
    return tuple(behind), tuple(last)


def with_output(model: Any, name: str) -> Any:
    """Return a copy of a graph whose one output is called otherwise.

    Args:
        model: An ``onnx.ModelProto``.
        name: Of the output; the graph itself where that is its name already.
    """
    import onnx

    (output,) = model.graph.output
    if output.name == name:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.output[:] = [name if one == output.name else one for one in node.output]
        node.input[:] = [name if one == output.name else one for one in node.input]
    copy.graph.output[0].name = name
    return copy


@contextmanager
def opened(graph: Any) -> Iterator[Run]:
    """Give a graph as a function of normalised images, for as long as a block runs.

    Args:
        graph: An ``onnx.ModelProto`` of one input and one output.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(graph, str(path))
        session = open_session(path)
        name = session.get_inputs()[0].name

        def run(images: NDArray[Any]) -> NDArray[np.float32]:
            output: NDArray[np.float32] = session.run(None, {name: images})[0]
            return output

        yield run
