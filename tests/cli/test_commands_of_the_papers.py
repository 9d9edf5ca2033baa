"""docs/papers.md has a command for every table and figure, and its commands are true.

They are read, not run: the verb takes the words, and the recipes, variants and studies exist.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer

from edgessl import catalog
from edgessl.cli import app
from edgessl.recipe import load_recipe
from edgessl.recipe.load_transfer import find_transfer, load_transfer
from edgessl.recipe.study import load_study

PAGE = Path(__file__).parents[2] / "docs" / "papers.md"
PROGRAM = typer.main.get_command(app)
PAPERS = ("airl", "cole", "s3l", "small", "sslight")
TABLES = {
    "SSLight": (*range(1, 12),), "S3L": (*range(2, 15),), "ssl-small": (*range(1, 11),),
    "AIRL": (1, 2, 3, 4), "Cole et al.": (1, 2, 3),
}  # fmt: skip
"""Tables of each paper with numbers of networks, or settings; S3L's Table 1 counts images."""

text = cache(PAGE.read_text)


def commands() -> list[str]:
    """Every command of the page, in a line of its own or in a sentence."""
    fenced = re.findall(r"```\n(.*?)```", text(), flags=re.DOTALL)
    lines = [line for block in fenced for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`(edgessl [^`]+)`", re.sub(r"```.*?```", "", text(), flags=re.DOTALL))
    found = [line.partition("#")[0].strip() for line in (*lines, *spans)]
    return [line for line in dict.fromkeys(found) if line and not _names_alone(line)]


def _names_alone(line: str) -> bool:
    """Tell whether a verb or its option is spoken of, as in ``edgessl eval --fuse``."""
    words = line.split()
    return len(words) == 2 or (len(words) == 3 and words[2].startswith("--"))


def test_the_page_has_commands() -> None:
    assert len(commands()) > 60


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one_that_its_verb_takes(command: str) -> None:
    program, verb, *words = shlex.split(command)
    assert program == "edgessl"
    params = PROGRAM.commands[verb].make_context(verb, words).params  # type: ignore[attr-defined]
    if verb == "study" and params["name"]:
        study = load_study(params["name"])
        named = {one.partition("=")[0] for one in params["weights"] or ()}
        assert named <= set(study.weights)
        assert study.weights_optional or named == set(study.weights)
    if verb in ("recipe", "show"):
        assert load_recipe(params["name"]).name == params["name"]
    if params.get("recipe"):
        exists(params["recipe"])


def exists(recipe: str) -> None:
    named = find_transfer(recipe)
    assert load_transfer(named) if named else load_recipe(recipe)


def test_words_that_are_a_variant_alone_exist() -> None:
    """``:transfer-linear`` after a command stands for the same with that variant."""
    for row in text().splitlines():
        bases = re.findall(r"--recipe ([\w-]+):", row)
        for variant in re.findall(r"`:([\w-]+)[ `]", row) if bases else ():
            exists(f"{bases[0]}:{variant}")


def test_every_study_stands_there() -> None:
    for name in catalog.entries("studies"):
        assert re.search(rf"`edgessl study {re.escape(name)}[` ]", text()), name


@pytest.mark.parametrize("paper", TABLES)
def test_every_table_of_a_paper_has_a_row(paper: str) -> None:
    section = text().partition(f"\n## {paper}\n")[2].partition("\n## ")[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    told = {
        int(number) for first in firsts for group in re.findall(r"Tables? ([\d, and]+)", first)
        for number in re.findall(r"\d+", group)
    }  # fmt: skip
    assert set(TABLES[paper]) <= told


def test_every_variant_of_every_recipe_is_named() -> None:
    ranges = re.findall(r"`([\w.-]+-)[\d.]+` … `\1[\d.]+`", text())
    for name, path in catalog.entries("recipes").items():
        if path.parent.name not in PAPERS:
            continue
        for variant in load_variants(path):
            assert f"`{variant}`" in text() or variant.startswith(tuple(ranges)), (name, variant)


def load_variants(path: Path) -> list[str]:
    return re.findall(r'^\[\[variant\]\]\nname = "([^"]+)"', path.read_text(), flags=re.MULTILINE)
