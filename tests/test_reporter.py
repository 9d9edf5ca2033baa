"""A story speaks in sentences: as bars on a terminal, as plain lines in a file or a notebook."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from edgessl import reporter
from edgessl.reporter import Screen, Silent, speaking


def test_a_file_gets_each_sentence_once_as_it_is() -> None:
    shown = io.StringIO()
    with Screen(Console(file=shown, highlight=False, soft_wrap=True)) as screen:
        screen.say("runs[old]/pets: done.")
    assert shown.getvalue() == "runs[old]/pets: done.\n"


def test_a_notebook_gets_plain_lines_and_no_block_for_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = io.StringIO()
    with Screen(Console(file=shown, force_jupyter=True)) as screen:
        screen.say("photos: 20 train images.")
        screen.progress("packing", 1, 20)
    assert capsys.readouterr().out == "photos: 20 train images.\n"
    assert shown.getvalue() == ""


def test_progress_without_a_terminal_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown, now = io.StringIO(), [0.0]
    monkeypatch.setattr(reporter.time, "monotonic", lambda: now[0])
    screen = Screen(Console(file=shown, soft_wrap=True))
    for step in range(1, 101):
        now[0] += 1.0
        screen.progress("pretrain", step, 100, "loss 2.0")
    lines = shown.getvalue().splitlines()
    assert lines == [
        "pretrain 30/100 · loss 2.0 · 68 s left", "pretrain 60/100 · loss 2.0 · 39 s left",
        "pretrain 90/100 · loss 2.0 · 10 s left", "pretrain 100/100 · loss 2.0 · took 99 s",
    ]  # fmt: skip


def test_what_is_quick_is_not_worth_a_line() -> None:
    shown = io.StringIO()
    screen = Screen(Console(file=shown))
    for step in range(1, 4):
        screen.progress("packing", step, 3)
    assert shown.getvalue() == ""


def test_a_caller_s_reporter_is_used_and_not_ended(capsys: pytest.CaptureFixture[str]) -> None:
    given = Silent()
    with speaking(given) as tell:
        assert tell is given
    with speaking(None) as tell:
        tell.say("spoken")
    assert capsys.readouterr().out == "spoken\n"
