"""Writes the nodes and constants that go in front of a network, under names of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

PREFIX = "preprocess_"


@dataclass(frozen=True, slots=True)
class Writer:
    """Nodes in the order they are computed in, and the constants they take.

    Attributes:
        nodes: ``onnx.NodeProto`` objects, so far.
        constants: ``onnx.TensorProto`` objects, so far.
    """

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, values: Any, dtype: Any = np.int64) -> str:
        """Add a constant; returns its name in the graph."""
        from onnx import numpy_helper

        array = np.asarray(values, dtype=dtype)
        self.constants.append(numpy_helper.from_array(array, PREFIX + name))
        return PREFIX + name

    def number(self, name: str, value: float) -> str:
        """Add a float32 scalar; returns its name in the graph."""
        return self.constant(name, value, np.float32)

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name in the graph."""
        return self.split(kind, inputs, [name], **attributes)[0]

    def split(
        self, kind: str, inputs: list[str], names: list[str], **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs; returns their names in the graph."""
        from onnx import helper

        outputs = [PREFIX + name for name in names]
        self.nodes.append(helper.make_node(kind, inputs, outputs, outputs[0], **attributes))
        return outputs

    def times(self, values: str, power: float, name: str) -> str:
        """Add a product with a power of two, which is exact in float32."""
        return self.node("Mul", [values, self.number(f"{name}_power", power)], name)

    def whole(self, values: str, name: str) -> str:
        """Add the nearest whole number, halves up as Pillow has them."""
        raised = self.node("Add", [values, self.number(f"{name}_half", 0.5)], f"{name}_raised")
        return self.node("Floor", [raised], name)
