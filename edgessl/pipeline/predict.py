"""Class and probability of single images, through a checkpoint or an exported file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import open_artifact
from edgessl.artifact.opened import SUFFIXES
from edgessl.data.decode import BadImage, read_image
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError

TOP = 3
SHOWN_FEATURES = 5

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def predict_images(model: Path, images: Sequence[Path]) -> dict[str, Any]:
    """Run images one by one.

    Args:
        model: ``ckpt.pt``, ``.onnx`` or ``.torchscript``. Only the first needs torch's eager mode,
            and an ONNX file needs no torch at all.
        images: Image files.

    Returns:
        ``head`` and one entry for each image in ``predictions``: ``classes`` with name and
        probability, best first; or ``norm`` and ``first`` values of the features.

    Raises:
        UserError: The model or any of the images cannot be used; all bad images are named.
    """
    run, head, classes, preprocess = _open(model)
    pixels = _read(images, preprocess)
    predictions = []
    for path, image in zip(images, pixels, strict=True):
        output = run(preprocess.normalise(image[None]))[0]  # (K,)
        answer = _features(output) if head == "features" else _classes(output, head, classes)
        predictions.append({"image": str(path), **answer})
    return {"model": str(model), "head": head, "predictions": predictions}


def _open(model: Path) -> tuple[Run, str, tuple[str, ...], Preprocess]:
    if model.suffix.lower() in SUFFIXES:
        artifact = open_artifact(model)
        known = artifact.known()
        return artifact.run, known.head, known.classes, Preprocess.from_dict(known.preprocess)
    import torch

    from edgessl import checkpoint
    from edgessl.backbones import deployable_from

    deployable = deployable_from(checkpoint.load(model), str(model))

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = deployable.module(torch.from_numpy(images)).numpy()
        return output

    preprocess = Preprocess.from_dict(deployable.preprocess)
    return run, deployable.head, deployable.classes, preprocess


def _read(images: Sequence[Path], preprocess: Preprocess) -> list[NDArray[np.uint8]]:
    pixels, mistakes = [], []
    for path in images:
        try:
            pixels.append(preprocess.pixels(read_image(path)))
        except BadImage as bad:
            mistakes.append(f"{path}: must be an image, got: {bad}; leave it out or replace it")
    if mistakes:
        raise UserError("\n".join(mistakes))
    return pixels


def _classes(
    output: NDArray[np.float32], head: str, classes: tuple[str, ...]
) -> dict[str, Any]:
    probabilities = output if head == "probs" else _softmax(output)
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return {
        "classes": [
            {"name": classes[index], "probability": float(probabilities[index])} for index in best
        ]
    }


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max())
    shares: NDArray[np.float32] = exponents / exponents.sum()
    return shares


def _features(output: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "dim": len(output),
        "norm": float(np.linalg.norm(output)),
        "first": [float(value) for value in output[:SHOWN_FEATURES]],
    }
