"""A file of PyTorch's, opened as a function of arrays, with the text that was stored in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.artifact.torch_archive import read_records, stored_text
from edgessl.artifact.trust import read_trusted
from edgessl.errors import UserError

Run = Callable[[NDArray[Any]], NDArray[np.float32]]
Read = Callable[[bytes, dict[str, bytes]], Any]
"""Content and records of a file to what it holds."""


def read_torch_file(
    path: Path, key: str, read: Read, *, content: str, option: str, trust: bool
) -> tuple[Any, str]:
    """Read a file that somebody answers for, by what reads its format.

    Args:
        path: The file.
        key: Name of the extra file to read.
        read: Opens the content; raises ValueError for what must not be opened.
        content: What must be in the file, for the message.
        option: The option of ``edgessl export`` that writes such files.
        trust: Whether the user answers for the file.

    Returns:
        What it holds, and the text under ``key`` (empty if there is none).

    Raises:
        UserError: The file is missing, holds something else, or nobody answers for it.
    """
    data = read_trusted(path, trust=trust)
    try:
        records = read_records(data)
        text = stored_text(records, key)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(data, records), text
    except MemoryError:
        raise
    except Exception as error:  # on arbitrary content torch's readers end in any error
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError(
            f"{path}: must be a {content}, got something else ({reason}); "
            f"pass a file that `edgessl export {option}` wrote"
        ) from error


def as_function(module: Any, path: Path) -> Run:
    """Return a module of PyTorch's as a function of arrays.

    Args:
        module: Images to outputs.
        path: Where it comes from, for the message when it does not run.
    """

    def run(images: NDArray[Any]) -> NDArray[np.float32]:
        try:
            with torch.no_grad():
                output: NDArray[np.float32] = module(torch.from_numpy(images)).numpy()
        except MemoryError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[-200:]
            raise UserError(
                f"{path}: must run on images of shape {images.shape}, got: {reason}; "
                "export it again"
            ) from error
        return output

    return run
