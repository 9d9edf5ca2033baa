"""Where the cache folder is."""

from __future__ import annotations

import os
from pathlib import Path

from edgessl.errors import UserError
from edgessl.files import expanded


def cache_root() -> Path:
    """Return ``EDGESSL_CACHE``, else ``XDG_CACHE_HOME/edgessl``, else ``~/.cache/edgessl``.

    Raises:
        UserError: None of them is known: the user has no home.
    """
    if chosen := os.environ.get("EDGESSL_CACHE"):
        return expanded(chosen).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return expanded(base).absolute() / "edgessl"
    try:
        return Path.home() / ".cache" / "edgessl"
    except RuntimeError as error:
        raise UserError(
            "cache: must have a place, got neither EDGESSL_CACHE nor a home folder (HOME is not "
            "set, and this user id has none); set EDGESSL_CACHE to a folder that can be written"
        ) from error
