"""A file that people write, read as plain values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from edgessl.errors import UserError


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UserError: It is missing, cannot be read, or is not TOML; the message says where.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: must be a TOML file, found none; check the path") from error
    except OSError as error:
        raise UserError(
            f"{path}: must be a TOML file that can be read, got '{error.strerror}'; check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: must be valid TOML, got: {error}") from error
