"""edgessl as a contender; see ``turns.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from loops import Listener, train
from turns import Turns
from work import METHODS, WORKS


def main() -> None:
    """Take part in the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="new folder for the run")
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--method", choices=METHODS, default="dino")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one-batch", action="store_true", help="the limit without data")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--compile", action="store_true", dest="compiled")
    given = parser.parse_args()
    if given.device == "cuda":
        turns = Turns(torch.cuda.synchronize, lambda: torch.cuda.max_memory_reserved() / 1e6)
    else:
        turns = Turns()

    def facts() -> dict[str, object]:
        threads = torch.get_num_threads()
        return {**listener.engine, "threads": threads, "said": listener.sentences}

    listener = Listener(lambda: turns.after_step(facts))
    work = WORKS[given.work].with_method(given.method).with_batch(given.batch)
    train(
        given.data, given.out, work, listener, device=given.device,
        overrides=tuple(given.overrides), compiled=given.compiled, one_batch=given.one_batch,
    )  # fmt: skip


if __name__ == "__main__":
    main()
