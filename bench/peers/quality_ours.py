"""edgessl as a contender of ``quality.py``: ``edgessl recipe BACKBONE-METHOD``, without labels.

The run is the command's own, with its pack, its monitor, its saved states, BN statistics measured
anew at the end, and its report; all of that is in its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from loops import Enough, Listener
from quality_job import WEIGHTS, Job, read_job

from edgessl import checkpoint
from edgessl.api import run
from edgessl.methods.method import Method
from edgessl.recipe import Recipe, load_recipe, to_toml
from edgessl.train import StepRecord, fit
from edgessl.train.stage import stage


def recipe_of(job: Job) -> Recipe:
    """Return the factory recipe of a network and a method, with all sides scaled.

    Args:
        job: Says which, and for what side of the global views.
    """
    recipe = load_recipe(f"{job.backbone}-{job.method}")
    share = job.size_px / recipe.views[0].size_px

    def scaled(px: int) -> int:
        return round(px * share)

    image = {key: scaled(getattr(recipe.image, key)) for key in ("resize_px", "crop_px")}
    views = [group.model_copy(update={"size_px": scaled(group.size_px)}) for group in recipe.views]
    return recipe.model_copy(
        update={
            "image": recipe.image.model_copy(update=image),
            "views": tuple(views),
            "pretrain": recipe.pretrain.model_copy(update={"epochs": job.epochs}),
        }
    )


class Kept:
    """The training loop, which remembers what it trains, and in what it computes.

    Attributes:
        method: The method of the last loop.
        precision: Of its numbers.
    """

    def __init__(self) -> None:
        self.method: Method | None = None
        self.precision = ""

    def fit(self, method: Method, *args: Any, **settings: Any) -> Iterator[StepRecord]:
        """Train as edgessl does."""
        self.method, self.precision = method, settings["engine"].precision
        return fit(method, *args, **settings)


def train(job: Job, kept: Kept, listener: Listener) -> dict[str, torch.Tensor]:
    """Run the recipe to its end, or to the end of the time; return the weights in timm's keys."""
    job.out.mkdir(parents=True, exist_ok=True)
    recipe, folder = job.out / "recipe.toml", job.out / "run"
    recipe.write_text(to_toml(recipe_of(job)), encoding="utf-8")
    stage.fit = kept.fit
    try:
        run(
            str(recipe), data=job.data, out=folder, seed=job.seed, device=job.device,
            baselines=("none",), command="benchmark", reporter=listener,
        )  # fmt: skip
    except Enough:
        assert kept.method is not None
        return dict(kept.method.backbone.net.state_dict())
    finally:
        stage.fit = fit
    return _weights_of(folder / "pretrained.pt")


def _weights_of(file: Path) -> dict[str, torch.Tensor]:
    weights = checkpoint.load(file)["weights"]
    return {key.removeprefix("net."): value for key, value in weights.items()}


def main() -> None:
    """Train, and write the answer and the weights."""
    job = read_job(__doc__)
    recipe = recipe_of(job)
    batch = recipe.pretrain.batch_size
    budget = job.begin(batch)

    def after_step() -> None:
        if budget.after_step():
            raise Enough

    kept = Kept()
    weights = train(job, kept, Listener(after_step))
    job.answer(
        budget, batch, threads=torch.get_num_threads(), precision=kept.precision,
        last_stage=recipe.backbone.pretrained_last_stage,
    )  # fmt: skip
    torch.save({key: value.cpu() for key, value in weights.items()}, job.out / WEIGHTS)


if __name__ == "__main__":
    main()
