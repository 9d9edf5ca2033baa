"""What an int8 file may be: the format of activations, the scales of weights, what stays float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Activations = Literal["uint8", "int8"]
"""``uint8`` for x86, whose instruction (VNNI) multiplies unsigned with signed bytes; ``int8`` for
arm64."""
Scope = Literal["all", "all but the first convolution", "products only"]
SCOPES: tuple[Scope, ...] = ("all", "all but the first convolution", "products only")
PRODUCTS = ("Conv", "Gemm", "MatMul")
"""Operators that multiply with stored weights: nearly all of the time goes into them."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to quantise a network.

    Attributes:
        activations: Number format of activations; weights are int8 around zero.
        per_channel: Whether each output channel of a weight has a scale of its own.
        scope: Which operators compute with integers.
        range_rule: A key of ``RANGE_RULES``.
        floats: Names of nodes that stay in float besides.
    """

    activations: Activations
    per_channel: bool
    scope: Scope
    range_rule: str = "widest"
    floats: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The scheme in words."""
        words = ["per channel" if self.per_channel else "per tensor", self.scope]
        if self.range_rule != "widest":
            words.append(f"{self.range_rule} ranges")
        if self.floats:
            words.append(f"{len(self.floats)} sensitive nodes in float")
        return ", ".join(words)


def schemes(activations: Activations, range_rule: str = "widest") -> tuple[Scheme, ...]:
    """Return the schemes that every network is tried with.

    Args:
        activations: Number format of the target.
        range_rule: A key of ``RANGE_RULES``.
    """
    return tuple(
        Scheme(activations, per_channel, scope, range_rule)
        for scope in SCOPES
        for per_channel in (True, False)
    )


def products(model: Any) -> tuple[Any, ...]:
    """Return the nodes that multiply activations with stored weights, in graph order.

    Args:
        model: An fp32 ``onnx.ModelProto``.
    """
    stored = {tensor.name for tensor in model.graph.initializer}
    return tuple(
        node for node in model.graph.node if node.op_type in PRODUCTS and node.input[1] in stored
    )


def float_products(prepared: Any, scheme: Scheme) -> tuple[str, ...]:
    """Return the names of the products that a scheme leaves in float, in graph order.

    Args:
        prepared: What ``prepare`` returned.
        scheme: The scheme.
    """
    nodes = products(prepared)
    left = set(scheme.floats)
    if scheme.scope == "all but the first convolution":
        left |= {node.name for node in [n for n in nodes if n.op_type == "Conv"][:1]}
    return tuple(node.name for node in nodes if node.name in left)
