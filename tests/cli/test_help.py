"""``--help`` lists every verb, the everyday ones first, and ends with commands that are true."""

from __future__ import annotations

import shlex

import pytest
import typer
from typer.testing import CliRunner

from edgessl import catalog
from edgessl.cli import app
from edgessl.cli.help import EVERYDAY
from edgessl.recipe import load_recipe

PROGRAM = typer.main.get_command(app)
VERBS = [str(command.name) for command in app.registered_commands]


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def shown(*arguments: str) -> list[tuple[str, str]]:
    """Return the examples at the end of a help: what each is for, and the command."""
    lines = [line.strip() for line in printed(*arguments).partition("Examples:\n")[2].splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_every_verb_is_listed_on_one_line_and_the_everyday_ones_first() -> None:
    first, _, others = printed().partition("Every day:\n")[2].partition("\n\nBesides:\n")
    others, _, _ = others.partition("\n\n")
    assert [line.split()[0] for line in first.splitlines()] == list(EVERYDAY)
    assert sorted(line.split()[0] for line in (first + "\n" + others).splitlines()) == sorted(VERBS)
    assert "..." not in first + others  # no sentence is cut short


def test_the_program_shows_the_everyday_verbs_in_order() -> None:
    assert [shlex.split(command)[1] for _, command in shown()] == list(EVERYDAY)


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_every_example_is_a_command_that_its_verb_takes(verb: str | None) -> None:
    pairs = shown(*filter(None, [verb]))
    assert 2 <= len(pairs) <= 3
    for purpose, command in pairs:
        assert purpose.startswith("# ")
        program, named, *words = shlex.split(command.partition(" > ")[0])
        assert (program, named) == ("edgessl", verb or named)
        subject = PROGRAM.commands[named].make_context(named, words)  # type: ignore[attr-defined]
        if named in ("recipe", "show"):
            assert load_recipe(subject.params["name"]).name
        if subject.params.get("target"):
            assert catalog.find("targets", subject.params["target"])
