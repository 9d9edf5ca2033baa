"""Pretraining watched, and its network kept every so many epochs."""

from __future__ import annotations

from collections.abc import Callable

from edgessl.schedules import Clock
from edgessl.train.stage.train_stage import Watch


def with_snapshots(
    watch: Watch, keep: Callable[[int], None], every: int | None, epochs_before: int
) -> Watch:
    """Return a monitor that also keeps the network after some epochs.

    Args:
        watch: The monitor.
        keep: Writes the network as it is after an epoch.
        every: Epochs from one to the next, over all stages; None to keep none.
        epochs_before: Of the stages before this one.
    """
    if every is None:
        return watch

    def keep_and_watch(clock: Clock) -> dict[str, float] | None:
        epoch = epochs_before + clock.epoch
        if epoch % every == 0:
            keep(epoch)
        return watch(clock)

    return keep_and_watch


def snapshots(epochs: int, every: int | None) -> int:
    """Count the snapshots of a run.

    Args:
        epochs: Of pretraining.
        every: Epochs from one to the next; None for none.
    """
    return 0 if every is None else epochs // every
