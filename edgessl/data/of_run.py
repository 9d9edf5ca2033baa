"""The data of a run, found again by what its checkpoint says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgessl.data.dataset import Dataset
from edgessl.data.load import load_dataset
from edgessl.data.parallel import Progress

_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s'\",;:()\\/]+[\\/])+")
"""The folders of an absolute path, without its last part."""


def dataset_of(
    provenance: Mapping[str, Any], *, download: bool = False, progress: Progress | None = None
) -> Dataset:
    """Load the images of a run in the splits that it saw.

    Args:
        provenance: What a checkpoint says of its run; its ``data`` must be there.
        download: Whether a named set that is not on this machine may be fetched.
        progress: Called with (done, total) while files are checked.

    Raises:
        UserError: The data is gone, or cannot be used any more.
        EdgesslError: A named set is missing and cannot be downloaded.
    """
    return load_dataset(
        provenance["data"],
        labels=provenance["labels"],
        label_percent=provenance["label_percent"],
        val_percent=provenance["val_percent"],
        seed=provenance["seed"],
        progress=progress,
        download=download,
    )


def reason_of(error: Exception, source: str) -> str:
    """Say why data cannot be read, without the folders of this machine: it goes into files.

    Args:
        error: What reading it raised.
        source: The data, as the checkpoint names it.
    """
    text = " ".join(str(error).split())
    for place in (str(Path(source).absolute()), source):
        text = text.replace(place, Path(source).name)
    return _FOLDERS.sub("", text)[:200]
