"""A file of PyTorch's, opened as a function of arrays, with the text that was stored in it."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.errors import UserError

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def open_torch_file(
    path: Path, key: str, read: Callable[[dict[str, Any]], Any], *, content: str, option: str
) -> tuple[Run, str]:
    """Open a file by what reads its format.

    Args:
        path: The file.
        key: Name of the extra file to read.
        read: Called with a dict that has ``key``; fills its value, and returns the module.
        content: What must be in the file, for the message.
        option: The option of ``edgessl export`` that writes such files.

    Returns:
        The module as a function, and the text under ``key`` (empty if there is none).

    Raises:
        UserError: The file is missing or holds something else.
    """
    if not path.is_file():
        raise UserError(f"{path}: must be a {path.suffix} file, found none; check the path")
    extra: dict[str, Any] = {key: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = read(extra)
    except (RuntimeError, ValueError, AssertionError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: must be a {content}, got something else; "
            f"pass a file that `edgessl export {option}` wrote"
        ) from error

    def run(images: NDArray[Any]) -> NDArray[np.float32]:
        with torch.no_grad():
            output: NDArray[np.float32] = module(torch.from_numpy(images)).numpy()
        return output

    text = extra[key]
    return run, text.decode() if isinstance(text, bytes) else text
