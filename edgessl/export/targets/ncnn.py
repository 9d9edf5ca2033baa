"""NCNN: phones and Arm boards, on their CPUs."""

from __future__ import annotations

from edgessl.artifact import Precision
from edgessl.export.formats.graph import fix_batch
from edgessl.export.targets.interface import Converted, DeviceTarget, Job
from edgessl.export.targets.names import DEVICE_NAMES
from edgessl.runtimes.converter import convert


def to_ncnn(job: Job, precision: Precision) -> Converted:
    """Convert the ONNX graph with NCNN's own converter.

    Not a trace of the network: it computes the padding of networks from TensorFlow while it runs,
    which becomes operators that NCNN has none for (bench/LOG.md).

    Args:
        job: The network.
        precision: Of the weights.
    """
    import onnx

    side = job.core.metadata.input_px
    onnx.save(fix_batch(job.core.graph, 1), str(job.folder / "network.onnx"))
    asked = {"model": "network.onnx", "shape": [1, 3, side, side], "fp16": precision == "fp16"}
    found = convert("ncnn-converter", "to_ncnn.py", asked, job.folder, job.say)
    contents = {
        suffix: (job.folder / f"network.ncnn{suffix}").read_bytes() for suffix in (".param", ".bin")
    }
    return Converted(contents, {"converted_with": found["versions"]})


NCNN = DeviceTarget(
    "ncnn", DEVICE_NAMES["ncnn"], "phones and Arm boards, through NCNN", to_ncnn
)
