"""Originals: image files of a listed set, which must still be what was listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from edgessl.data.decode import BadImage, read_image
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError


@dataclass(frozen=True, slots=True)
class Original:
    """An image file of a listed set.

    Attributes:
        path: The file.
        digest: SHA-1 of the content it had when it was listed; None if nobody relies on that.
    """

    path: Path
    digest: str | None = None

    def read(self, value_range: ValueRange | None = None) -> Image.Image:
        """Return it as an upright RGB image.

        Args:
            value_range: What is black and white where it has more than 8 bits a channel.

        Raises:
            UserError: It is gone, no image any more, or not what it was.
            EdgesslError: It cannot be read now.
        """
        try:
            return read_image(self.path, digest=self.digest, value_range=value_range)
        except BadImage as bad:
            raise UserError(f"{self.path}: must be an image, got: {bad}; replace it") from bad


def originals(paths: Sequence[Path], digests: Sequence[str] | None = None) -> tuple[Original, ...]:
    """Put files and what was listed of them together.

    Args:
        paths: The files.
        digests: SHA-1 of the content of each when it was listed; none where nobody relies on it.
    """
    known: Sequence[str | None] = digests or [None] * len(paths)
    return tuple(Original(path, digest) for path, digest in zip(paths, known, strict=True))
