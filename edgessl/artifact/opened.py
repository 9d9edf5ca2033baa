"""An exported file, opened as a function of arrays. Only PyTorch's own formats need torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgessl.artifact.metadata import KEY, Metadata, Takes
from edgessl.artifact.session import open_session
from edgessl.artifact.tables import refuse_preprocess
from edgessl.artifact.torch_archive import read_records, stored_text
from edgessl.errors import UserError

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from edgessl.runtimes.process import RuntimeProcess

    Run = Callable[[NDArray[Any]], NDArray[np.float32]]
    RunAll = Callable[[NDArray[Any]], list[NDArray[np.float32]]]

Format = Literal["onnx", "torchscript", "pt2", "ort", "openvino", "ncnn", "litert", "executorch"]
SUFFIXES: dict[str, Format] = {
    ".onnx": "onnx", ".torchscript": "torchscript", ".pt2": "pt2", ".ort": "ort",
    ".xml": "openvino", ".param": "ncnn", ".tflite": "litert", ".pte": "executorch",
}  # fmt: skip
NEEDS_TORCH: tuple[Format, ...] = ("torchscript", "pt2")
ON_DEVICES: tuple[Format, ...] = ("openvino", "ncnn", "litert", "executorch")
"""Formats that run in a process of their runtime; see ``edgessl.runtimes``."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A network in a file that runs without edgessl's Python code.

    Attributes:
        path: The file.
        format: How it is stored.
        metadata: What it says about itself; None if edgessl did not write it.
        run: Images to the output ``(B, K)``. What it takes is ``takes``. A file that is fixed to
            one image runs batches image by image.
        takes: ``"normalised"`` for ``(B, 3, H, W)`` float32; ``"pixels"`` for ``(B, H, W, 3)``
            uint8 of any height and width, where the preprocessing is inside.
        process: What runs it, for a format of ``ON_DEVICES``.
        outputs: Images to scores ``(B, K)`` and features ``(B, D)`` of length 1, for a file with
            prototypes; None for others.
    """

    path: Path
    format: Format
    metadata: Metadata | None
    run: Run
    takes: Takes = "normalised"
    process: RuntimeProcess | None = None
    outputs: RunAll | None = None

    def known(self) -> Metadata:
        """Return the metadata.

        Raises:
            UserError: The file carries none, or its preprocessing is none.
        """
        if self.metadata is None:
            raise UserError(
                f"{self.path}: must carry edgessl's metadata (classes, preprocessing), got none; "
                "pass a file that `edgessl export` wrote"
            )
        refuse_preprocess(self.metadata.preprocess, str(self.path))
        return self.metadata


def open_artifact(
    path: str | Path, *, threads: int | None = None, trust: bool = False
) -> Artifact:
    """Open an exported file as a function, by its suffix.

    Opening a ``.torchscript`` or ``.pt2`` file runs what its maker put in it, so that one is opened
    only where the ``manifest.json`` beside it lists its SHA-256, as an export writes it.

    Args:
        path: A file that ``export`` wrote: ``.onnx``, ``.ort``, ``.torchscript``, ``.pt2``, or for
            a runtime of a device ``.xml``, ``.param``, ``.tflite``, ``.pte``.
        threads: The runtime's threads; None for every core this process may use.
        trust: Whether to open a ``.torchscript`` or ``.pt2`` file that no manifest lists. Pickles
            in a ``.pt2`` file are refused even then.

    Raises:
        UserError: The suffix is another one, the file is missing, it holds no such model, or
            nobody answers for it.

    Examples:
        >>> import edgessl, numpy
        >>> model = edgessl.open_artifact("runs/photos-mobilenetv2-dino/model.onnx")
        >>> model.metadata.classes
        ('class0', 'class1')
        >>> model.run(numpy.zeros((1, 3, 32, 32), numpy.float32)).shape
        (1, 2)
    """
    path = Path(path)
    kind = _kind(path)
    if kind in ON_DEVICES:
        from edgessl.artifact import device_file  # reads how environments are declared

        run, text, process = device_file.load(path, threads)
        return Artifact(path, kind, _metadata(text, path), run, process=process)
    if kind in NEEDS_TORCH:
        run, text = _open_with_torch(path, kind, trust=trust)
        return Artifact(path, kind, _metadata(text, path), run)
    run_all, text, takes, outputs = _open_session(path, threads)
    metadata = _metadata(text, path)
    opened = Artifact(path, kind, metadata, lambda images: run_all(images)[0], takes)
    if metadata is None or metadata.prototypes is None:
        return opened
    return _with_features(opened, run_all, outputs)


def giving_features(artifact: Artifact) -> Artifact:
    """Return a file with prototypes as one that gives the features it enrols with.

    Args:
        artifact: A file, opened; one without prototypes is returned as it is.
    """
    outputs = artifact.outputs
    if outputs is None:
        return artifact
    return replace(artifact, run=lambda images: outputs(images)[1])


def _metadata(text: str, path: Path) -> Metadata | None:
    return Metadata.from_json(text, str(path)) if text else None


def _with_features(opened: Artifact, run_all: RunAll, outputs: int) -> Artifact:
    """Add the second output of a file with prototypes."""
    if outputs < 2:  # it says that it has prototypes, and does not
        raise UserError(
            f"{opened.path}: must give scores and features, got one output; export it again"
        )
    return replace(opened, outputs=run_all)


def _open_session(path: Path, threads: int | None) -> tuple[RunAll, str, Takes, int]:
    session = open_session(path, threads=threads)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise UserError(f"{path}: must have one input, got {len(inputs)}; pass an image network")
    name, one_image = inputs[0].name, inputs[0].shape[:1] == [1]

    def run(images: NDArray[Any]) -> list[NDArray[np.float32]]:
        try:
            outputs: list[NDArray[np.float32]] = session.run(None, {name: images})
        except MemoryError:
            raise
        except Exception as error:  # each of onnxruntime's derives from Exception directly
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{path}: must run on images of shape {images.shape}, got: {reason}; "
                "pass a file that `edgessl export` wrote"
            ) from error
        return outputs

    def one_by_one(images: NDArray[Any]) -> list[NDArray[np.float32]]:
        import numpy as np

        rows = [run(images[i : i + 1]) for i in range(len(images))]
        return [np.concatenate(output) for output in zip(*rows, strict=True)]

    try:
        text = session.get_modelmeta().custom_metadata_map.get(KEY, "")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: must carry metadata as text, got others; export it again"
        ) from error
    takes: Takes = "pixels" if inputs[0].type == "tensor(uint8)" else "normalised"
    return one_by_one if one_image else run, text, takes, len(session.get_outputs())


def _kind(path: Path) -> Format:
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(
            f"{path}: must end in {' or '.join(SUFFIXES)}, got '{path.suffix}'; "
            "pass a file that `edgessl export` wrote"
        )
    return kind


def read_metadata(path: Path) -> tuple[Format, Metadata | None]:
    """Read what an exported file says about itself, without running anything of it.

    Args:
        path: A file with one of the ``SUFFIXES``.

    Returns:
        How it is stored, and its metadata; None if edgessl did not write it.

    Raises:
        UserError: The suffix is another one, the file is missing, or it holds no such model.
    """
    kind = _kind(path)
    if kind in ON_DEVICES:
        from edgessl.artifact import device_file

        text = device_file.read_text(path)
        return kind, _metadata(text, path)
    if kind not in NEEDS_TORCH:
        return kind, open_artifact(path).metadata
    if not path.is_file():
        raise UserError(f"{path}: must be a {path.suffix} file, found none; check the path")
    try:
        text = stored_text(read_records(path.read_bytes()), KEY)
    except ValueError as error:
        raise UserError(
            f"{path}: must be an archive of torch, got something else; export it again"
        ) from error
    return kind, _metadata(text, path)


def _open_with_torch(path: Path, kind: Format, *, trust: bool) -> tuple[Run, str]:
    if kind == "pt2":
        from edgessl.artifact import exported_program  # imports torch

        return exported_program.load(path, KEY, trust=trust)
    from edgessl.artifact import torchscript  # imports torch

    return torchscript.load(path, KEY, trust=trust)
