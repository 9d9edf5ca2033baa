"""A contest of loops: who takes part, in turns whose order rotates, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from contender import Contender
from work import Work

HERE = Path(__file__).resolve().parent
OURS, LIMIT = "edgessl", "edgessl, one batch"
PEER, MATCHED, TRAIN = "lightly", "lightly, matched", "lightly-train"
NAMES = {"edgessl": OURS, "limit": LIMIT, "lightly": PEER, "matched": MATCHED, "train": TRAIN}
"""Who can take part, by the word on the command line."""

_READY_S, _TURN_S = 600.0, 600.0
_SUFFIXES = (".jpg", ".jpeg", ".png")
Turn = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Setting:
    """Under what conditions the loops run.

    Attributes:
        folder: Images, in folders or not.
        work: What every loop does.
        work_name: Its key in ``WORKS``.
        peer_python: Interpreter of the environment that has the other libraries.
        device: ``cpu`` or ``cuda``.
        threads: Threads of every loop; None leaves it to the library.
        workers: Data-loader processes of the other libraries.
        memory_format: What "lightly, matched" is put on; where ours runs too, what that chose.
        precision: The same for numbers.
        overrides: ``--set`` of our runs.
    """

    folder: Path
    work: Work
    work_name: str
    peer_python: str
    device: str
    threads: int | None
    workers: int
    memory_format: str = "channels_last"
    precision: str = "fp32"
    overrides: tuple[str, ...] = ()


def command(name: str, setting: Setting, images: Path, scratch: Path) -> list[str]:
    """Return the program of a contender and its arguments."""
    common = ["--data", str(images), "--work", setting.work_name, "--device", setting.device]
    changes = [part for change in setting.overrides for part in ("--set", change)]
    method = ["--method", setting.work.method]
    ours = [sys.executable, str(HERE / "edgessl_contender.py"), *common, *method, *changes]
    peer = [setting.peer_python, str(HERE / "lightly_contender.py"), *common, *method]
    workers = ["--workers", str(setting.workers)]
    matched = ["--memory-format", setting.memory_format, "--precision", setting.precision]
    trained = [setting.peer_python, str(HERE / "lightly_train_contender.py"), *common, *workers]
    return {
        OURS: [*ours, "--out", str(scratch / "ours")],
        LIMIT: [*ours, "--out", str(scratch / "limit"), "--one-batch"],
        PEER: [*peer, *workers],
        MATCHED: [*peer, *workers, *matched],
        TRAIN: [*trained, "--out", str(scratch / "lightly-train")],
    }[name]


def environment(setting: Setting, scratch: Path) -> dict[str, str | None]:
    """Return what is changed in the environment of every contender."""
    threads = None if setting.threads is None else str(setting.threads)
    return {
        "EDGESSL_CACHE": str(scratch / "cache"),  # pack anew, as on a first run
        "LIGHTLY_TRAIN_EVENTS_DISABLED": "1",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }


@contextmanager
def same_images(folder: Path) -> Iterator[Path]:
    """Give a flat folder of links to every image, so that all contenders see the same ones."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    with TemporaryDirectory() as flat:
        for number, path in enumerate(found):
            link = Path(flat) / f"{number:06d}{path.suffix.lower()}"
            link.symlink_to(path.resolve())
        yield Path(flat)


def hold(
    names: Sequence[str], setting: Setting, *, rounds: int, warmup: int, steps: int
) -> Iterator[tuple[dict[str, list[Turn]], dict[str, Any]]]:
    """Let the loops take turns; tell after each round, so that nothing is lost if it is the last.

    Args:
        names: Values of ``NAMES``.
        setting: Under what conditions.
        rounds: Turns of each loop that count; one before them does not.
        warmup: Steps of a turn that are not counted: at least what workers hold ready.
        steps: Steps that are.

    Yields:
        The turns of each contender so far, and what each said of itself.
    """
    with ExitStack() as stack:
        images = stack.enter_context(same_images(setting.folder))
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        contenders, facts = [], {}
        for number, name in enumerate(names):
            contender = stack.enter_context(
                Contender(
                    name, command(name, setting, images, scratch), environment(setting, scratch),
                    scratch / f"{number}.log",
                )
            )  # fmt: skip
            facts[name] = contender.wait_until_ready(_READY_S)
            contenders.append(contender)
            if name == OURS:
                chosen = {key: facts[name][key] for key in ("memory_format", "precision")}
                setting = replace(setting, **chosen)
        turns: dict[str, list[Turn]] = {name: [] for name in names}
        for contender in contenders:
            contender.take_turn(warmup, 1, _TURN_S)
        for number in range(rounds):
            first = number % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                turns[contender.name].append(contender.take_turn(warmup, steps, _TURN_S))
                print(f"round {number + 1}: {contender.name}", file=sys.stderr, flush=True)
            yield turns, facts


def rates(turns: Sequence[Turn], batch: int, seconds: str = "wall_s") -> list[float]:
    """Return the images/s of each turn.

    Args:
        turns: Of one contender.
        batch: Images in a step.
        seconds: ``wall_s``, or ``cpu_s`` for images per second of CPU time.
    """
    return [turn["steps"] * batch / turn[seconds] for turn in turns]


def spread(values: Sequence[float], digits: int) -> dict[str, float]:
    """Return median and range."""
    return {
        "median": round(median(values), digits),
        "low": round(min(values), digits),
        "high": round(max(values), digits),
    }


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Return how many times as fast ours is, round by round: median and range."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)], 3)


def summary(turns: Mapping[str, Sequence[Turn]], batch: int) -> dict[str, Any]:
    """Return rates and ratios as plain values.

    Args:
        turns: Of each contender.
        batch: Images in a step.
    """
    wall = {name: rates(taken, batch) for name, taken in turns.items()}
    cpu = {name: rates(taken, batch, "cpu_s") for name, taken in turns.items()}
    others = [name for name in turns if name != OURS]
    result: dict[str, Any] = {
        "images_per_s": {name: spread(values, 1) for name, values in wall.items()},
        "images_per_cpu_s": {name: spread(values, 1) for name, values in cpu.items()},
        "peak_mb": {name: round(max(t["peak_mb"] for t in taken)) for name, taken in turns.items()},
        "others_share": round(max(t["others_share"] for taken in turns.values() for t in taken), 2),
        "turns": {name: list(taken) for name, taken in turns.items()},
    }
    if OURS in turns:
        result["ratio"] = {name: ratios(wall[OURS], wall[name]) for name in others}
        result["ratio_of_cpu_time"] = {name: ratios(cpu[OURS], cpu[name]) for name in others}
    return result
