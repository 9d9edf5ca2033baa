# SPDX-License-Identifier: Apache-2.0
"""A torch.export program to LiteRT (.tflite), in float, fp16 weights or int8. Asked in job.json."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
from ai_edge_quantizer.utils import qsv_utils

HALF = [{
    "regex": ".*", "operation": "*", "algorithm_key": "float_casting",
    "op_config": {
        "weight_tensor_config": {"num_bits": 16, "symmetric": True, "dtype": "FLOAT"},
        "compute_precision": "FLOAT", "explicit_dequantize": True,
    },
}]  # fmt: skip
"""Weights in fp16, which the runtime turns into floats before it computes."""
FLOAT_ENDS = [
    {"regex": ".*", "operation": end, "algorithm_key": "no_quantize"} for end in ("INPUT", "OUTPUT")
]
"""Images and answers stay floats, as in every other file; two operators convert them."""


RULES = {"typical": qsv_utils.moving_average_update, "widest": qsv_utils.min_max_update}
"""How ranges of many images become one: the converter's moving average, or the extremes."""


def in_float(program, side):
    """Write float.tflite, which takes (1, S, S, 3) as programs for LiteRT expect."""
    network = torch.export.load(program).module()
    with_channels_last = litert_torch.to_channel_last_io(network, args=[0])
    example = (torch.zeros(1, side, side, 3),)
    litert_torch.convert(with_channels_last, example).export("float.tflite")


WEIGHTS_AXIS = {
    schema.BuiltinOperator.CONV_2D: 0, schema.BuiltinOperator.FULLY_CONNECTED: 0,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: 3,
}  # fmt: skip
"""Operator -> which axis of its weights has the output channels."""
LEAST_SHARE = 1e-4
"""Of a channel's bias, that its largest weight must have."""


def with_channels_alive(path):
    """Write alive.tflite, in which no channel's weights are too small beside its bias.

    An int8 bias counts in steps of the input's times the weights', so that of a channel whose
    weights have died overflows 32 bits, and comes out as another number. One weight of such a
    channel gets a ten thousandth of the bias, which changes nothing to speak of.
    """
    model = flatbuffer_utils.read_model_with_mutable_tensors(path)
    (graph,) = model.subgraphs
    raised = 0
    for node in graph.operators:
        kind = model.operatorCodes[node.opcodeIndex].builtinCode
        if kind not in WEIGHTS_AXIS or len(node.inputs) < 3 or node.inputs[2] < 0:
            continue
        weights, bias = (graph.tensors[index] for index in node.inputs[1:3])
        buffer = model.buffers[weights.buffer]
        values = np.frombuffer(bytes(buffer.data), np.float32).reshape(weights.shape).copy()
        least = LEAST_SHARE * np.abs(
            np.frombuffer(bytes(model.buffers[bias.buffer].data), np.float32)
        )
        by_channel = np.moveaxis(values, WEIGHTS_AXIS[kind], 0)  # a view
        for channel, limit in zip(by_channel, least, strict=True):
            largest = np.unravel_index(np.abs(channel).argmax(), channel.shape)
            if abs(channel[largest]) < limit:
                channel[largest] = limit
                raised += 1
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    flatbuffer_utils.write_model(model, "alive.tflite")
    return "alive.tflite", raised


def quantised(path, images):
    """Return the bytes of an int8 file by rule; images (N, 3, S, S) give the ranges."""
    (key, names), = Interpreter(model_path=path).get_signature_list().items()
    (name,) = names["inputs"]
    shown = [{name: channels_last(one[None])} for one in images]
    scheme = [*recipe.static_wi8_ai8(), *FLOAT_ENDS]
    operators = recipe_manager.RecipeManager()
    operators.load_quantization_recipe(scheme)
    made = {}
    for rule, update in RULES.items():
        ranges = calibrator.Calibrator(path, num_threads=1, qsv_update_func=update)
        ranges.calibrate({key: shown}, operators)
        job = quantizer.Quantizer(path)
        job.load_quantization_recipe(scheme)
        made[rule] = bytes(job.quantize(ranges.get_model_qsvs()).quantized_model)
    return made


def in_half(path):
    """Return the bytes of the file with weights in fp16."""
    job = quantizer.Quantizer(path)
    job.load_quantization_recipe(HALF)
    return bytes(job.quantize().quantized_model)


def channels_last(images):
    """Turn (N, 3, S, S) into (N, S, S, 3)."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def answers(content, images):
    """Run images (N, 3, S, S) one by one; (N, K)."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    given = []
    for image in images:
        interpreter.set_tensor(source["index"], channels_last(image[None]))
        interpreter.invoke()
        given.append(interpreter.get_tensor(target["index"]).reshape(-1).copy())
    return np.stack(given)


def main(path):
    """Read job.json; write made.tflite (int8: one for each rule, with answers) and result.json."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    if not Path("float.tflite").is_file():  # the other precisions are made from it as well
        in_float(job["program"], job["side"])
    packages = ("litert-torch", "ai-edge-quantizer", "torch")
    found = {"versions": {name: version(name) for name in packages}, "rules": list(RULES)}
    if job["precision"] == "int8":
        judged = np.load(job["judged"])
        alive, found["channels_kept_alive"] = with_channels_alive("float.tflite")
        for rule, content in quantised(alive, np.load(job["images"])).items():
            Path(f"made.{rule}.tflite").write_bytes(content)
            np.save(f"answers.{rule}.npy", answers(content, judged))
    else:
        half = job["precision"] == "fp16"
        content = in_half("float.tflite") if half else Path("float.tflite").read_bytes()
        Path("made.tflite").write_bytes(content)
    Path("result.json").write_text(json.dumps(found), encoding="utf-8")


main(sys.argv[1])
