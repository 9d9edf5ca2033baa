"""What was understood of images, as a tree with counts: splits, classes, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.tree import Tree

_SHOWN = 12  # classes of a split; the table has all


def understood(document: Mapping[str, Any], images: Mapping[str, int]) -> Tree:
    """Draw the splits with their classes, each with the index of its output.

    Args:
        document: What ``describe_data`` returns.
        images: Images of each split, as they are used.
    """
    from rich.text import Text
    from rich.tree import Tree

    def node(text: str) -> Text:
        return Text(text)  # names are shown as they are, whatever brackets they have

    tree = Tree(node(f"read as {document['layout']}"))
    classes = document["classes"]
    for split in ("train", "val", "test", "unlabeled"):
        if not images.get(split):
            continue
        branch = tree.add(node(f"{split}: {_counted(images[split], 'image')}"))
        here = [(i, one) for i, one in enumerate(classes) if one.get(split)]
        for index, one in here[:_SHOWN]:
            branch.add(node(f"{index} = {one['name']}: {one[split]}"))
        if len(here) > _SHOWN:
            branch.add(node(f"and {len(here) - _SHOWN} classes more"))
    if document["quarantined"] or document["skipped"]:
        bad = len(document["quarantined"])
        unusable = {"files that cannot be used": bad} if bad else {}
        branch = tree.add(node("left out"))
        for kind, count in {**unusable, **document["skipped"]}.items():
            branch.add(node(f"{kind}: {count}"))
    return tree


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
