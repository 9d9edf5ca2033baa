"""OpenVINO: Intel's CPUs, and Arm boards such as a Raspberry Pi 5."""

from __future__ import annotations

from edgessl.artifact import Precision
from edgessl.export.formats.graph import fix_batch
from edgessl.export.targets.interface import Converted, DeviceTarget, Job
from edgessl.export.targets.names import DEVICE_NAMES
from edgessl.runtimes.converter import convert


def to_openvino(job: Job, precision: Precision) -> Converted:
    """Convert the ONNX graph; the int8 file comes from the int8 graph that was searched for.

    Args:
        job: The network.
        precision: Of the weights; an fp16 file computes with floats all the same.
    """
    import onnx

    graph = job.int8.found.best.model if precision == "int8" else job.core.graph
    onnx.save(fix_batch(graph, 1), str(job.folder / "model.onnx"))
    asked = {"model": "model.onnx", "fp16": precision == "fp16", "name": f"made_{precision}"}
    found = convert("openvino", "to_openvino.py", asked, job.folder, job.say)
    contents = {
        suffix: (job.folder / f"made_{precision}{suffix}").read_bytes()
        for suffix in (".xml", ".bin")
    }
    history = {"int8": job.int8.provenance()} if precision == "int8" else {}
    return Converted(contents, {"converted_with": found["versions"], **history})


OPENVINO = DeviceTarget(
    "openvino",
    DEVICE_NAMES["openvino"],
    "Intel CPUs and Arm boards, through OpenVINO",
    to_openvino,
)
