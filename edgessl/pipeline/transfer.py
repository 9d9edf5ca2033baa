"""The story of ``edgessl recipe --transfer``: pretrain on some images, the rest on others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.data.load import load_dataset, refuse_unknown
from edgessl.distributed import world_of_environment
from edgessl.errors import UserError
from edgessl.pipeline.finetune.finetune import finetune
from edgessl.pipeline.recipe import run
from edgessl.pipeline.results import Run
from edgessl.pipeline.study.sets import short_name
from edgessl.reporter import Reporter

_ALONE = "evaluate.protocols=[]"


def run_and_transfer(
    recipe: str,
    *,
    data: str,
    transfer: str,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    seed: int = 0,
    size: int | None = None,
    device: str = "auto",
    init: str = "none",
    baselines: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    compiled: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Pretrain on the images of one set, whose labels do not count, and fine-tune on another.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: Images to pretrain on.
        transfer: Labelled images to fine-tune and to be scored on.
        label_percent: Share of their labels, in percent; None for all.
        labels_per_class: Or how many of each class.
        out: Run folder of the pretraining; None for ``runs/DATA-RECIPE``. The other one lies
            beside it: its name and ``-to-`` and that of the other set.
        epochs: Pretraining epochs in place of the recipe's.
        seed: Decides everything random.
        size: Side of images in px; None for the recipe's.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        init: Weights to start from, or ``none``.
        baselines: ``("random",)`` or ``("none",)``; None for a random start.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start both over.
        compiled: Put backbones through ``torch.compile``.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the reports.

    Returns:
        The finished fine-tuning.

    Raises:
        UserError: Something asked for cannot be used.
    """
    wanted = ("random",) if baselines is None else tuple(baselines)
    if not {*wanted} <= {"random", "none"}:
        raise UserError(
            f"--baselines: must be random or none with --transfer, got {','.join(wanted)}; leave "
            "it out"
        )
    if world_of_environment().first:
        _refuse_unfit(transfer)
    pretrained = run(
        recipe, data=data, out=out, epochs=epochs, seed=seed, size=size, device=device, init=init,
        baselines=("none",), overrides=(*overrides, _ALONE), fresh=fresh, compiled=compiled,
        reporter=reporter, command=command,
    )  # fmt: skip
    where = pretrained.path.with_name(f"{pretrained.path.name}-to-{short_name(transfer)}")
    return finetune(
        pretrained, data=transfer, out=where, label_percent=label_percent,
        labels_per_class=labels_per_class, seed=seed, device=device, baselines=wanted, fresh=fresh,
        compiled=compiled, reporter=reporter, command=command,
    )  # fmt: skip


def _refuse_unfit(transfer: str) -> None:
    """Refuse a set that cannot be fine-tuned on before hours go into pretraining."""
    refuse_unknown(transfer, "--transfer")
    if not load_dataset(transfer).classes:
        raise UserError(
            f"--transfer {transfer}: must have labels to fine-tune on, found none; give one folder "
            "per class, or a manifest with labels"
        )
