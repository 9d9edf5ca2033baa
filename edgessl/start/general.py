"""General weights as the start of a fine-tuning, an evaluation or an export."""

from __future__ import annotations

from pathlib import Path

import torch

from edgessl.backbones import LastStage
from edgessl.backbones.last_stage import has_last_stage, last_stage_keys
from edgessl.errors import UserError
from edgessl.recipe.backbones import BACKBONES
from edgessl.start.begin import grouped, mistakes_of, warning
from edgessl.start.brought import brought_by
from edgessl.start.fit import Fit, fit_to, whole_net
from edgessl.start.guess import guess, looks_like
from edgessl.start.run_files import Start, is_of_run, read_start
from edgessl.start.source import IMAGENET, backbone_of, is_named, open_weights

_PX = 224


def open_start(source: str, backbone: str | None = None) -> Start:
    """Open what a user may name as a start: a file of a run, or general weights.

    Args:
        source: ``imagenet:BACKBONE``, ``timm:NAME``, or a file, of a run or of others.
        backbone: What a file of others holds; None to find out.

    Raises:
        UserError: It is none of these, or does not hold the whole network.
        EdgesslError: Weights cannot be downloaded.
    """
    if is_named(source):
        return _general(source, _named(source, backbone))
    path = Path(source)
    if not path.is_file() or is_of_run(path):
        if backbone is not None and path.is_file():
            raise UserError(
                f"--backbone: must be left out for {path}, which says what it holds, got "
                f"'{backbone}'"
            )
        return read_start(path)
    return _general(source, backbone)


def _named(source: str, backbone: str | None) -> str:
    """Return the backbone of a name, which may be said once."""
    named = backbone_of(source)
    if source == IMAGENET and not backbone:
        raise UserError(
            f"{IMAGENET}: must say for which backbone, got none; write {IMAGENET}:NAME, such as "
            f"{IMAGENET}:efficientnet-lite0 (`edgessl list backbones`)"
        )
    if named and backbone not in (None, named):
        raise UserError(
            f"--backbone: must be left out for {source}, which names its own, got '{backbone}'"
        )
    return named or str(backbone)


def _general(source: str, backbone: str | None) -> Start:
    given = open_weights(source, backbone or "", option="")
    backbone = backbone or guess(given.tensors, source)
    net = whole_net(backbone, _PX)
    fit = fit_to(net, given.tensors)
    last_stage = _refuse_parts(fit, net, source, backbone)
    brought = brought_by(given, fit, backbone, _PX)
    own = net.state_dict()
    weights = dict(fit.weights)
    for key in fit.missing:  # the rest are counters
        if key in own and (last_stage == "keep" or key not in last_stage_keys(net)):
            weights[key] = torch.zeros(own[key].shape, dtype=own[key].dtype)
    told = mistakes_of(fit, backbone)
    if fit.strange:
        told.append(warning(looks_like(given.tensors, but=backbone), backbone))
    return Start(
        Path(source), brought.backbone, last_stage, None, False, weights,
        batchnorm_eps=brought.batchnorm_eps, origin=given.origin, mean=brought.mean,
        std=brought.std, sentences=(given.origin.told(), *told, *brought.sentences),
    )


def _refuse_parts(fit: Fit, net: torch.nn.Module, source: str, backbone: str) -> LastStage:
    """Refuse weights that hold a network in part; one without its last stage is whole too."""
    if fit.whole:
        return "keep"
    last = last_stage_keys(net) if has_last_stage(net) else frozenset()
    lacking = {key for key in fit.missing if not key.endswith("num_batches_tracked")}
    if not fit.misshapen and lacking <= last and not last & fit.weights.keys():
        return "remove"
    size = len(net.state_dict())
    wrong = grouped([*lacking, *fit.misshapen])
    known = "" if backbone in BACKBONES else "; see timm.list_models()"
    raise UserError(
        f"{source}: must hold every tensor of {backbone}, got {len(fit.weights)} of {size}; not "
        f"there, or in another shape: {wrong}; name what it holds with --backbone NAME{known}"
    )
