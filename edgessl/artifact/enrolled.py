"""Classes that were added to an exported file on the device, in a small file beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from edgessl.artifact.tables import ClassName
from edgessl.errors import UserError
from edgessl.schema import Table, validate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgessl.artifact.opened import Artifact

NAME = "enrolled.json"
"""Beside the model, of which there may be several of one network: they share it."""
SCHEMA = 1
_MOST_BYTES = 100_000_000


class PrototypesTable(Table):
    """What a file with prototypes says of its classes' vectors.

    Attributes:
        space: Names the feature space: vectors of another one mean nothing here.
        dim: Length of a vector, D.
        scale: What cosines are multiplied by.
        resultant: Length of the mean of a class's directions.
    """

    space: Annotated[str, Field(min_length=1, max_length=64)]
    dim: Annotated[int, Field(ge=1, le=65_536)]
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    resultant: Annotated[float, Field(gt=0, le=1)]


class EnrolledClass(Table):
    """One class that was added.

    Attributes:
        name: Its name.
        images: How many it was learned from.
        sum: Sum of their features, each of length 1.
    """

    name: ClassName
    images: Annotated[int, Field(ge=1)]
    sum: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]


class EnrolledTable(Table):
    """Content of ``enrolled.json``.

    Attributes:
        schema_: Version of this layout.
        space: Feature space of the vectors.
        classes: The classes.
    """

    schema_: Annotated[int, Field(alias="schema", ge=1, le=SCHEMA)]
    space: str
    classes: tuple[EnrolledClass, ...]


@dataclass(frozen=True)
class Enrolled:
    """Classes that were added.

    Attributes:
        names: Their names.
        images: How many each was learned from.
        weights: What features are multiplied with for their scores, ``(M, D)`` float32.
    """

    names: tuple[str, ...]
    images: tuple[int, ...]
    weights: NDArray[np.float32]

    def __str__(self) -> str:
        counted = (f"{name} ({n})" for name, n in zip(self.names, self.images, strict=True))
        return ", ".join(counted)


def with_enrolled(artifact: Artifact) -> tuple[Artifact, Enrolled | None]:
    """Add to an opened file the classes that lie beside it, as run.py and the web page do.

    Args:
        artifact: A file, opened.

    Returns:
        The file whose ``run`` and ``metadata`` have these classes too, and the classes; None for
        a file without prototypes, or with nothing beside it.

    Raises:
        UserError: What lies there is damaged, or of another model.
    """
    import numpy as np

    known, outputs = artifact.metadata, artifact.outputs
    if known is None or known.prototypes is None or outputs is None:
        return artifact, None
    enrolled = read_enrolled(artifact.path, known.prototypes, known.classes)
    if enrolled is None:
        return artifact, None

    def run(images: NDArray[Any]) -> NDArray[np.float32]:
        scores, features = outputs(images)
        return np.concatenate([scores, features @ enrolled.weights.T], axis=1)

    metadata = replace(known, classes=(*known.classes, *enrolled.names))
    return replace(artifact, run=run, metadata=metadata), enrolled


def read_enrolled(
    model: Path, prototypes: dict[str, Any], classes: tuple[str, ...]
) -> Enrolled | None:
    """Read the classes that were added to a model.

    Args:
        model: The model's file; the classes lie beside it.
        prototypes: Values of ``PrototypesTable``, as the model says them.
        classes: The model's own classes.

    Returns:
        The classes; None where no file lies there, or it holds none.

    Raises:
        UserError: The file is damaged, or of another model, or names a class twice.
    """
    import numpy as np

    path = model.parent / NAME
    if not path.is_file():
        return None
    about = validate(PrototypesTable, prototypes, f"{model}, prototypes")
    table = _read(path)
    if table.space != about.space:
        raise UserError(
            f"{path}: must hold classes of {model.name}, got those of another network; "
            "enrol them again, or move the file away"
        )
    names = tuple(entry.name for entry in table.classes)
    twice = [name for name in names if name in classes or names.count(name) > 1]
    if twice:
        raise UserError(f"{path}: must name new classes once each, got '{twice[0]}' again; "
                        "remove one of them")
    if any(len(entry.sum) != about.dim for entry in table.classes):
        raise UserError(f"{path}: must hold vectors of {about.dim} numbers; enrol them again")
    if not names:
        return None
    sums = np.array([entry.sum for entry in table.classes], np.float64)
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    images = tuple(entry.images for entry in table.classes)
    gains = np.array([[gain(n, about.resultant)] for n in images])
    return Enrolled(names, images, (about.scale * gains * sums / lengths).astype(np.float32))


def gain(images: int, resultant: float) -> float:
    """Return what makes the scores of a class of few images comparable with those of many.

    The mean of few directions points beside the true one, so that cosines to it are smaller. Half
    of that, in logarithms, is made up for: all of it would give the class what is another's.

    Args:
        images: That the class was learned from.
        resultant: Length of the mean of a class's directions, in (0, 1].
    """
    squared = images * resultant**2
    return float(((squared + 1 - resultant**2) / squared) ** 0.25)


def _read(path: Path) -> EnrolledTable:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("too large a file")
        text = path.read_text(encoding="utf-8")
        return EnrolledTable.model_validate_json(json.dumps(json.loads(text)), strict=True)
    except (OSError, ValueError, RecursionError) as error:
        reason = "; ".join(_reasons(error))
        raise UserError(
            f"{path}: must hold classes as run.py --enrol writes them, got something else "
            f"({reason[:120]}); enrol them again, or move the file away"
        ) from error


def _reasons(error: Exception) -> list[str]:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return [f"{'.'.join(map(str, first['loc']))}: {first['msg']}"]
    return [" ".join(str(error).split())]
