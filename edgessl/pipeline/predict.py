"""Class and probability of single images, through a checkpoint or an exported file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.artifact import Artifact, open_artifact
from edgessl.artifact.opened import SUFFIXES
from edgessl.data.decode import BadImage, read_image
from edgessl.data.preprocess import Preprocess
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError

TOP = 3
SHOWN_FEATURES = 5

Answer = Callable[[Image.Image], NDArray[np.float32]]
"""An upright RGB image to the output ``(K,)``."""


def predict_images(
    model: Path, images: Sequence[Path], *, trust: bool = False
) -> dict[str, Any]:
    """Run images one by one.

    Args:
        model: ``ckpt.pt``, or any file that ``edgessl export`` wrote; ``.onnx`` and ``.ort`` need
            no torch.
        images: Image files.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Returns:
        ``head`` and one entry for each image in ``predictions``: ``classes`` with name and
        probability, best first; or ``norm`` and ``first`` values of the features.

    Raises:
        UserError: The model or any of the images cannot be used; all bad images are named.
    """
    ask, head, classes, value_range = _open(model, trust=trust)
    predictions, mistakes = [], []
    for path in images:
        try:
            image = read_image(path, value_range=value_range)
            output = _checked(ask(image), model, path, head, classes)  # (K,)
        except BadImage as bad:
            mistakes.append(f"{path}: must be an image, got: {bad}; leave it out or replace it")
            continue
        except UserError as error:  # it may not be read
            mistakes.append(str(error))
            continue
        answer = _features(output) if head == "features" else _classes(output, head, classes)
        predictions.append({"image": str(path), **answer})
    if mistakes:
        raise UserError("\n".join(mistakes))
    return {"model": str(model), "head": head, "predictions": predictions}


def _checked(
    output: NDArray[np.float32], model: Path, image: Path, head: str, classes: Sequence[str]
) -> NDArray[np.float32]:
    """Refuse an output that is no answer."""
    if output.ndim != 1 or (head != "features" and len(output) != len(classes)):
        raise UserError(
            f"{model}: must give one number for each of its {len(classes)} classes, got shape "
            f"{output.shape}; export it again"
        )
    if not np.isfinite(output).all():
        raise UserError(
            f"{model}: must answer with finite numbers, got others for {image}; "
            "use a network that did not diverge"
        )
    return output


def _open(
    model: Path, *, trust: bool
) -> tuple[Answer, str, tuple[str, ...], ValueRange | None]:
    """Return how to ask, what is answered, the classes, and the range of deep images."""
    if model.suffix.lower() in SUFFIXES:
        artifact = open_artifact(model, trust=trust)
        known = artifact.known()
        value_range = Preprocess.from_dict(known.preprocess).value_range
        return _asking(artifact), known.head, known.classes, value_range
    return _open_checkpoint(model)


def _asking(artifact: Artifact) -> Answer:
    if artifact.takes == "pixels":
        return lambda image: artifact.run(np.asarray(image, dtype=np.uint8)[None])[0]
    preprocess = Preprocess.from_dict(artifact.known().preprocess)
    return lambda image: artifact.run(preprocess.normalise(preprocess.pixels(image)[None]))[0]


def _open_checkpoint(
    model: Path,
) -> tuple[Answer, str, tuple[str, ...], ValueRange | None]:
    import torch

    from edgessl import checkpoint
    from edgessl.backbones import deployable_from

    deployable = deployable_from(checkpoint.load(model), str(model))

    preprocess = Preprocess.from_dict(deployable.preprocess)

    def ask(image: Image.Image) -> NDArray[np.float32]:
        images = torch.from_numpy(preprocess.normalise(preprocess.pixels(image)[None]))
        with torch.inference_mode():
            output: NDArray[np.float32] = deployable.module(images)[0].numpy()
        return output

    return ask, deployable.head, deployable.classes, preprocess.value_range


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
    exponents = np.exp(logits - logits.max())  # at most 1, so nothing overflows
    shares: NDArray[np.float32] = exponents / exponents.sum()
    return shares


def _features(output: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "dim": len(output),
        "norm": float(np.linalg.norm(output.astype(np.float64))),
        "first": [float(value) for value in output[:SHOWN_FEATURES]],
    }
