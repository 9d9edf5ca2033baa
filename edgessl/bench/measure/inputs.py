"""The input that an ONNX file takes, and what of a request does not fit it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgessl.artifact.session import CPU, open_session, session_options
from edgessl.errors import UserError

PHOTO_PX = (480, 640)
"""Height and width of the input to a model that takes any size."""

DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}


def input_shape(session: Any, path: Path, batch: int) -> list[int]:
    """Return the shape of one input.

    Args:
        session: An ``onnxruntime.InferenceSession``.
        path: Its file, for the message.
        batch: Images in a run.

    Raises:
        UserError: It takes no images, none of a fixed size, or another batch.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in DTYPES:
        got = ", ".join(f"{value.name}: {value.type}" for value in inputs)
        raise UserError(f"{path}: must have one image input, got {got}; pass an image network")
    shape = [batch, *inputs[0].shape[1:]]
    if DTYPES[inputs[0].type] == "uint8" and len(shape) == 4:
        shape[1:3] = [
            side if isinstance(side, int) else photo
            for side, photo in zip(shape[1:3], PHOTO_PX, strict=True)
        ]
    if not all(isinstance(side, int) for side in shape):
        raise UserError(
            f"{path}: must have a fixed image size, got {inputs[0].shape}; export it for one size"
        )
    fixed = inputs[0].shape[0]
    if isinstance(fixed, int) and fixed != batch:
        raise UserError(
            f"{path}: its batch is fixed to {fixed}, got --batch {batch}; pass --batch {fixed}"
        )
    return shape


def refuse_wrong_inputs(
    paths: Sequence[Path], batches: Sequence[int], *, one_image: bool, provider: str
) -> None:
    """Check, before anything is measured, that files take what they will be given.

    Args:
        paths: ONNX or ORT files.
        batches: Images in a run, of all that will be measured.
        one_image: Whether the files are also given single images.
        provider: What will run them; a file that opens only there is not looked into.

    Raises:
        UserError: One line for each thing that does not fit.
    """
    wrong: list[str] = []
    for path in dict.fromkeys(paths):
        try:
            session = _opened(path)
        except UserError as error:
            wrong += [str(error)] if provider == CPU else []
        else:
            wrong += _wrong(session, path, batches, one_image)
    if wrong:
        raise UserError("\n".join(wrong))


def _opened(path: Path) -> Any:
    import onnxruntime

    options = session_options(1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return open_session(path, options=options)


def _wrong(session: Any, path: Path, batches: Sequence[int], one_image: bool) -> list[str]:
    inputs = session.get_inputs()
    fixed = inputs[0].shape[0] if inputs and inputs[0].shape else None
    try:
        # Whatever else is wrong is wrong at every batch, and said once.
        input_shape(session, path, fixed if isinstance(fixed, int) else batches[0])
    except UserError as error:
        return [str(error)]
    if not isinstance(fixed, int):
        return []
    other = [str(batch) for batch in batches if batch != fixed]
    wrong = []
    if other:
        wrong.append(
            f"{path}: its batch is fixed to {fixed}, got --batch {','.join(other)}; pass --batch "
            f"{fixed}, or leave the file out"
        )
    if one_image and fixed != 1:
        wrong.append(f"{path}: must take one image for --e2e, its batch is fixed to {fixed}; "
                     "leave --e2e out")  # fmt: skip
    return wrong
