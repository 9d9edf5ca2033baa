"""What ``edgessl finetune`` is asked for, checked against images, start and device before work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.claimed import ReadyRun
from edgessl.pipeline.finetune.asked import Asked
from edgessl.pipeline.finetune.semi_trial import ALWAYS, refuse_hindered
from edgessl.pipeline.misfits import refuse_misfits
from edgessl.pipeline.preflight import found, images_for, options, recipe_for
from edgessl.pipeline.prepare import refuse_both
from edgessl.pipeline.weights_recipe import brought_along, recipe_for_weights
from edgessl.recipe import Recipe
from edgessl.recipe.evaluate_table import EvaluateTable
from edgessl.reporter import Reporter
from edgessl.runs.snapshots import run_of
from edgessl.start.general import open_start
from edgessl.start.kept_head import check_head, wanted_layers
from edgessl.start.run_files import Start

BASELINES = ("random",)
"""What a fine-tuning is compared with: there is no time of pretraining that another may have."""


@dataclass(frozen=True, slots=True)
class Prepared(ReadyRun):
    """What a fine-tuning is made of, before anything is written.

    Attributes:
        start: The weights, opened.
        network: The backbone with them.
    """

    start: Start
    network: Backbone


def prepare(asked: Asked, world: World, reporter: Reporter) -> Prepared:
    """Check everything that is asked for, and say what was found; write nothing.

    Args:
        asked: By the user.
        world: The processes.
        reporter: Is told what was found.

    Raises:
        UserError: Something cannot be used; every mistake is told at once.
    """
    start, refusals = open_start(asked.start, asked.backbone), Refusals()
    with refusals:
        refuse_both(asked.epochs, asked.minutes)
    with refusals:
        _refuse_twice(asked)
    baselines = _default_baselines(start) if asked.baselines is None else asked.baselines
    name = _recipe_for(start, asked.recipe)
    overrides = (*brought_along(start, asked.recipe), *asked.overrides)
    sources = {"--data": asked.data}
    if asked.unlabelled is not None:
        sources["--unlabelled"] = asked.unlabelled
    draft, device = options(
        name, overrides, baselines, asked.device, sources, world, refusals, known=BASELINES
    )
    _refuse_decided(asked, draft, start)
    others = () if asked.unlabelled is None or draft.finetune.semi else ALWAYS
    changed = (*others, *overrides, *changes_for(start, draft, asked.epochs))
    dataset = images_for(
        draft, asked.data, unlabelled=asked.unlabelled, label_percent=asked.label_percent,
        labels_per_class=asked.labels_per_class, seed=asked.seed, reading=asked.reading,
        reporter=reporter, pretrains=False,
    )  # fmt: skip
    _refuse_unlabelled(dataset)
    recipe = recipe_for(name, changed, dataset, device, asked.size)
    refuse_misfits(
        recipe, dataset, world, compiled=asked.compiled, lengths=asked.minutes is None,
        pretrains=False,
    )  # fmt: skip
    if asked.unlabelled is not None:
        refuse_hindered(recipe, dataset, world, asked.unlabelled)
    network = start.build(recipe.image.crop_px)
    check_head(start.head, wanted_layers(recipe, network), asked.start)
    for sentence in (_origin(start, recipe, network), *start.sentences, *found(dataset)):
        reporter.say(sentence)
    path = Path(asked.out or Path("runs") / f"{dataset.name}-finetune-{start.name}")
    return Prepared(
        start, network, recipe=recipe, dataset=dataset, device=device, path=path,
        baselines=tuple(baselines),
    )  # fmt: skip


def changes_for(start: Start, draft: Recipe, epochs: int | None) -> tuple[str, ...]:
    """Return what a recipe has to be changed in for the network at hand, as ``KEY=VALUE``.

    Args:
        start: Its last stage is removed or not, and its BN's epsilon goes on.
        draft: The recipe without these changes.
        epochs: Fine-tuning epochs in place of the recipe's, or None.

    Raises:
        UserError: The recipe is for another backbone.
    """
    if draft.backbone.name != start.backbone:
        raise UserError(
            f"--recipe: must be for {start.backbone}, which {start.path} holds, got "
            f"{draft.name} for {draft.backbone.name}; name another recipe"
        )
    changes = [f"backbone.last_stage={_last_stage(draft, start)}"]
    if epochs is not None:
        changes.append(f"finetune.epochs={epochs}")
    if not draft.evaluate.finetunes:  # of a run that only pretrained
        protocols = EvaluateTable().protocols
        changes.append(f"evaluate.protocols={list(protocols)}")
    if start.batchnorm_eps is not None:
        changes.append(f"backbone.batchnorm_eps={start.batchnorm_eps}")
    return tuple(changes)


def _refuse_twice(asked: Asked) -> None:
    """Refuse epochs that are given in two ways."""
    for option, given in (("--epochs", asked.epochs), ("--minutes", asked.minutes)):
        if "finetune.epochs" in _changed(asked) and given is not None:
            raise UserError(
                f"--set finetune.epochs: must be given without {option}, got both; drop one of them"
            )


def _refuse_decided(asked: Asked, draft: Recipe, start: Start) -> None:
    """Refuse another last stage than the one that the start has."""
    wanted, found = draft.backbone.last_stage, _last_stage(draft, start)
    if "backbone.last_stage" in _changed(asked) and wanted != found:
        raise UserError(
            f"--set backbone.last_stage: must be '{found}', because {start.path} was trained so, "
            f"got '{wanted}'; leave it out"
        )


def _changed(asked: Asked) -> set[str]:
    return {one.partition("=")[0].strip() for one in asked.overrides}


def _default_baselines(start: Start) -> tuple[str, ...]:
    """Return what is trained beside: that general weights beat random ones is no question."""
    return BASELINES if start.origin is None else ("none",)


def _recipe_for(start: Start, name: str | None) -> str:
    """Return the recipe that was named, or else the start's run's, or the factory's."""
    if name is None and start.origin is not None:
        return recipe_for_weights(start.backbone)
    if name is None:
        recorded = run_of(start.path) / "recipe.toml"
        if not recorded.is_file():
            raise UserError(
                f"{start.path}: must lie in a run folder with a recipe.toml, found none beside it; "
                "name one with --recipe, such as --recipe mobilenetv2-dino"
            )
        return str(recorded)
    return name


def _last_stage(recipe: Recipe, start: Start) -> str:
    """Return what the start says of the last stage; only pretrained weights of one are dropped."""
    if start.last_stage == "keep" and recipe.backbone.last_stage == "drop" and not start.supervised:
        return "drop"
    return start.last_stage


def _refuse_unlabelled(dataset: Dataset) -> None:
    """Refuse images without labels."""
    if not dataset.classes:
        raise UserError(
            f"{dataset.source}: must have labels to fine-tune on, found none; "
            "give one folder per class, or a manifest with labels"
        )


def _origin(start: Start, recipe: Recipe, backbone: Backbone) -> str:
    """Say what it starts from."""
    what = "the backbone of the classifier " if start.supervised else ""
    done = {"keep": "", "remove": "removed", "drop": "dropped"}[recipe.backbone.last_stage]
    stage = f", its last stage {done}" if done else ""
    told = f"Starting from {what}{start.path}: {start.backbone}{stage}."
    px = recipe.image.crop_px
    if backbone.fixed_px and start.image_px not in (None, px):
        told += f" Its position embeddings are resampled from {start.image_px} to {px} px."
    return told
