# SPDX-License-Identifier: Apache-2.0
"""ONNX to OpenVINO. Runs where openvino is installed; asked for in job.json."""

import json
import sys
from pathlib import Path

import openvino


def main(path):
    """Read job.json, and write model, weights and result.json beside it."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    model = openvino.Core().read_model(job["model"])
    openvino.save_model(model, f"{job['name']}.xml", compress_to_fp16=job["fp16"])
    versions = {"openvino": openvino.__version__.split("-")[0]}
    Path("result.json").write_text(json.dumps({"versions": versions}), encoding="utf-8")


main(sys.argv[1])
