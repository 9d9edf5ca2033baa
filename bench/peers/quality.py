"""How good features are after the same minutes: ``quality.py --data SET --minutes 5``.

Every contender pretrains the same network from random weights on the same images, one after the
other, in a process of its own with the same threads. A few steps tell its rate; its schedule is
made for the steps that fit into the minutes by that rate (ours for the whole epochs). All networks
are scored by edgessl's kNN and linear probe on the set's test images, under one evaluation
transform. A Markdown table is printed, and JSON is written after each contender. ``--clock cpu``
counts CPU time of the whole process group, which does not depend on who else computes on the
machine. Linux only.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from budget import CLOCKS
from compare import RESULTS, our_versions, peer_python, versions_of, write
from quality_contest import ENTRANTS, OURS, START, TRAIN, Entrant, Outcome, Terms, hold
from quality_score import Judge

from edgessl.bench.measure.device import describe_device
from edgessl.data.load import load_dataset
from edgessl.data.preprocess import Preprocess
from edgessl.recipe.backbones import BACKBONES

DEFAULT = "start,ours-dino,ours-simclr,train-dino,train-simclr,train-dino-tuned,train-simclr-tuned"
PROTOCOLS = {"knn": "kNN", "linear": "linear probe"}
_RESIZE = 73 / 64  # of the side that is cropped: as in our factory recipes


@contextmanager
def links_to(paths: Sequence[Path]) -> Iterator[Path]:
    """Give a flat folder of links to images, so that all contenders see the same ones."""
    with TemporaryDirectory() as flat:
        for number, path in enumerate(paths):
            (Path(flat) / f"{number:06d}{path.suffix.lower()}").symlink_to(path.resolve())
        yield Path(flat)


def measure(entrants: list[Entrant], terms: Terms, data: str) -> Iterator[dict[str, Any]]:
    """Train and score, and describe what was done on what.

    Args:
        entrants: Who takes part.
        terms: What is the same for all.
        data: Labelled images, split into train and test.

    Yields:
        After each contender, everything so far, as plain values.
    """
    machine = describe_device()  # before, so that its load is that of others
    dataset = load_dataset(data, seed=terms.seed)
    preprocess = Preprocess(round(terms.size_px * _RESIZE), terms.size_px)
    judge = Judge.of(dataset, preprocess, terms.device)
    about = {
        "what": "features after the same time of self-supervised pretraining from random weights",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "data": dataset.name,
        "images": {
            "pretraining": len(dataset.pretraining), "train": len(dataset.train),
            "val": len(dataset.val), "test": len(dataset.test),
        },
        "backbone": terms.backbone, "size_px": terms.size_px, "minutes": terms.seconds / 60,
        "clock": terms.clock, "seed": terms.seed, "device": terms.device,
        "threads": terms.threads, "workers": terms.workers,
        "preprocess": preprocess.to_dict(), "machine": machine,
        "versions": our_versions(), "peer_versions": versions_of(terms.peer_python),
    }  # fmt: skip
    outcomes: list[Outcome] = []
    with links_to(dataset.pretraining.paths) as images, TemporaryDirectory() as scratch:
        for outcome in hold(entrants, terms, images, judge, Path(scratch)):
            outcomes.append(outcome)
            yield {**about, **found_of(outcomes, judge)}


def found_of(outcomes: Sequence[Outcome], judge: Judge) -> dict[str, Any]:
    """Return what was found, as plain values: each contender's, and our best over theirs."""
    contenders = {}
    for outcome in outcomes:
        scores = {name: scored.score.to_dict() for name, scored in outcome.scores.items()}
        contenders[outcome.entrant.name] = {**outcome.facts, **scores}
    lead: dict[str, Any] = {}
    for protocol in PROTOCOLS:
        ours = _best(outcomes, OURS, protocol)
        theirs = _best(outcomes, TRAIN, protocol)
        if ours and theirs:
            lead[protocol] = {
                "ours": ours.entrant.name, "theirs": theirs.entrant.name,
                **judge.difference(ours.scores[protocol], theirs.scores[protocol]),
            }  # fmt: skip
    return {"contenders": contenders, "lead_over_lightly_train": lead}


def _best(outcomes: Sequence[Outcome], library: str, protocol: str) -> Outcome | None:
    scored = [one for one in outcomes if one.entrant.library == library and one.scores]
    return max(scored, key=lambda one: one.scores[protocol].score.value, default=None)


def table(result: dict[str, Any]) -> str:
    """Return a Markdown table of a row for each contender, and our lead in a sentence."""
    lines = [
        ["contender", *PROTOCOLS.values(), "images seen", "epochs", "batch", "CPU s", "wall s"]
    ]
    lines.append(["---"] * len(lines[0]))
    for name, found in result["contenders"].items():
        scores = [_score(found.get(protocol)) for protocol in PROTOCOLS]
        seen = [str(found.get(key, "")) for key in ("images", "epochs", "batch")]
        seconds = [f"{found[key]:.0f}" if key in found else "" for key in ("cpu_s", "wall_s")]
        cut = " (cut off)" if found.get("cut") else ""
        failed = " (failed)" if "failed" in found else ""
        lines.append([name + cut + failed, *scores, *seen, *seconds])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    for protocol, lead in result["lead_over_lightly_train"].items():
        text += (
            f"\n{PROTOCOLS[protocol]}: {lead['ours']} less {lead['theirs']}: "
            f"{lead['points']:+.1f} [{lead['low']:+.1f}, {lead['high']:+.1f}]"
        )
    return text


def _score(score: dict[str, float] | None) -> str:
    if score is None:
        return ""
    return f"{score['value']:.1f} [{score['low']:.1f}, {score['high']:.1f}]"


def main() -> None:
    """Measure, print a Markdown table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="labelled images with train and test")
    parser.add_argument("--backbone", default="resnet18", help="a name with factory recipes")
    parser.add_argument("--size", type=int, default=64, help="side of the images, in pixels")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, for each")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what a minute is")
    parser.add_argument(
        "--contenders", default=DEFAULT, help=f"of {', '.join(ENTRANTS)}; commas between"
    )
    parser.add_argument("--peer-python", help="interpreter with lightly-train; see setup.sh")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--workers", type=int, default=0, help="of the peers' data loaders")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    given = parser.parse_args()
    words = [word.strip() for word in given.contenders.split(",")]
    if unknown := [word for word in words if word not in ENTRANTS]:
        parser.error(f"--contenders: must be of {', '.join(ENTRANTS)}, got {', '.join(unknown)}")
    known = {name: facts.timm_name for name, facts in BACKBONES.items() if facts.timm_name}
    if given.backbone not in known:
        parser.error(f"--backbone: must be one of {', '.join(known)}, got {given.backbone}")
    if given.minutes <= 0:
        parser.error(f"--minutes: must be above 0, got {given.minutes:g}")
    entrants = [ENTRANTS[word] for word in words]
    python = peer_python(given.peer_python)
    if python is None and {entrant.library for entrant in entrants} - {OURS, START}:
        parser.error("--peer-python: must be given, because lightly is not here; see setup.sh")
    terms = Terms(
        given.backbone, known[given.backbone], given.size, 60 * given.minutes, given.clock,
        given.threads, given.workers, given.device, given.seed, python or sys.executable,
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that contenders end too
    given.out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {}
    try:
        for result in measure(entrants, terms, given.data):
            write(result, given.out / f"quality-{result['data']}.json")
            name, found = list(result["contenders"].items())[-1]
            print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
    finally:
        if result:  # of those who are done, if it was cut off
            print(table(result))


if __name__ == "__main__":
    main()
