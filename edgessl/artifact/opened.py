"""An exported file, opened as a function of arrays. ONNX files need no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgessl.artifact.metadata import KEY, Metadata
from edgessl.artifact.session import open_session
from edgessl.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Format = Literal["onnx", "torchscript"]
SUFFIXES: dict[str, Format] = {".onnx": "onnx", ".torchscript": "torchscript"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A network in a file that runs without edgessl's Python code.

    Attributes:
        path: The file.
        format: How it is stored.
        metadata: What it says about itself; None if edgessl did not write it.
        run: Normalised images ``(B, 3, H, W)`` float32 to the output ``(B, K)``.
    """

    path: Path
    format: Format
    metadata: Metadata | None
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def known(self) -> Metadata:
        """Return the metadata.

        Raises:
            UserError: The file carries none.
        """
        if self.metadata is None:
            raise UserError(
                f"{self.path}: must carry edgessl's metadata (classes, preprocessing), got none; "
                "pass a file that `edgessl export` wrote"
            )
        return self.metadata


def open_artifact(path: Path, *, threads: int | None = None) -> Artifact:
    """Open an exported file by its suffix.

    Args:
        path: A ``.onnx`` or ``.torchscript`` file.
        threads: onnxruntime's threads; None for every core this process may use.

    Raises:
        UserError: The suffix is another one, the file is missing, or it holds no such model.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(
            f"{path}: must end in {' or '.join(SUFFIXES)}, got '{path.suffix}'; "
            "pass a file that `edgessl export` wrote"
        )
    run, text = _open_onnx(path, threads) if kind == "onnx" else _open_torchscript(path)
    return Artifact(
        path=path,
        format=kind,
        metadata=Metadata.from_json(text, str(path)) if text else None,
        run=run,
    )


def _open_onnx(
    path: Path, threads: int | None
) -> tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], str]:
    session = open_session(path, threads=threads)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise UserError(f"{path}: must have one input, got {len(inputs)}; pass an image network")

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = session.run(None, {inputs[0].name: images})[0]
        return output

    return run, session.get_modelmeta().custom_metadata_map.get(KEY, "")


def _open_torchscript(
    path: Path,
) -> tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], str]:
    from edgessl.artifact import torchscript  # imports torch

    return torchscript.load(path, KEY)
