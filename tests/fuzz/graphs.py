"""What can happen inside an ONNX file: a graph that still parses, and is not what it was."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np
import onnx
from documents import mutate_values
from mutations import BYTES, Mutation
from onnx import TensorProto, helper, numpy_helper

_OPERATORS = ("Relu", "Conv", "Gemm", "Reshape", "Loop", "If", "NoSuch", "", "MatMul", "Resize")
_TYPES = (TensorProto.FLOAT, TensorProto.UINT8, TensorProto.STRING, TensorProto.FLOAT16,
          TensorProto.INT64, TensorProto.BOOL, 0, 99)  # fmt: skip
_SIDES = (0, 1, 3, -1, 7, "batch", "", "side", 10**6)


def onnx_graph(content: bytes, random: Random) -> bytes:
    """Change nodes, weights, shapes, metadata or versions of a model, one to three times."""
    model = onnx.ModelProto()
    model.ParseFromString(content)
    for _ in range(random.choice((1, 1, 2, 3))):
        random.choice(_CHANGES)(model, random)
    changed: bytes = model.SerializeToString()
    return changed


def _node(model: Any, random: Random) -> None:
    nodes = model.graph.node
    node = random.choice(nodes)
    action = random.randrange(6)
    if action == 0:
        nodes.remove(node)
    elif action == 1:
        node.op_type = random.choice(_OPERATORS)
    elif action == 2 and node.input:
        node.input[random.randrange(len(node.input))] = random.choice(("", "x", *node.output))
    elif action == 3:
        node.output[0] = random.choice(("", "x", *node.input))
    elif action == 4:
        node.domain = random.choice(("x", "com.microsoft", "\n"))
    else:
        nodes.add().CopyFrom(node)


def _attribute(model: Any, random: Random) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    node = random.choice(nodes)
    attribute = random.choice(node.attribute)
    new = random.choice((0, -1, 10**9, [0], [1, 1], [-1, 2], [10**6] * 4, 0.5, float("nan"), "x"))
    node.attribute.remove(attribute)
    if random.random() < 0.8:
        node.attribute.append(helper.make_attribute(attribute.name, new))


def _weight(model: Any, random: Random) -> None:
    tensor = random.choice(model.graph.initializer)
    action = random.randrange(6)
    if action == 0:
        model.graph.initializer.remove(tensor)
    elif action == 1:
        tensor.data_type = random.choice(_TYPES)
    elif action == 2 and tensor.dims:
        tensor.dims[random.randrange(len(tensor.dims))] = random.choice((0, 1, -1, 7, 2**40))
    elif action == 3:
        tensor.raw_data = tensor.raw_data[: random.randrange(len(tensor.raw_data) + 1)]
    elif action == 4:
        spoilt = np.full(list(tensor.dims), random.choice((np.nan, np.inf, 1e38)), np.float32)
        tensor.CopyFrom(numpy_helper.from_array(spoilt, tensor.name))
    else:
        tensor.data_location = TensorProto.EXTERNAL
        place = random.choice(("../outside", "/etc/hosts", "weights.bin", "", "a\x00b"))
        for key, value in (("location", place), ("offset", "0"), ("length", "-1")):
            tensor.external_data.add(key=key, value=value)


def _shape(model: Any, random: Random) -> None:
    value = random.choice((*model.graph.input, *model.graph.output))
    action = random.randrange(4)
    if action == 0:
        value.type.tensor_type.elem_type = random.choice(_TYPES)
    elif action == 1:
        value.name = random.choice(("", "x", "images"))
    elif action == 2:
        sides = [random.choice(_SIDES) for _ in range(random.randrange(6))]
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, sides))
    else:
        random.choice((model.graph.input, model.graph.output)).add().CopyFrom(value)


def _metadata(model: Any, random: Random) -> None:
    if not model.metadata_props:
        return
    entry = random.choice(model.metadata_props)
    if random.random() < 0.1:
        model.metadata_props.remove(entry)
    elif random.random() < 0.1:
        entry.value = random.choice(("", "{", "[" * 100_000, "[]", "null", "9" * 5000))
    else:
        entry.value = json.dumps(mutate_values(json.loads(entry.value), random))


def _versions(model: Any, random: Random) -> None:
    number = random.choice((0, -1, 1, 3, 99, 2**62))
    if random.random() < 0.5:
        model.ir_version = number
    else:
        random.choice(model.opset_import).version = number


_CHANGES = (_node, _node, _attribute, _attribute, _weight, _weight, _shape, _shape, _metadata,
            _metadata, _metadata, _versions)  # fmt: skip

ONNX: tuple[Mutation, ...] = (onnx_graph,) * 24 + BYTES
