"""The benchmarks drive edgessl's own loop: they hear of its steps, and of what it computes in."""

from __future__ import annotations

from pathlib import Path

import pytest

PEERS = Path(__file__).parents[2] / "bench" / "peers"
FIXED = ("engine.precision=fp32", "engine.memory_format=channels_last")


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PEERS))
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))


def test_the_loop_is_left_after_two_steps_on_one_batch(tmp_path: Path) -> None:
    from loops import Enough, Listener, train
    from work import Work

    steps: list[int] = []

    def after_step() -> None:
        steps.append(len(steps))
        if len(steps) == 2:
            raise Enough

    listener = Listener(after_step)
    tiny = Work("mobilenetv3s", "mobilenetv3_small_100", 32, 32, 4)
    with pytest.raises(Enough):
        train("demo", tmp_path / "out", tiny, listener, overrides=FIXED, one_batch=True)
    assert listener.engine["precision"] == "fp32"


def test_the_contest_of_quality_keeps_what_it_trained(tmp_path: Path) -> None:
    import quality_ours
    from loops import Enough, Listener
    from quality_job import Job

    def after_step() -> None:
        raise Enough

    job = Job(
        data="demo", out=tmp_path / "out", backbone="mobilenetv3s", method="dino", size_px=32,
        tuned=False, epochs=1, steps=None, seconds=None, clock="wall", workers=0, device="cpu",
        seed=0,
    )  # fmt: skip
    kept = quality_ours.Kept()
    assert quality_ours.train(job, kept, Listener(after_step))
    assert kept.precision in ("fp32", "bf16")
