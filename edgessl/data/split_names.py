"""Which names of folders, tables and cells mean train, val, test or unlabelled."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgessl.data.dataset import SplitName

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "unlabeled": "unlabeled",
    "unlabelled": "unlabeled",
}
"""Folder name in lower case -> what it holds."""

_FILLING = frozenset(
    "image images img imgs photo photos picture pictures pic pics data dataset set split folder"
    " file files jpg jpeg png tif tiff jpgs pngs resized small full raw input inputs x".split()
)
"""Words that say nothing of what is shown."""

_WORDS = re.compile(r"[A-Za-z][a-z]*|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_GLUED = re.compile(rf"^({'|'.join(SPLIT_FOLDERS)})(?:set|data|images?|imgs?|labels?)$")


def plain_role(name: str) -> SplitName | None:
    """Return the split that a name is, such as ``Train`` or ``validation``."""
    return SPLIT_FOLDERS.get(name.lower())


def composed_role(name: str) -> SplitName | None:
    """Return the split that a name speaks of, such as ``train_images`` or ``imgs-val2017``."""
    if role := plain_role(name):
        return role
    if glued := _GLUED.match(name.lower()):
        return SPLIT_FOLDERS[glued[1]]
    roles = {SPLIT_FOLDERS[word] for word in _words(name) if word in SPLIT_FOLDERS}
    rest = [w for w in _words(name) if w not in SPLIT_FOLDERS and not w.isdecimal()]
    known = all(word in _FILLING for word in rest)
    return next(iter(roles)) if len(roles) == 1 and known else None


def role_in(name: str) -> SplitName | None:
    """Return the only split that any word of a name is, such as of ``train_labels.csv``."""
    if glued := _GLUED.match(name.lower()):
        return SPLIT_FOLDERS[glued[1]]
    roles = {SPLIT_FOLDERS[word] for word in _words(name) if word in SPLIT_FOLDERS}
    return next(iter(roles)) if len(roles) == 1 else None


def says_nothing(name: str) -> bool:
    """Tell whether a folder name, such as ``images``, is hardly a class."""
    words = _words(name)
    return any(word in _FILLING for word in words) and all(
        word in _FILLING or word.isdecimal() for word in words
    )


def split_folders(names: Iterable[str]) -> dict[str, SplitName]:
    """Return which of the folders that lie side by side are splits.

    A composed name counts only in company: ``train_images`` beside ``test_images``. Alone it may
    be a class.
    """
    names = list(names)
    found = {name: role for name in names if (role := plain_role(name))}
    composed = {name: role for name in names if (role := composed_role(name))}
    if "train" in composed.values() and len(set(composed.values())) > 1:
        return composed
    if len(names) == 1:
        return composed
    return found


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]
