"""Mutated files, one after the other, each held to the rule; every fault is told once.

A minute of it is part of every test run. An hour, with mutations that nobody has tried::

    EDGESSL_FUZZ_SEED=$RANDOM pytest -n0 -m slow tests/fuzz

``EDGESSL_FUZZ_SEED`` chooses the mutations (0 where it is not set), ``EDGESSL_FUZZ_TIMES=0.1``
makes a tenth of them, and ``EDGESSL_FUZZ_ONLY=NAME/NUMBER`` repeats one, as a failure names it.
A crash of the interpreter leaves the name of its input in the file ``EDGESSL_FUZZ_TRACE`` names.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from mutations import Mutation
from rule import Outcome, Run, broken, left_behind, listing

SEED = os.environ.get("EDGESSL_FUZZ_SEED", "0")
TIMES = float(os.environ.get("EDGESSL_FUZZ_TIMES", "1"))
_ONLY = os.environ.get("EDGESSL_FUZZ_ONLY", "")
_TRACE = os.environ.get("EDGESSL_FUZZ_TRACE", "")
_SUFFIXES = (".png", ".jpg", ".pt", ".onnx", ".toml", ".json", ".csv", ".txt", "", ".PT", ".npz",
             ".safetensors", ".ort", ".pt2", ".torchscript", ".tiff")  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One thing that edgessl does with files of some formats.

    Attributes:
        name: Of the format and the deed.
        folder: Sound files, which are copied; some get damaged.
        damaged: What may happen to which of them: mutations by path in the folder.
        run: What is done with them.
        count: Mutated inputs of one round.
        same: Whether a mutated file that is accepted must give the answer of the sound one.
        codes: Exit codes allowed beside 0 and 2.
        writes: Paths in the folder, or beginnings of them, that the deed may write.
        renamed: Whether the damaged file may come under another suffix; the run is then told.
    """

    name: str
    folder: Path
    damaged: Mapping[str, tuple[Mutation, ...]]
    run: Run
    count: int
    same: bool = False
    codes: tuple[int, ...] = ()
    writes: tuple[str, ...] = ()
    renamed: Callable[[str], Run] | None = None


def check(target: Target, workplace: Path, rounds: int) -> None:
    """Hold rounds of mutated files to the rule.

    Args:
        target: What is done with which files.
        workplace: A folder; nothing but what ``target.writes`` names may change in it.
        rounds: How many times ``target.count`` files.

    Raises:
        pytest.fail.Exception: The rule was broken; every way is told once, with what repeats it.
    """
    faults: dict[str, str] = {}
    counts: Counter[str] = Counter()
    place = _Place(target, workplace)
    right = target.run(place.case)
    assert right.code == 0, right
    place.put_back()
    for number in _numbers(target, rounds):
        told, where = _try(target, place, right, number)
        if told:
            kind = _kind(told)
            counts[kind] += 1
            faults.setdefault(kind, f"{where}: {told}")
    if faults:
        listed = "\n\n".join(f"[{counts[kind]} times] {told}" for kind, told in faults.items())
        pytest.fail(
            f"{len(faults)} kinds of fault; repeat one with EDGESSL_FUZZ_SEED={SEED} "
            f"EDGESSL_FUZZ_ONLY={target.name}/NUMBER\n\n{listed}", pytrace=False,
        )  # fmt: skip


def _numbers(target: Target, rounds: int) -> range:
    name, _, number = _ONLY.rpartition("/")
    if not _ONLY:
        return range(max(1, round(target.count * rounds * TIMES)))
    if name != target.name:
        pytest.skip(f"EDGESSL_FUZZ_ONLY is {_ONLY}")
    return range(int(number), int(number) + 1)


def _try(target: Target, place: _Place, right: Outcome, number: int) -> tuple[str, str]:
    """Mutate, run, judge; return the fault (empty if there is none) and how to make it again."""
    random = Random(f"{SEED}/{target.name}/{number}")
    name = random.choice([*target.damaged])
    content, done = (target.folder / name).read_bytes(), []
    for _ in range(random.choice((1, 1, 1, 1, 2))):
        mutation = random.choice(target.damaged[name])
        done.append(mutation.__name__)
        try:
            content = mutation(content, random)
        except Exception:  # of what is damaged already; on sound files none fails (test_mutations)
            done.append("which failed")
    run, path = target.run, place.case / name
    if target.renamed is not None and random.random() < 0.05:
        path.unlink()
        path = path.with_suffix(random.choice(_SUFFIXES))
        done.append(f"called {path.name}")
        run = target.renamed(path.name)
    where = f"{target.name}/{number} ({name}: {', '.join(done)})"
    if _TRACE:  # a crash takes everything with it
        Path(_TRACE).write_text(where)
    path.write_bytes(content)
    before = listing(place.root)
    outcome = run(place.case)
    told = broken(outcome, right=right.answer if target.same else None, codes=target.codes)
    writes = tuple(f"case/{name}" for name in target.writes)
    told = told or left_behind(before, listing(place.root), writes)
    place.put_back()
    return told, where


class _Place:
    """A working folder: the files as they should be, and beside them what must stay untouched."""

    def __init__(self, target: Target, root: Path) -> None:
        self.root, self.case = root, root / "case"
        self._source = target.folder
        (root / "outside").write_bytes(b"thesis")
        self._begin()
        self._listing = listing(self.case)

    def put_back(self) -> None:
        """Undo what was damaged and written."""
        now = listing(self.case)
        for name in now.keys() - self._listing.keys():
            path = self.case / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(
                missing_ok=True
            )
        for name, known in self._listing.items():
            if now.get(name) != known and (self._source / name).is_file():
                (self.case / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._source / name, self.case / name)

    def _begin(self) -> None:
        shutil.copytree(self._source, self.case, symlinks=True)


def _kind(told: str) -> str:
    """Return what two occurrences of one fault have in common."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if lines[0] != "traceback":
        return lines[0].split(":")[0]
    places = [line for line in lines if line.startswith("File ") and "/edgessl/" in line]
    return f"{(places or lines)[-1]} {lines[-1].split(':')[0]}"
