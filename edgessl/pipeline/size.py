"""``--size``: a recipe at another side of images; views, crops and fine-tuning change together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgessl.errors import UserError
from edgessl.recipe import Recipe

FEWEST_PX = 8


def sized(draft: Recipe, image_px: int | None) -> tuple[str, ...]:
    """Return what a recipe changes in for another size, as ``KEY=VALUE``.

    Everything keeps its proportion to ``image.crop_px``; the pack follows the views by itself.

    Args:
        draft: The recipe without them; the user's own changes come after.
        image_px: Side of images; None to leave it.

    Raises:
        UserError: It cannot be a side, or views would become too small.
    """
    if image_px is None:
        return ()
    if image_px < FEWEST_PX:
        raise UserError(f"--size: must be at least {FEWEST_PX} pixels, got {image_px}")
    sides = dict(_sides(draft))
    scale = image_px / draft.image.crop_px
    found = {key: [round(side * scale) for side in several] for key, several in sides.items()}
    for key, several in found.items():
        if min(several) < FEWEST_PX:
            raise UserError(
                f"--size: must leave at least {FEWEST_PX} pixels of {key} = "
                f"{_value(key, sides[key])}, got {image_px} for the {draft.image.crop_px} of "
                f"{draft.name}; name a larger size"
            )
    return tuple(f"{key}={_value(key, several)}" for key, several in found.items())


def _sides(recipe: Recipe) -> Iterator[tuple[str, list[int]]]:
    """Yield all keys of a recipe that are sides of images, each with its value or values."""
    yield "image.crop_px", [recipe.image.crop_px]
    yield "image.resize_px", [recipe.image.resize_px]
    if recipe.data.corruption is not None:
        yield "data.corruption_px", [recipe.data.corruption_px]
    groups = [("finetune.view", recipe.finetune.view)]
    groups += [(f"views.{number}", group) for number, group in enumerate(recipe.views)]
    for key, group in groups:
        yield f"{key}.size_px", [group.size_px]
        if group.resize_px is not None:
            yield f"{key}.resize_px", [group.resize_px]
    for number, stage in enumerate(recipe.pretrain.stages):
        yield f"pretrain.stages.{number}.views_px", [*stage.views_px]


def _value(key: str, sides: Sequence[int]) -> str:
    return str([*sides]) if key.endswith("views_px") else str(sides[0])
