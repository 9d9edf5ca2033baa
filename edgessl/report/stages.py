"""Which lines of a log are of pretraining, in one stage or several."""

from __future__ import annotations

PRETRAIN = "pretrain"


def is_pretraining(stage: object) -> bool:
    """Say whether a stage is pretraining or one of its stages, ``pretrain-1`` and so on.

    Args:
        stage: Its name in the log.
    """
    return isinstance(stage, str) and (stage == PRETRAIN or stage.startswith(f"{PRETRAIN}-"))
