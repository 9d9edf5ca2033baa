"""The story of ``edgessl recipe --transfer``: pretrain on some images, the rest on others."""

from __future__ import annotations

from dataclasses import replace

from edgessl.data.load import load_dataset, refuse_unknown
from edgessl.distributed import world_of_environment
from edgessl.errors import UserError
from edgessl.pipeline.asked import Asked
from edgessl.pipeline.finetune.asked import Asked as AskedOfFinetuning
from edgessl.pipeline.finetune.finetune import finetune
from edgessl.pipeline.recipe import run
from edgessl.pipeline.results import Run
from edgessl.pipeline.study.sets import short_name
from edgessl.reporter import Reporter

_ALONE = "evaluate.protocols=[]"


def run_and_transfer(asked: Asked, transfer: str, reporter: Reporter | None = None) -> Run:
    """Pretrain on the images of one set, whose labels do not count, and fine-tune on another.

    Args:
        asked: By the user. Its share of labels is of the other set's, and its baselines are
            ``("random",)`` or ``("none",)``; None for a random start. The folder of the
            fine-tuning lies beside that of the pretraining: its name and ``-to-`` and that of the
            other set.
        transfer: Labelled images to fine-tune and to be scored on.
        reporter: Is told what goes on; None prints it.

    Returns:
        The finished fine-tuning.

    Raises:
        UserError: Something asked for cannot be used.
    """
    wanted = ("random",) if asked.baselines is None else asked.baselines
    if not {*wanted} <= {"random", "none"}:
        raise UserError(
            f"--baselines: must be random or none with --transfer, got {','.join(wanted)}; leave "
            "it out"
        )
    if world_of_environment().first:
        _refuse_unfit(transfer)
    alone = replace(
        asked, label_percent=None, labels_per_class=None, baselines=("none",),
        overrides=(*asked.overrides, _ALONE),
    )  # fmt: skip
    pretrained = run(alone, reporter)
    where = pretrained.path.with_name(f"{pretrained.path.name}-to-{short_name(transfer)}")
    tuning = AskedOfFinetuning(
        str(pretrained.pretrained), transfer, out=where, label_percent=asked.label_percent,
        labels_per_class=asked.labels_per_class, seed=asked.seed, device=asked.device,
        baselines=wanted, fresh=asked.fresh, compiled=asked.compiled, command=asked.command,
    )  # fmt: skip
    return finetune(tuning, reporter)


def _refuse_unfit(transfer: str) -> None:
    """Refuse a set that cannot be fine-tuned on before hours go into pretraining."""
    refuse_unknown(transfer, "--transfer")
    if not load_dataset(transfer).classes:
        raise UserError(
            f"--transfer {transfer}: must have labels to fine-tune on, found none; give one folder "
            "per class, or a manifest with labels"
        )
