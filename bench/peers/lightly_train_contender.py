"""lightly-train's DINO as a contender; see ``turns.py``.

``lightly_train.pretrain`` is what its command ``lightly-train pretrain`` calls, with the same
arguments. Its trainer is Lightning's: one more callback, which waits at the end of every batch,
keeps it to its turns. Its checkpoint at the end of each epoch is switched off, since a turn can
hold that end or not. Runs in the library's environment, without edgessl.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("LIGHTLY_TRAIN_EVENTS_DISABLED", "1")  # else it reports each run to its maker

import lightly_train
import torch
from pytorch_lightning import Callback, Trainer
from turns import Turns
from work import (
    BOTTLENECK,
    EPOCHS,
    GLOBAL_SCALE,
    HIDDEN,
    LOCAL_SCALE,
    LOCAL_VIEWS,
    LR,
    MOMENTUM,
    PROTOTYPES,
    WEIGHT_DECAY,
    WORKS,
    Work,
)


class Turn(Callback):
    """Waits for the conductor after each optimiser step.

    Args:
        turns: Where to wait.
        facts: What the conductor should know.
    """

    def __init__(self, turns: Turns, facts: dict[str, Any]) -> None:
        self._turns, self._facts = turns, facts

    def on_train_batch_end(self, *_: Any) -> None:
        """The optimiser has stepped: one batch is one step."""
        self._turns.after_step(lambda: self._facts)


def add_to_every_trainer(turn: Turn) -> None:
    """Add the callback where the library does not let a caller do it."""
    fit = Trainer.fit

    def fit_in_turns(trainer: Trainer, *args: Any, **settings: Any) -> None:
        trainer.callbacks.append(turn)  # type: ignore[attr-defined]
        fit(trainer, *args, **settings)

    Trainer.fit = fit_in_turns


def scale_range(scale: tuple[float, float]) -> dict[str, float]:
    """Return a range of crop areas in the library's words."""
    return {"min_scale": scale[0], "max_scale": scale[1]}


def pretrain(folder: Path, out: Path, work: Work, workers: int, device: str) -> None:
    """Train for ever.

    Args:
        folder: Images.
        out: Where the library writes its log.
        work: What to train.
        workers: Processes of the data loader.
        device: ``cpu`` or ``cuda``.
    """
    lightly_train.pretrain(
        out=str(out),
        data=str(folder),
        model=f"timm/{work.timm_name}",
        method="dino",
        method_args={
            "hidden_dim": HIDDEN, "bottleneck_dim": BOTTLENECK, "output_dim": PROTOTYPES,
            "batch_norm": True,
        },
        epochs=EPOCHS,
        batch_size=work.batch,
        num_workers=workers,
        accelerator="gpu" if device == "cuda" else device,
        devices=1,
        optim="sgd",
        optim_args={"lr": LR, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY},
        transform_args={
            "image_size": (work.global_px, work.global_px),
            "random_resize": scale_range(GLOBAL_SCALE),
            "local_view": {
                "num_views": LOCAL_VIEWS, "view_size": (work.local_px, work.local_px),
                "random_resize": scale_range(LOCAL_SCALE),
            },
        },
        callbacks={"model_checkpoint": None},
        trainer_args={"enable_checkpointing": False},
    )  # fmt: skip


def main() -> None:
    """Take part in the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    turns = Turns(torch.cuda.synchronize) if given.device == "cuda" else Turns()
    facts = {"workers": given.workers, "threads": torch.get_num_threads()}
    add_to_every_trainer(Turn(turns, facts))
    pretrain(given.data, given.out, WORKS[given.work], given.workers, given.device)


if __name__ == "__main__":
    main()
