"""Formats whose runtimes do not run where edgessl exports: nothing of them can be proven."""

from __future__ import annotations

from dataclasses import dataclass

from edgessl.errors import UserError


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A format that is made on the device, from a file that was proven.

    Attributes:
        name: What a user calls it.
        why: Why it is not written here.
        lines: What to type there, behind ``edgessl export CKPT --onnx``.
    """

    name: str
    why: str
    lines: tuple[str, ...]


ELSEWHERE = {
    one.name: one
    for one in (
        Elsewhere(
            "tensorrt",
            "an engine is built on the GPU that runs it, and fits no other",
            (
                "trtexec --onnx=model.batch1.onnx --saveEngine=model.unchecked.engine",
                "with fp16, which TensorRT 10 has an option for and 11 does not, answers change a "
                "little more: "
                "trtexec --onnx=model.batch1.onnx --fp16 --saveEngine=model.fp16.unchecked.engine",
            ),
        ),
        Elsewhere(
            "coreml",
            "Core ML runs on macOS and iOS only",
            (
                "on a Mac, through onnxruntime, as it is: "
                "edgessl bench model.batch1.onnx --device coreml",
                "or add --unchecked for a .mlpackage that is converted here and run by nothing",
            ),
        ),
    )
}


def refuse_elsewhere(target: str) -> None:
    """Refuse a target that cannot be proven here, with what to do instead.

    Args:
        target: What was asked for.

    Raises:
        UserError: It is one of ``ELSEWHERE``.
    """
    known = ELSEWHERE.get(target.lower())
    if known is None:
        return
    raise UserError(
        f"--target: must be a runtime that can prove its file here, got {target}: {known.why}; "
        f"export with --onnx, then {'; '.join(known.lines)}. Nothing proves that file: compare its "
        "answers with testvectors.npz"
    )
