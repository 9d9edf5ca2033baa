# SPDX-License-Identifier: Apache-2.0
"""A torch.export program to Core ML (.mlpackage), fp32 or fp16. Asked for in job.json."""

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import coremltools
import torch

DEBUGGING = "executorch_debug_handle_mapping.json"
"""A file for ExecuTorch, which nothing of Apple's reads."""
PRODUCTS = ("conv", "linear", "matmul")


def converted(program, half, output):
    """Return the model, whose input is ``images`` and whose output is called as asked."""
    precision = coremltools.precision.FLOAT16 if half else coremltools.precision.FLOAT32
    model = coremltools.convert(
        program, convert_to="mlprogram", compute_precision=precision,
        minimum_deployment_target=coremltools.target.iOS16,
        outputs=[coremltools.TensorType(name=output)],
        skip_model_load=True,  # nothing but macOS could load it
    )  # fmt: skip
    spec = model.get_spec()
    (given,) = spec.description.input
    if given.name != "images":
        coremltools.utils.rename_feature(spec, given.name, "images")
    return coremltools.models.MLModel(spec, weights_dir=model.weights_dir, skip_model_load=True)


def read_back(path):
    """Return what a written package says: shapes by name, its products, and its own text."""
    spec = coremltools.models.MLModel(path, skip_model_load=True).get_spec()
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    shapes = {
        one.name: list(one.type.multiArrayType.shape)
        for one in (*spec.description.input, *spec.description.output)
    }
    products = sum(operation.type in PRODUCTS for operation in block.operations)
    text = dict(spec.description.metadata.userDefined)
    return {"shapes": shapes, "products": products, "text": text}


def main(path):
    """Read job.json; write made.mlpackage and result.json."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    program = torch.export.load(job["program"]).run_decompositions({})
    model = converted(program, job["precision"] == "fp16", job["output"])
    model.short_description = "An image network of edgessl. Written on another system, and not run."
    model.user_defined_metadata.update(job["text"])
    shutil.rmtree("made.mlpackage", ignore_errors=True)
    model.save("made.mlpackage")
    (Path("made.mlpackage") / DEBUGGING).unlink(missing_ok=True)
    found = {
        "versions": {name: version(name) for name in ("coremltools", "torch")},
        **read_back("made.mlpackage"),
    }
    Path("result.json").write_text(json.dumps(found), encoding="utf-8")


main(sys.argv[1])
