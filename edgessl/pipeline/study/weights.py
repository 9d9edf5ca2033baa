"""Weights that rows start from: those that the user brings, and those that are drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_payload
from edgessl.data.preprocess import Preprocess
from edgessl.errors import Refusals, UserError, nearest
from edgessl.files import expanded
from edgessl.recipe import load_recipe
from edgessl.recipe.study import Study
from edgessl.start.source import NONE


def weights_of(given: Sequence[str], study: Study) -> dict[str, str]:
    """Read ``--weights``.

    Args:
        given: ``NAME=FILE`` each.
        study: Says which weights its rows start from.

    Returns:
        File by name.

    Raises:
        UserError: A name is none of the study's, or a file is not there; all mistakes at once.
    """
    refusals, found = Refusals(), dict[str, str]()
    known = ", ".join(study.weights) or "none"
    for one in given:
        name, _, file = one.partition("=")
        with refusals:
            if name not in study.weights:
                raise UserError(
                    f"--weights {one}: must be NAME=FILE with a name of the study ({known}), got "
                    f"'{name}'{nearest(name, study.weights)}"
                )
            if not file:
                raise UserError(f"--weights {one}: must be {name}=FILE, got no file; name one")
            if not expanded(file).is_file():
                raise UserError(f"--weights {one}: must name a file, found none; check the path")
            found[name] = str(expanded(file).absolute())
    refusals.raise_all()
    return found


def file_of(name: str, study: Study, given: Mapping[str, str]) -> str:
    """Return the file of weights that a row names; what is none of the study's stays as it is.

    Args:
        name: As the row has it.
        study: Says what its weights are.
        given: File by name.

    Raises:
        UserError: They are the study's, and were not given.
    """
    if name not in study.weights:
        return name
    if name not in given:
        raise UserError(
            f"needs {study.weights[name]}, which cannot be made here; pass --weights {name}=FILE"
        )
    return given[name]


def init_of(name: str, study: Study, given: Mapping[str, str]) -> str:
    """Return what a pretraining starts from: ``none`` where optional weights were not given.

    Args:
        name: As the row has it; empty for random weights.
        study: Says what its weights are.
        given: File by name.

    Raises:
        UserError: They are the study's, not optional, and were not given.
    """
    missing = study.weights_optional and name in study.weights and name not in given
    return NONE if not name or missing else file_of(name, study, given)


def random_network(
    name: str, overrides: Sequence[str], size: int | None, seed: int, folder: Path
) -> Path:
    """Write a recipe's network with random weights, once.

    Args:
        name: Of the recipe.
        overrides: ``KEY=VALUE`` changes to it.
        size: Side of images in px; None for the recipe's.
        seed: Draws the weights.
        folder: Where to.

    Returns:
        The file.
    """
    recipe = load_recipe(name, overrides=overrides)
    image, px = recipe.image, size or recipe.image.crop_px
    resize_px = round(image.resize_px * px / image.crop_px)
    preprocess = Preprocess(resize_px, px, image.interpolation, image.mean, image.std)
    backbone = recipe.backbone.name
    path = folder / f"random-{backbone.replace(':', '-').replace('/', '-')}-{px}-{seed}.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = Backbone(backbone, "keep", px)
        checkpoint.save(path, deployable_payload(
            drawn, classes=(), preprocess=preprocess.to_dict(), provenance={}
        ))  # fmt: skip
    return path
