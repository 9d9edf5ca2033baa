"""General weights as a finished network that gives features, to be scored, counted or exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.artifact.opened import SUFFIXES
from edgessl.backbones import deployable_payload
from edgessl.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from edgessl.errors import UserError
from edgessl.start.general import open_start
from edgessl.start.run_files import Start, is_of_run
from edgessl.start.source import is_named

PX = 128
"""Side of images where the user names none, as the factory fine-tunes such weights."""
_RESIZE = 73 / 64  # short side of a resized image, to the crop's: as in factory recipes


@dataclass(frozen=True, slots=True)
class AsFeatures:
    """How general weights are opened.

    Attributes:
        backbone: What a file of others holds; None to find out.
        image_px: Side of the images; None for ``PX``.
    """

    backbone: str | None = None
    image_px: int | None = None

    def refuse_given(self, source: str) -> None:
        """Refuse options that have no meaning for a file that says all of it.

        Args:
            source: The file.

        Raises:
            UserError: One line for each that was given.
        """
        given = {"--backbone": self.backbone, "--size": self.image_px}
        wrong = [
            f"{option}: must be left out for {source}, which has its own, got {value}"
            for option, value in given.items() if value is not None
        ]  # fmt: skip
        if wrong:
            raise UserError("\n".join(wrong))


AS_THEY_ARE = AsFeatures()


@dataclass(frozen=True, slots=True)
class General:
    """General weights, opened.

    Attributes:
        start: What they are.
        payload: Of a checkpoint that gives features.
    """

    start: Start
    payload: dict[str, Any]


def is_general(source: str) -> bool:
    """Tell whether a source is general weights, not a file of a run and no exported one.

    Args:
        source: What the user passed.
    """
    path = Path(source)
    if is_named(source):
        return True
    return path.suffix.lower() not in SUFFIXES and path.is_file() and not is_of_run(path)


def open_general(source: str, asked: AsFeatures) -> General:
    """Open general weights as a network that gives features.

    Args:
        source: ``imagenet:BACKBONE``, ``timm:NAME`` or a file of others.
        asked: How.

    Raises:
        UserError: It is none of these, or cannot be used at this size.
        EdgesslError: The weights cannot be downloaded.
    """
    side = PX if asked.image_px is None else asked.image_px
    if side < 8:
        raise UserError(f"--size: must be at least 8 pixels, got {side}")
    start = open_start(source, asked.backbone)
    preprocess = Preprocess(
        round(side * _RESIZE), side, "bicubic", start.mean or IMAGENET_MEAN,
        start.std or IMAGENET_STD,
    )  # fmt: skip
    payload = deployable_payload(
        start.build(side).eval(), classes=(), preprocess=preprocess.to_dict(),
        provenance=start.provenance,
    )  # fmt: skip
    return General(start, payload)
