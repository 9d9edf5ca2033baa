"""Classes of a data set and of a classifier, matched by name."""

from __future__ import annotations

from collections.abc import Sequence

from edgessl.errors import UserError, nearest

_SHOWN = 8


def match_classes(
    data_classes: Sequence[str], model_classes: Sequence[str], where: str
) -> list[int]:
    """Find each class of the data among the classifier's.

    Args:
        data_classes: Class names of the images, in label order.
        model_classes: Class names in the order of the logits; may hold more.
        where: What the data is called, for the message.

    Returns:
        For each class of the data, the index of its logit.

    Raises:
        UserError: The classifier does not know a class; all such classes are listed.
    """
    position = {name: index for index, name in enumerate(model_classes)}
    unknown = [name for name in data_classes if name not in position]
    if unknown:
        listed = ", ".join(_with_hint(name, model_classes) for name in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise UserError(
            f"{where}: must have only classes that the classifier knows, "
            f"got {len(unknown)} unknown: {listed}{more}; rename or remove them, "
            "or score the features with --protocol knn"
        )
    return [position[name] for name in data_classes]


def _with_hint(name: str, known: Sequence[str]) -> str:
    hint = nearest(name, known).removeprefix("; ")
    return f"'{name}' ({hint})" if hint else f"'{name}'"
