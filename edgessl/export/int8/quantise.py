"""What an int8 file may be, and a float graph made into one."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgessl.export.formats.graph import quiet, strip_debug
from edgessl.export.int8.ranges import Ranges

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
    """

    activations: Activations
    per_channel: bool
    scope: Scope
    range_rule: str = "widest"

    @property
    def name(self) -> str:
        """The scheme in words."""
        words = ["per channel" if self.per_channel else "per tensor", self.scope]
        if self.range_rule != "widest":
            words.append(f"{self.range_rule} ranges")
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
    if scheme.scope != "all but the first convolution":
        return ()
    return tuple(node.name for node in products(prepared) if node.op_type == "Conv")[:1]


MULTIPLE = 4
"""Input channels that onnxruntime's fast integer convolution needs a multiple of. With three it
copies every patch byte by byte: a quarter of a MobileNetV4-conv-small's time."""


def padded_name(name: str) -> str:
    """Return the name that a tensor has after padding."""
    return f"{name}_padded"


def pad_channels(model: Any, name: str) -> str | None:
    """Give a convolution of three input channels a fourth one of zeros, in place.

    Args:
        model: An fp32 ``onnx.ModelProto`` with shapes of all tensors.
        name: Name of the convolution.

    Returns:
        Name of the new tensor, which has the range of the convolution's input; None where the
        convolution has enough channels, or groups of them.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    place, conv = next((i, node) for i, node in enumerate(graph.node) if node.name == name)
    stored = {tensor.name: tensor for tensor in graph.initializer}
    weight = numpy_helper.to_array(stored[conv.input[1]])  # (O, 3, kh, kw)
    groups = next((entry.i for entry in conv.attribute if entry.name == "group"), 1)
    missing = -weight.shape[1] % MULTIPLE
    if not missing or groups != 1 or weight.ndim != 4:
        return None
    source, padded = conv.input[0], padded_name(conv.input[0])
    new_weight = np.pad(weight, ((0, 0), (0, missing), (0, 0), (0, 0)))
    graph.initializer.append(numpy_helper.from_array(new_weight, f"{conv.input[1]}_padded"))
    pads = np.array([0, 0, 0, 0, 0, missing, 0, 0], np.int64)
    graph.initializer.append(numpy_helper.from_array(pads, f"{padded}_by"))
    pad = helper.make_node("Pad", [source, f"{padded}_by"], [padded], name=f"{padded}_pad")
    shape = ["batch", weight.shape[1] + missing, None, None]
    graph.value_info.append(helper.make_tensor_value_info(padded, TensorProto.FLOAT, shape))
    graph.initializer.remove(stored[conv.input[1]])
    conv.input[0], conv.input[1] = padded, f"{conv.input[1]}_padded"
    graph.node.insert(place, pad)
    return padded


def prepare(model: Any, *, symbolic: bool = True) -> Any:
    """Fold constants and infer every shape; tensors without a shape would stay in float.

    Args:
        model: The fp32 ``onnx.ModelProto``; unchanged.
        symbolic: Whether onnxruntime's inference of open sides runs first. It does not know every
            operator of a detector, whose only open side is the batch: onnx's own is enough there.

    Returns:
        A model of the same function, with names for all nodes.
    """
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with quiet(), tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, str(before))
        quant_pre_process(str(before), str(after), skip_symbolic_shape=not symbolic)
        prepared = onnx.load(str(after))
    used = {node.domain for node in prepared.graph.node}
    kept = [entry for entry in prepared.opset_import if entry.domain in used]
    del prepared.opset_import[:]
    prepared.opset_import.extend(kept)
    taken: set[str] = set()
    for number, node in enumerate(prepared.graph.node):
        if not node.name or node.name in taken:
            node.name = f"node_{number}"
        taken.add(node.name)
    return prepared


_FOLDED = ("Relu", "Clip")
"""Rounding the product before them to their range does their work, so they cost nothing."""
_NEVER = ("Softmax", "ArgMax")
"""Answers: 256 levels are too few for a probability."""


def quantise(
    prepared: Any, scheme: Scheme, ranges: Ranges, also_float: Collection[str] = ()
) -> Any:
    """Quantise a network statically.

    Args:
        prepared: What ``prepare`` returned; unchanged.
        scheme: How.
        ranges: The range of every activation, by the scheme's rule.
        also_float: Names of further nodes that stay in float.

    Returns:
        An ``onnx.ModelProto`` in QDQ form: pairs of QuantizeLinear and DequantizeLinear around
        float operators, which onnxruntime fuses into integer ones. The logits stay in float.
    """
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.ModelProto()
    model.CopyFrom(prepared)
    left = float_products(prepared, scheme)
    padded = _pad_first(model, left, ranges)
    formats = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
    with quiet():
        quantizer = QDQQuantizer(
            model,
            per_channel=scheme.per_channel,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=formats[scheme.activations],
            tensors_range=_tensor_data({**ranges, **padded}),
            nodes_to_quantize=_nodes(model, scheme),
            nodes_to_exclude=[*left, *also_float, *(f"{name}_pad" for name in padded)],
            op_types_to_quantize=_operators(scheme),
            # Logits need more than 256 levels, and what follows a matrix product in a
            # transformer is computed with floats anyway: 1.2 dB better, 1.1 times as fast (ViT-Ti).
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()  # new nodes were appended at the end
        quantised = quantizer.model.model
    strip_debug(quantised)
    return quantised


def _pad_first(model: Any, left: tuple[str, ...], ranges: Ranges) -> Ranges:
    """Pad the images' channels in place, if the first convolution is quantised."""
    first = next((node for node in products(model) if node.op_type == "Conv"), None)
    if first is None or first.name in left:
        return {}
    source = first.input[0]
    padded = pad_channels(model, first.name)
    return {} if padded is None else {padded: ranges[source]}


def _nodes(model: Any, scheme: Scheme) -> list[str]:
    """Return the only nodes to quantise by name; none for all whose operator allows it."""
    if scheme.scope != "products only":
        return []
    folded = [node.name for node in model.graph.node if node.op_type in _FOLDED]
    return [*(node.name for node in products(model)), *folded]


def _operators(scheme: Scheme) -> list[str]:
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    if scheme.scope == "products only":
        return [*PRODUCTS, *_FOLDED]
    return sorted({*QDQRegistry, *QLinearOpsRegistry} - {*_NEVER})


def _tensor_data(ranges: Ranges) -> Any:
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import TensorsData

    pairs = {
        name: (np.asarray(low, np.float32), np.asarray(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    return TensorsData(CalibrationMethod.MinMax, pairs)
