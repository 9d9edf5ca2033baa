"""Under which terms a network may be used, as far as its files tell."""

from __future__ import annotations

from pathlib import Path

NAMES = ("LICENSE", "LICENCE", "COPYING")
SIGNS = (
    ("cc0 1.0", "CC0 1.0"),
    ("attribution-noncommercial-sharealike", "CC BY-NC-SA (no commercial use)"),
    ("attribution-noncommercial", "CC BY-NC (no commercial use)"),
    ("attribution-sharealike", "CC BY-SA"),
    ("creative commons attribution", "CC BY"),
    ("apache license", "Apache-2.0"),
    ("mit license", "MIT"),
    ("gnu general public license", "GPL"),
)
"""Words of a licence text, most telling first -> its name."""
UNKNOWN = "not known: no LICENSE file lay beside the images"


def licence_of_data(source: str | None) -> str:
    """Name the licence of a data set.

    Args:
        source: ``demo``, a named set, a folder or a manifest; None where it is not recorded.
    """
    if source == "demo":
        return "drawn by edgessl, Apache-2.0"
    if not source:
        return "not known: the checkpoint names no data"
    place = Path(source)
    folders = (place, place.parent) if place.is_file() else (place,)
    for folder in folders:
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if path.is_file() and path.stem.upper() in NAMES:
                return _named(path.read_text(encoding="utf-8", errors="replace"), path.name)
    return UNKNOWN if any(folder.is_dir() for folder in folders) else "not known"


def _named(text: str, name: str) -> str:
    start = " ".join(text[:2000].lower().split())
    found = next((licence for sign, licence in SIGNS if sign in start), None)
    return f"{found} (the {name} file beside the images)" if found else f"see its {name} file"


def licence_of_weights(init: str | None) -> str:
    """Say whose weights the network started from.

    Args:
        init: ``--init`` of the run; None where it is not recorded.
    """
    if init is None:
        return "not recorded here what the weights started from"
    if init == "none":
        return "trained from random weights; yours, as far as the data's terms allow"
    if not init.startswith("timm:"):
        return f"started from {Path(init).name}; the terms of those weights hold"
    return f"started from {init}{_of_timm(init.removeprefix('timm:'))}; those terms hold too"


def _of_timm(name: str) -> str:
    try:
        import timm

        found = timm.get_pretrained_cfg(name)
    except Exception:  # an unknown name, or a timm that keeps it elsewhere: then it is not known
        return " (licence not known)"
    return f" (licence: {getattr(found, 'license', None) or 'not known'})"
