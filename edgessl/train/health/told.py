"""What whoever watches a stage has found, told: in the log, to the user, and by ending the run."""

from __future__ import annotations

from edgessl.errors import GateFailed
from edgessl.schedules import Clock
from edgessl.train.health.doctor import Diagnosis, Doctor
from edgessl.train.health.pseudo_labels import Finding, PseudoLabelDoctor
from edgessl.train.place.context import Workplace

Watcher = Doctor | PseudoLabelDoctor


def tell(
    context: Workplace, stage: str, clock: Clock, epochs_before: int, found: Diagnosis | Finding
) -> None:
    """Log a diagnosis; say it if the word is new, and no mere confirmation that all is well.

    Args:
        context: The run.
        stage: Name of the stage.
        clock: After the last step of the window.
        epochs_before: Of the stages before this one; the log counts them in.
        found: What the doctor says.
    """
    context.run.log({
        "stage": stage, "step": clock.step,
        "epoch": round(epochs_before + clock.step / clock.steps_per_epoch, 4), **found.entry(),
    })  # fmt: skip
    if not found.changed or (found.word == "healthy" and found.before == "warming up"):
        return
    sentence = "the outputs differ between images again" if not found.advice else found.advice
    context.reporter.say(f"Health at step {clock.step}: {found.word}: {sentence}.")


def refuse_collapsed(stage: str, doctor: Watcher | None, step: int) -> None:
    """End a run whose outputs have collapsed, if it was asked for.

    Args:
        stage: Name of the stage.
        doctor: Watches it.
        step: Steps done and saved.

    Raises:
        GateFailed: They have; the message says how to go on.
    """
    if doctor is not None and doctor.ends_run and doctor.ill:
        raise GateFailed(
            f"{stage}: outputs must differ between images, got '{doctor.word}' at step {step}: "
            f"{doctor.advice()}, each with --set and --fresh (or another --out). "
            "The same command without --stop-on-collapse goes on from here"
        )
