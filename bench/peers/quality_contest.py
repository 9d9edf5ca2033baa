"""Contenders of ``quality.py``, trained one after the other for the same time, and scored alike."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from quality_job import ANSWER, MANY_EPOCHS, WEIGHTS, Job, arguments
from quality_score import Judge, Scores, network_of

HERE = Path(__file__).resolve().parent
OURS, TRAIN, PEER, START = "edgessl", "lightly-train", "lightly", "random start"
_PROGRAMS = {OURS: "quality_ours.py", TRAIN: "quality_lightly_train.py", PEER: "quality_lightly.py"}
_WORDS = {OURS: "ours", TRAIN: "train", PEER: "lightly"}
LENIENCY = 1.1  # of the time: schedules are made for it by a rate that was measured before
_AROUND = 1.12  # of the time in training steps: what our run does besides, and slower steps


@dataclass(frozen=True, slots=True)
class Entrant:
    """One who takes part.

    Attributes:
        library: ``OURS``, ``TRAIN``, ``PEER``, or ``START`` for untrained weights.
        method: ``dino`` or ``simclr``; with ``START`` ``keep`` or ``remove``, its last stage.
        tuned: Whether its settings are made to fit.
    """

    library: str
    method: str
    tuned: bool = False

    @property
    def name(self) -> str:
        """For people."""
        if self.library == START:
            return START if self.method == "keep" else f"{START}, without last stage"
        words = {"dino": "DINO", "simclr": "SimCLR"}[self.method]
        return f"{self.library} {words}{', tuned' if self.tuned else ''}"


def _entrants() -> dict[str, Entrant]:
    found = {"start": Entrant(START, "keep"), "start-removed": Entrant(START, "remove")}
    for library, word in _WORDS.items():
        for method in ("dino", "simclr"):
            found[f"{word}-{method}"] = Entrant(library, method)
            if library != OURS:
                found[f"{word}-{method}-tuned"] = Entrant(library, method, tuned=True)
    return found


ENTRANTS = _entrants()
"""Who can take part, by the word on the command line."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is the same for all.

    Attributes:
        backbone: Name of the network in edgessl.
        timm_name: Name of it in timm.
        size_px: Side of the global views, and of the images that are scored.
        seconds: Of training.
        clock: ``wall`` or ``cpu``.
        threads: Of each process.
        workers: Data-loader processes of the other libraries.
        device: ``cpu`` or ``cuda``.
        seed: Decides what is random.
        peer_python: Interpreter of the environment that has the other libraries.
    """

    backbone: str
    timm_name: str
    size_px: int
    seconds: float
    clock: str
    threads: int
    workers: int
    device: str
    seed: int
    peer_python: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one.

    Attributes:
        entrant: Who.
        facts: What it did, as plain values; ``failed`` says why it has no scores.
        scores: What it reached; empty if it failed.
    """

    entrant: Entrant
    facts: dict[str, Any]
    scores: Scores


class Failed(Exception):
    """A contender ended without an answer."""


def hold(
    entrants: list[Entrant], terms: Terms, images: Path, judge: Judge, scratch: Path
) -> Iterator[Outcome]:
    """Train one after the other and score each; one that fails does not stop the others.

    Args:
        entrants: Who takes part.
        terms: What is the same for all.
        images: Flat folder of what is pretrained on.
        judge: Scores their networks.
        scratch: Empty folder.
    """
    for number, entrant in enumerate(entrants):
        folder, facts = scratch / str(number), {"load_before": os.getloadavg()[0]}
        weights, last_stage = None, entrant.method
        try:
            if entrant.library != START:
                facts |= trained(entrant, terms, images, folder)
                weights, last_stage = folder / WEIGHTS, facts.get("last_stage", "keep")
            network = network_of(terms.backbone, last_stage, terms.size_px, weights)
            yield Outcome(entrant, facts, judge.score(network))
        except Failed as failed:
            yield Outcome(entrant, {**facts, "failed": str(failed)}, {})
        shutil.rmtree(folder, ignore_errors=True)


def trained(entrant: Entrant, terms: Terms, images: Path, folder: Path) -> dict[str, Any]:
    """Look at the rate of a contender, and train it for as long as fits.

    Args:
        entrant: Who.
        terms: What is the same for all.
        images: Flat folder of what is pretrained on.
        folder: New folder for what it writes: its weights are ``WEIGHTS`` there.

    Returns:
        Its answer.

    Raises:
        Failed: It ended without one.
    """
    count = sum(1 for _ in images.iterdir())
    name = terms.backbone if entrant.library == OURS else terms.timm_name
    job = Job(
        images, folder / "look", name, entrant.method, terms.size_px, entrant.tuned, MANY_EPOCHS,
        None, None, terms.clock, terms.workers, terms.device, terms.seed,
    )  # fmt: skip
    look = answer(entrant, terms, job)
    job = replace(job, out=folder, seconds=terms.seconds * LENIENCY)
    if entrant.library == OURS:
        job = replace(job, epochs=epochs_within(terms.seconds, look, count))
    else:
        epochs, steps = steps_within(terms.seconds, look, count)
        job = replace(job, epochs=epochs, steps=steps)
    found = answer(entrant, terms, job)
    return {**found, "looked_at_step_s": look["step_s"]}


def epochs_within(seconds: float, look: dict[str, Any], images: int) -> int:
    """Return the whole epochs that fit into a time; at least one, which may then be cut off.

    Args:
        seconds: The time.
        look: The answer to a look at the rate.
        images: In an epoch.
    """
    return max(1, int(_steps(seconds / _AROUND, look) / _an_epoch(look, images)))


def steps_within(seconds: float, look: dict[str, Any], images: int) -> tuple[int, int]:
    """Return the epochs, and the steps in them, that fit into a time; at least one step.

    Args:
        seconds: The time.
        look: The answer to a look at the rate.
        images: In an epoch.
    """
    steps = max(1, int(_steps(seconds, look)))
    return ceil(steps / _an_epoch(look, images)), steps


def _an_epoch(look: dict[str, Any], images: int) -> int:
    return max(1, images // int(look["batch"]))


def _steps(seconds: float, look: dict[str, Any]) -> float:
    setup_s = look["setup_s"] - look["step_s"]  # what was looked at has a step in it
    return float((seconds - setup_s) / look["step_s"])


def answer(entrant: Entrant, terms: Terms, job: Job) -> dict[str, Any]:
    """Call a contender, as a process group of its own, and return its answer."""
    python = sys.executable if entrant.library == OURS else terms.peer_python
    job.out.mkdir(parents=True, exist_ok=True)
    log = job.out / "log.txt"
    threads = str(terms.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
        "EDGESSL_CACHE": str(job.out / "cache"),  # pack anew, as on a first run
        "LIGHTLY_TRAIN_EVENTS_DISABLED": "1",
        "LIGHTLY_TRAIN_CACHE_DIR": str(job.out / "cache"),
    }  # fmt: skip
    command = [python, str(HERE / _PROGRAMS[entrant.library]), *arguments(job)]
    with log.open("wb") as words:
        process = subprocess.Popen(
            command, stdout=words, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # workers that are left
    if process.returncode or not (job.out / ANSWER).is_file():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise Failed(f"it ended with code {process.returncode}; its last words:\n{tail}")
    found: dict[str, Any] = json.loads((job.out / ANSWER).read_text(encoding="utf-8"))
    return found
