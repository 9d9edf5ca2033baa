"""What to do about a gate that failed."""

from __future__ import annotations

from edgessl.export.gates.gate import Gate

REMEDIES = {
    "structure": "export again with the default --opset, and the newest torch and onnx",
    "labels": "export again from the ckpt.pt; the file says other classes or preprocessing than it",
    "preprocessing": "use model.onnx and prepare the images as preprocess.json says",
    "parity on extremes": "try --opset 17, which another exporter writes, or update torch and "
    "onnxruntime",
    "parity on images": "try --opset 17, which another exporter writes, or update torch and "
    "onnxruntime",
    "accuracy": "keep another format, or allow the loss with --max-drop",
    "without torch": "see the finding: it is what a device without PyTorch would say",
}
"""Name of a gate -> the way out. Gates of one product only say theirs in their finding."""


def remedy(gates: tuple[Gate, ...]) -> str:
    """Return the way out of the first failure; those after it often follow from it.

    Args:
        gates: The gates of one file.

    Returns:
        A few words, or nothing where no gate failed.
    """
    wrong = [gate for gate in gates if gate.status == "fail"]
    return REMEDIES.get(wrong[0].name, "see its finding above") if wrong else ""
