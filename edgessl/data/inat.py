"""iNaturalist 2021: folders that say the whole taxonomy of a species.

The images of ``val`` are test, as Cole et al. have it (section 3): the true test set has no labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from edgessl.data.dataset import Entry, SplitName
from edgessl.data.tree import walk

FIRST = "00000_*_*_*_*_*_*_*"
"""The folder of the first species: number, kingdom, ..., genus, epithet."""
TORCHVISION = ("2021_train", "2021_valid")
LEVELS = ("kingdom", "phylum", "class", "order", "family", "genus")
"""The levels above the species, the coarsest first."""
_PARTS = len(LEVELS) + 2


def read_challenge(base: Path) -> list[Entry]:
    """Read the archives' own layout: ``train/`` and ``val/``."""
    return _read(base, {"train": "train", "val": "test"})


def read_torchvision(base: Path) -> list[Entry]:
    """Read the layout of torchvision: ``2021_train/`` and ``2021_valid/``."""
    return _read(base, {"2021_train": "train", "2021_valid": "test"})


def _read(base: Path, parts: dict[str, SplitName]) -> list[Entry]:
    found = [
        (base.joinpath(part, *folder.parts, name), folder.parts[0], split)
        for part, split in parts.items()
        for folder in walk(base / part).folders
        for name in folder.names
        if folder.parts
    ]
    names = species_of({one[1] for one in found})
    return [Entry(path, names[folder], split) for path, folder, split in found]


def species_of(folders: Iterable[str]) -> dict[str, str]:
    """Return the name of the species of every folder: genus and epithet.

    Args:
        folders: Names such as ``00000_Animalia_..._Lumbricus_terrestris``; where two have one
            species' name, both keep the whole one.
    """
    names = {folder: " ".join(_split(folder)[-2:]) for folder in folders}
    counts = Counter(names.values())
    return {folder: folder if counts[name] > 1 else name for folder, name in names.items()}


def taxonomy(base: Path) -> dict[str, dict[str, str]] | None:
    """Return the levels above the species, from the names of the folders.

    Args:
        base: The folder of the set.

    Returns:
        By level, the coarsest first, the label of every species; None where the folder is of
        another set.
    """
    for part in ("train", TORCHVISION[0]):
        if (base / part).is_dir() and next((base / part).glob(FIRST), None) is not None:
            folders = [one.name for one in (base / part).iterdir() if one.is_dir()]
            names = species_of(folders)
            return {
                level: {names[folder]: _split(folder)[place] for folder in folders}
                for place, level in enumerate(LEVELS, 1)
            }
    return None


def _split(folder: str) -> list[str]:
    parts = folder.split("_", _PARTS - 1)
    if len(parts) != _PARTS:
        raise ValueError(f"a folder is called {folder!a}, which is no taxonomy of a species")
    return parts
