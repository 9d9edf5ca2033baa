"""The contact sheet of the images to label: one offline page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from edgessl import __version__
from edgessl.data.decode import BadImage, read_image
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError
from edgessl.files import atomic_path
from edgessl.page.render import Facts, templates_of

MOST = 1000
"""Images on the page; more would make it slow to open."""
_SIDE_PX = 224  # long side, for screens of twice the density
_MARK = "edgessl · to label"


@dataclass(frozen=True, slots=True)
class Shown:
    """An image on the sheet.

    Attributes:
        path: The file.
        digest: SHA-1 of its content when it was listed.
        place: What it is called on the page.
        why: What it was picked for.
    """

    path: Path
    digest: str
    place: str
    why: str


def refuse_to_overwrite(page: Path) -> None:
    """Refuse a page that was not made by ``write_sheet``.

    Args:
        page: Where it is to go.

    Raises:
        UserError: Another file is there.
    """
    if not page.exists():
        return
    if page.is_dir() or _MARK not in page.read_text(encoding="utf-8", errors="replace")[:20_000]:
        raise UserError(
            f"--out: its page must not overwrite another file, got {page}; choose another name"
        )


def write_sheet(
    page: Path,
    title: str,
    sentence: str,
    images: Sequence[Shown],
    facts: Facts,
    value_range: ValueRange | None,
) -> None:
    """Write the page.

    Args:
        page: Where to.
        title: What the images are of.
        sentence: How they were picked.
        images: In the order to label them.
        facts: What is told below.
        value_range: What is black and white in files of more than 8 bits a channel.

    Raises:
        UserError: An image is not what it was, or the page cannot be written.
    """
    template = templates_of("edgessl.pick").get_template("sheet.html.j2")
    text = template.render(
        version=__version__, mark=_MARK, title=title, sentence=sentence, facts=facts,
        images=[(one, _address(one, value_range)) for one in images[:MOST]],
        left_out=max(0, len(images) - MOST),
    )  # fmt: skip
    with atomic_path(page) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def _address(shown: Shown, value_range: ValueRange | None) -> str:
    """Return a small copy as a ``data:`` address."""
    try:
        image = read_image(shown.path, _SIDE_PX, digest=shown.digest, value_range=value_range)
    except BadImage as bad:
        raise UserError(f"{shown.path}: must be an image, got: {bad}; replace it") from bad
    image.thumbnail((_SIDE_PX, _SIDE_PX))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
