"""The story of ``edgessl rescale``: a checkpoint with other norms, to fine-tune from."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from torch import Tensor

from edgessl import checkpoint as checkpoints
from edgessl.backbones.norm_rescale import (
    Rescaling,
    Scope,
    rescale_by_constant,
    rescale_to_anchor,
)
from edgessl.errors import UserError, nearest
from edgessl.start import safetensors_file
from edgessl.start.fit import below_prefix, unlike
from edgessl.start.run_files import Start, read_start
from edgessl.start.tensor_file import read_weights

_CLASSIFIER_PREFIX = "backbone.net."
_BACKBONE_PREFIX = "net."
_SHOWN = 3  # names of a list


@dataclass(frozen=True, slots=True)
class Rescaled:
    """What was written.

    Attributes:
        out: The file.
        backbone: Name of the network.
        scope: What was rescaled.
        rescaling: The tensors, and what was done to each.
    """

    out: Path
    backbone: str
    scope: Scope
    rescaling: Rescaling


def rescale(
    checkpoint: Path,
    *,
    anchor: Path | None = None,
    constant: float | None = None,
    scope: str | None = None,
    out: Path | None = None,
) -> Rescaled:
    """Rescale the backbone in a checkpoint and write it as a file of the same kind.

    The classifier of a ``ckpt.pt`` stays: fine-tuning starts a new one.

    Args:
        checkpoint: ``pretrained.pt``, ``ckpt.pt`` or ``backbone.safetensors`` of a run.
        anchor: A file whose norms are taken, or None.
        constant: What weights are multiplied by, or None.
        scope: ``weights`` or ``floats``; None: ``floats`` with an anchor, as the paper's code has
            it, and ``weights`` with a constant.
        out: Where to write; None for a file beside the checkpoint.

    Raises:
        UserError: Something in it cannot be used.
    """
    settled = _scope(anchor, constant, scope)
    start = read_start(checkpoint)
    place = _out(checkpoint, anchor, out)
    _check_finite(checkpoint, start.weights)
    if anchor is not None:
        rescaling = rescale_to_anchor(start.weights, _anchor(anchor, start), settled)
    else:
        rescaling = rescale_by_constant(start.weights, constant or 1.0, settled)
    _check_finite(place, rescaling.weights)
    told = {
        "anchor": str(anchor) if anchor else "", "constant": constant or 0.0, "scope": settled,
    }  # fmt: skip
    _write(checkpoint, place, rescaling.weights, told)
    return Rescaled(place, start.backbone, settled, rescaling)


def describe_rescaled(found: Rescaled) -> str:
    """Tell what changed, in a few lines."""
    done, norms = found.rescaling, found.rescaling.norms
    before, after = (math.hypot(*(pair[i] for pair in norms.values())) for i in (0, 1))
    factors = {key: new / old for key, (old, new) in norms.items()}
    least, most = min(factors, key=factors.__getitem__), max(factors, key=factors.__getitem__)
    lines = [
        f"rescaled    {len(norms)} of {len(done.weights)} tensors of {found.backbone} "
        f"({found.scope})",
        f"norm        {before:.5g} before, {after:.5g} after, all of them together",
        f"factors     {factors[least]:.4g} ({least}) to {factors[most]:.4g} ({most})",
    ]
    kept = [
        (done.zero, "their norm, or the anchor's, is 0"),
        (done.unmatched, "the anchor lacks them"),
        (done.others, f"not in the scope '{found.scope}', or counters"),
    ]
    lines += [f"as before   {len(keys)}: {why} ({_some(keys)})" for keys, why in kept if keys]
    recipe = "" if (found.out.parent / "recipe.toml").is_file() else " --recipe NAME"
    lines += [
        "use         for fine-tuning: what the network computes has changed, which training with "
        "batch norm makes up for and frozen features do not",
        f"wrote       {found.out}",
        f"next:       edgessl finetune {shlex.quote(str(found.out))} --data DATA{recipe}",
    ]
    return "\n".join(lines)


def _some(keys: tuple[str, ...]) -> str:
    more = ", …" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _scope(anchor: Path | None, constant: float | None, scope: str | None) -> Scope:
    """Check what was asked for, and settle the scope."""
    mistakes = []
    if (anchor is None) == (constant is None):
        given = "neither" if anchor is None else "both"
        mistakes.append(f"--anchor and --constant: must be one of the two, got {given}")
    if constant is not None and not (math.isfinite(constant) and constant > 0):
        mistakes.append(f"--constant: must be a number above 0, got {constant:g}; the paper's: 0.1")
    scopes = get_args(Scope)
    if scope not in (None, *scopes):
        hint = nearest(str(scope), scopes)
        mistakes.append(f"--scope: must be {' or '.join(scopes)}, got '{scope}'{hint}")
    if mistakes:
        raise UserError("\n  ".join(mistakes))
    if scope is not None:
        return cast(Scope, scope)
    return "floats" if anchor is not None else "weights"


def _out(source: Path, anchor: Path | None, wanted: Path | None) -> Path:
    out = wanted or source.with_name(f"{source.stem}-rescaled{source.suffix}")
    if out.suffix != source.suffix:
        raise UserError(
            f"--out {out}: must end in '{source.suffix}' like {source.name}, because it is written "
            f"as a file of the same kind, got '{out.suffix}'"
        )
    for other in (source, anchor):
        if other is not None and out.resolve() == other.resolve():
            raise UserError(f"--out {out}: must be another file than {other}, got the same")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: must be in a folder that is there, found none; make it")
    return out


def _anchor(path: Path, start: Start) -> Mapping[str, Tensor]:
    """Read an anchor, and check that it is a network like the one to change."""
    anchor = below_prefix(start.weights, read_weights(path, "--anchor"))
    shared = [key for key in start.weights if key in anchor]
    if 2 * len(shared) < len(start.weights):
        raise UserError(
            f"--anchor {path}: must hold the tensors of {start.backbone}, but only {len(shared)} "
            f"of {len(start.weights)} are there{unlike(anchor, start.weights)}; pass weights of "
            "the same backbone"
        )
    wrong = [key for key in shared if anchor[key].shape != start.weights[key].shape]
    if wrong:
        key = wrong[0]
        raise UserError(
            f"--anchor {path}: must have tensors of the shapes of {start.backbone}, but "
            f"{len(wrong)} differ, such as {key}: {_shape(start.weights[key])} there, "
            f"{_shape(anchor[key])} here; pass weights of the same backbone"
        )
    _check_finite(path, {key: anchor[key] for key in shared})
    return anchor


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "a number"


def _check_finite(path: Path, weights: Mapping[str, Tensor]) -> None:
    if key := checkpoints.not_finite(weights):
        raise UserError(
            f"{path}: must hold finite weights, got others in {key}; "
            "pass a checkpoint of a run that did not diverge, or a smaller --constant"
        )


def _write(
    source: Path, out: Path, weights: Mapping[str, Tensor], told: Mapping[str, Any]
) -> None:
    """Write rescaled weights as a file of the source's kind, with all else that it holds."""
    if source.suffix == ".safetensors":
        _, metadata = safetensors_file.read(source)
        rescaled = {f"rescaled_{key}": str(value) for key, value in told.items()}
        safetensors_file.save(out, weights, {**metadata, **rescaled})
        return
    payload = checkpoints.load(source)
    prefix = _CLASSIFIER_PREFIX if payload["head"] == "logits" else _BACKBONE_PREFIX
    changed = {prefix + key: value for key, value in weights.items()}
    payload["weights"] = {**payload["weights"], **changed}
    payload.pop("calibration", None)  # the logits are others now
    payload["provenance"] = {**payload["provenance"], "rescaled": dict(told)}
    checkpoints.save(out, payload)
