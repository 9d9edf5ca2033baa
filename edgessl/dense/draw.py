"""Boxes drawn on a picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from edgessl.dense.detection.found import Found

COLOURS = ("#0b7a6f", "#c2512f", "#3b6ea8", "#b7791f", "#7c6fb0", "#b0457f", "#5d7a0b", "#59636e")
"""One a class; they begin anew behind the last."""


def draw_boxes(
    image: Image.Image, found: Found, classes: Sequence[str], *, min_score: float,
    with_scores: bool = True,
) -> Image.Image:
    """Draw boxes with class and score.

    Args:
        image: Upright RGB; unchanged.
        found: What was found in it.
        classes: Class names in label order.
        min_score: Boxes under it are not drawn.
        with_scores: Whether scores are written behind the classes.
    """
    picture = image.convert("RGB")
    drawing = ImageDraw.Draw(picture)
    line = max(2, round(min(picture.size) / 200))
    font = ImageFont.load_default(max(10, round(min(picture.size) / 32)))
    for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
        if score < min_score:
            continue
        left, top, right, bottom = (
            float(share) * side for share, side in zip(box, picture.size * 2, strict=True)
        )
        colour = COLOURS[int(label) % len(COLOURS)]
        drawing.rectangle((left, top, right, bottom), outline=colour, width=line)
        text = classes[int(label)] + (f" {100 * score:.0f}" if with_scores else "")
        place = drawing.textbbox((left, top), text, font=font)
        drop = max(0.0, place[3] - top) if top < place[3] - place[1] + 2 else 0.0
        shift = 0.0 if drop else place[3] - place[1] + 2
        drawing.rectangle(
            (place[0], place[1] - shift, place[2] + 2, place[3] - shift + 2), fill=colour
        )
        drawing.text((left + 1, top - shift), text, fill="white", font=font)
    return picture
