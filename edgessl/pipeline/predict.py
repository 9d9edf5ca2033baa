"""Class and probability of single images, through a checkpoint or an exported file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.artifact import Artifact, open_artifact
from edgessl.artifact.enrolled import with_enrolled
from edgessl.artifact.opened import SUFFIXES
from edgessl.data.decode import BadImage, read_image
from edgessl.data.preprocess import Preprocess
from edgessl.data.tree import walk
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError

TOP = 3
SHOWN_FEATURES = 5

Answer = Callable[[Image.Image], NDArray[np.float32]]
"""An upright RGB image to the output ``(K,)``."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A network that answers for one image after the other.

    Attributes:
        model: Its file.
        head: What it gives: ``logits``, ``probs`` or ``features``.
        classes: Class names; empty if it gives features.
        ask: One image to the output.
        value_range: What was black and white in training images of more than 8 bits a channel.
        thresholds: Of its classes, if an image may show several of them; empty otherwise.
        reject_below: Probability of the best class below which it is "none of these".
    """

    model: Path
    head: str
    classes: tuple[str, ...]
    ask: Answer
    value_range: ValueRange | None = None
    thresholds: tuple[float, ...] = ()
    reject_below: float | None = None

    def answers(self, images: Iterable[Path]) -> Iterator[dict[str, Any]]:
        """Yield an answer for every image, as soon as it is there.

        Args:
            images: Image files, and folders of them.

        Yields:
            ``image``, and ``classes`` with name and probability, best first, with ``rejected``
            where the file has a threshold; or ``dim``, ``norm`` and ``first`` values of the
            features. Where an image may show several classes these are all from their threshold
            on, or none, and ``likeliest`` of those that are not. Or ``error``, and whose ``fault``
            it is: that of
            the ``image`` or of the ``model``.

        Raises:
            EdgesslError: The disk, a limit of the system or the memory fails.
        """
        for path in images:
            try:
                for file in _files(path):
                    yield {"image": str(file), **self._answer(file)}
            except UserError as error:
                yield {"image": str(path), **_fault("image", error)}

    def _answer(self, path: Path) -> dict[str, Any]:
        try:
            image = read_image(path, value_range=self.value_range)
        except BadImage as bad:
            told = f"{path}: must be an image, got: {bad}; leave it out or replace it"
            return _fault("image", told)
        except UserError as error:  # it may not be read
            return _fault("image", error)
        try:
            output = _checked(self.ask(image), self.model, path, self.head, self.classes)  # (K,)
        except UserError as error:
            return _fault("model", error)
        if self.head == "features":
            return _features(output)
        if self.thresholds:
            return _several(output, self.head, self.classes, self.thresholds)
        found = _classes(output, self.head, self.classes)
        if self.reject_below is not None:
            found["rejected"] = found["classes"][0]["probability"] < self.reject_below
        return found


def open_predictor(model: Path, *, trust: bool = False) -> Predictor:
    """Open a network to ask it about single images.

    Args:
        model: ``ckpt.pt``, or any file that ``edgessl export`` wrote; ``.onnx`` and ``.ort`` need
            no torch.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: The file cannot be used.
    """
    if model.suffix.lower() in SUFFIXES:
        return _of_artifact(with_enrolled(open_artifact(model, trust=trust))[0])
    return _of_checkpoint(model)


def predict_images(
    model: Path, images: Sequence[Path], *, trust: bool = False
) -> dict[str, Any]:
    """Run images one by one; one that cannot be used costs none of the others its answer.

    Args:
        model: As of ``open_predictor``.
        images: Image files, and folders of them.
        trust: As of ``open_predictor``.

    Returns:
        ``head``, one entry in ``predictions`` for each image that has an answer, and one in
        ``errors``, with ``image``, ``error`` and ``fault``, for each other.

    Raises:
        UserError: The model cannot be used.
    """
    predictor = open_predictor(model, trust=trust)
    found = list(predictor.answers(images))
    errors = [entry for entry in found if "error" in entry]
    if found and len(errors) == len(found) and all(entry["fault"] == "model" for entry in errors):
        raise UserError("\n".join(entry["error"] for entry in errors))
    return {
        "model": str(model),
        "head": predictor.head,
        "predictions": [entry for entry in found if "error" not in entry],
        "errors": errors,
    }


def _fault(whose: str, error: UserError | str) -> dict[str, str]:
    return {"error": str(error), "fault": whose}


def _files(path: Path) -> Sequence[Path]:
    """Return the images under a folder, or the file itself."""
    if not path.is_dir():
        return [path]
    files = [path.joinpath(*one.parts, name) for one in walk(path).folders for name in one.names]
    if not files:
        raise UserError(f"{path}: must hold images, found none; name image files")
    return files


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


def _of_artifact(artifact: Artifact) -> Predictor:
    known = artifact.known()
    value_range = Preprocess.from_dict(known.preprocess).value_range
    return Predictor(
        artifact.path, known.head, known.classes, _asking(artifact), value_range,
        known.thresholds, known.reject_below,
    )  # fmt: skip


def _asking(artifact: Artifact) -> Answer:
    if artifact.takes == "pixels":
        return lambda image: artifact.run(np.asarray(image, dtype=np.uint8)[None])[0]
    preprocess = Preprocess.from_dict(artifact.known().preprocess)
    return lambda image: artifact.run(preprocess.normalise(preprocess.pixels(image)[None]))[0]


def _of_checkpoint(model: Path) -> Predictor:
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

    return Predictor(
        model, deployable.head, deployable.classes, ask, preprocess.value_range,
        deployable.thresholds,
    )  # fmt: skip


def _several(
    output: NDArray[np.float32], head: str, classes: tuple[str, ...], thresholds: Sequence[float]
) -> dict[str, Any]:
    """Name every class that is shown, the likeliest first, and the next one after them."""
    with np.errstate(over="ignore"):  # of a logit far below 0, whose share is 0
        shares = output if head == "probs" else 1.0 / (1.0 + np.exp(-output.astype(np.float64)))
    order = [int(one) for one in np.argsort(-shares, kind="stable")]
    found = [
        {"name": classes[i], "probability": float(shares[i]), "threshold": thresholds[i]}
        for i in order
    ]  # fmt: skip
    shown = [shares[i] >= thresholds[i] for i in order]
    others = [one for one, there in zip(found, shown, strict=True) if not there]
    return {
        "classes": [one for one, there in zip(found, shown, strict=True) if there],
        **({"likeliest": others[0]} if others else {}),
    }


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
