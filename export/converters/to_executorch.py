# SPDX-License-Identifier: Apache-2.0
"""A torch.export program to ExecuTorch, for its XNNPACK backend. Asked for in job.json."""

import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from torchao.quantization.pt2e import MinMaxObserver, MovingAverageMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

EPS = 2**-12
"""Smallest step of an int8 tensor: that of XNNPACK's quantiser."""
RULES = {
    "typical": None,
    "widest": MinMaxObserver.with_args(eps=EPS),
    "average": MovingAverageMinMaxObserver.with_args(eps=EPS, averaging_constant=0.05),
}
"""How ranges of many images become one: the quantiser's histogram, which clips outliers; the
extremes; or a moving average, which a few images far from all others stretch least."""
PRODUCTS = ("convolution", "linear", "addmm", "mm", "bmm", "matmul")


ATEN = torch.ops.aten
CLIPPING = (ATEN.hardtanh.default, ATEN.hardtanh_.default, ATEN.relu6.default)


class Quantizer(XNNPACKQuantizer):
    """XNNPACK's own, that rounds ReLU6 as it rounds ReLU: once, behind the clipping.

    Executorch 1.5.1 knows ReLU only, and rounds what goes into ReLU6 to the range from before it.
    """

    def annotate(self, model):
        """Annotate a graph, whose ReLU6 pass as ReLU meanwhile."""
        clipping = [node for node in model.graph.nodes if node.target in CLIPPING]
        kept = [(node, node.target, node.args) for node in clipping]
        for node in clipping:
            node.target, node.args = ATEN.relu.default, node.args[:1]
        model = super().annotate(model)
        for node, target, arguments in kept:
            node.target, node.args = target, arguments
        return model


def scheme(rule):
    """Return weights per channel and activations per tensor, with ranges by a rule."""
    config = get_symmetric_quantization_config(is_per_channel=True)
    observer = RULES[rule]
    if observer is None:
        return config
    return replace(config, **{
        name: replace(getattr(config, name), observer_or_fake_quant_ctr=observer)
        for name in ("input_activation", "output_activation")
    })  # fmt: skip


def quantised(program, images, rule):
    """Quantise a program; images (N, 3, S, S) give the ranges."""
    prepared = prepare_pt2e(program.module(), Quantizer().set_global(scheme(rule)))
    with torch.no_grad():
        for image in images:
            prepared(torch.from_numpy(image[None]))
        return torch.export.export(convert_pt2e(prepared), (torch.from_numpy(images[:1]),))


def lowered(program):
    """Return the bytes of the program for XNNPACK, and where its products are computed."""
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    whole = edge.exported_program().graph_module
    parts = [one.original_module for one in whole.modules() if hasattr(one, "original_module")]
    return bytes(edge.to_executorch().buffer), {
        "backend": "XNNPACK",
        "in": products(node for part in parts for node in part.graph.nodes),
        "out": products(whole.graph.nodes),
    }


def products(nodes):
    """Count convolutions and matrix products by the numbers that go in, such as {"i8": 50}."""
    counts = {}
    for node in nodes:
        name = str(node.target).rpartition("aten.")[2].partition(".")[0]
        if node.op == "call_function" and name in PRODUCTS:
            source = node.args[1] if name == "addmm" else node.args[0]
            numbers = "i8" if "dequantize" in str(source.target) else "f32"
            counts[numbers] = counts.get(numbers, 0) + 1
    return counts


def answers(content, images):
    """Run images (N, 3, S, S) one by one; (N, K)."""
    method = Runtime.get().load_program(content).load_method("forward")
    return np.concatenate([
        method.execute([torch.from_numpy(image[None])])[0].numpy().reshape(1, -1).copy()
        for image in images
    ])  # fmt: skip


def main(path):
    """Read job.json; write made.pte (int8: one for each rule, with answers) and result.json."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    program = torch.export.load(job["program"])
    if job["precision"] == "int8":
        images, judged = np.load(job["images"]), np.load(job["judged"])
        for rule in RULES:
            content, where = lowered(quantised(program, images, rule))
            Path(f"made.{rule}.pte").write_bytes(content)
            np.save(f"answers.{rule}.npy", answers(content, judged))
    else:
        content, where = lowered(program)
        Path("made.pte").write_bytes(content)
    found = {
        "versions": {name: version(name) for name in ("executorch", "torchao", "torch")},
        "rules": list(RULES), "products": where,
    }  # fmt: skip
    Path("result.json").write_text(json.dumps(found), encoding="utf-8")


main(sys.argv[1])
