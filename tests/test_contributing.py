"""The steps of CONTRIBUTING.md, followed to the letter in a copy of the repository, hold."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("edgessl", "recipes", "tests", "bench/devices", "bench/LOG.md", "export/targets",
          "pyproject.toml")  # fmt: skip
SECTIONS = ("Add a method", "Add a backbone", "Add a recipe of a new paper")
BLOCK = re.compile(
    r"^`(?P<path>[\w./-]+)`(?:, in `(?P<place>\w+)`)?[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
"""A file's name in a line of its own, perhaps with what the block goes into, and the block."""

METHOD = {
    "edgessl/recipe/method_tables/simsiam.py", "edgessl/losses/simsiam.py",
    "edgessl/methods/simsiam.py", "edgessl/recipe/method_tables/__init__.py",
}  # fmt: skip
BACKBONE = {"edgessl/recipe/backbones.py", "tests/test_profile.py"}
PAPER = {"recipes/simsiam/simsiam-resnet50-simsiam.toml"}

TINY = (
    "backbone.name=timm:test_efficientnet", "backbone.last_stage=keep", "pretrain.batch_size=8",
    "engine.precision=fp32", "engine.memory_format=contiguous",
)  # fmt: skip


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def insert(text: str, place: str, block: str) -> str:
    """Put a block at the end of a dictionary, or of the list that a test is parametrised with."""
    test = text.find(f"def {place}(")
    if test >= 0:
        end = text.rindex("\n    ],\n", 0, test) + 1
    else:
        end = text.index("\n}\n", re.search(rf"^{place}\b", text, re.MULTILINE).start()) + 1  # type: ignore[union-attr]
    return text[:end] + block + text[end:]


def snapshot(house: Path) -> dict[str, str]:
    files = [path for path in house.rglob("*") if path.suffix in (".py", ".toml", ".md")]
    return {str(path.relative_to(house)): path.read_text(encoding="utf-8") for path in files}


def follow(house: Path, title: str) -> dict[str, str]:
    """Do what a section says, and return the files that have changed, as they are now."""
    before = snapshot(house)
    for block in BLOCK.finditer(section(title)):
        path = house / block["path"]
        path.parent.mkdir(exist_ok=True)
        text = block["text"]
        if block["place"]:
            text = insert(path.read_text(encoding="utf-8"), block["place"], text)
        else:
            assert not path.exists()
        path.write_text(text, encoding="utf-8")
    return {path: text for path, text in snapshot(house).items() if before.get(path) != text}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository."""
    house = tmp_path_factory.mktemp("house")
    for name in COPIED:
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, house / name)
        else:
            shutil.copy2(ROOT / name, house / name)
    return house


@pytest.fixture(scope="module")
def changed(house: Path) -> dict[str, dict[str, str]]:
    """The files that each section changes."""
    return {title: follow(house, title) for title in SECTIONS}


def run(house: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python on the copy."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    env = {**outside, "PYTHONPATH": str(house), "EDGESSL_CACHE": str(house / "cache")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=house, env=env, capture_output=True, text=True
    )


def edgessl(house: Path, *command: str) -> str:
    done = run(house, "edgessl", *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def specs(house: Path, changed: dict[str, dict[str, str]]) -> dict[str, bool]:
    """Which of the tests pass that look at the layers, at the backbone, and at the recipe."""
    done = run(
        house, "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "-rA",
        "tests/test_layers.py", "tests/test_profile.py", "tests/recipe/test_every_recipe.py",
        "-k", "layers or lcnet or simsiam",
    )  # fmt: skip
    lines = re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    assert lines, done.stdout + done.stderr
    return {name: word == "PASSED" for word, name in lines}


def test_a_method_is_its_table_its_loss_its_module_and_one_line(
    changed: dict[str, dict[str, str]],
) -> None:
    files = changed["Add a method"]
    assert files.keys() == METHOD
    before = (ROOT / "edgessl/recipe/method_tables/__init__.py").read_text(encoding="utf-8")
    after = files["edgessl/recipe/method_tables/__init__.py"].splitlines()
    assert len(after) == len(before.splitlines()) + 1
    assert {*after} - {*before.splitlines()} == {'    "simsiam": "SimSiam",'}


def test_the_new_method_is_listed_and_recipes_may_name_it(
    house: Path, changed: dict[str, dict[str, str]]
) -> None:
    names = [row["name"] for row in json.loads(edgessl(house, "list", "methods", "--json"))]
    known = ["byol", "cross_resolution", "dino", "moco", "simclr", "supervised", "swav"]
    assert names == [*known, "simsiam"]


def test_the_new_method_trains_by_the_command_that_is_given(
    house: Path, changed: dict[str, dict[str, str]]
) -> None:
    (line,) = re.findall(r"^edgessl (recipe .*)$", section("Add a method"), re.MULTILINE)
    draw = np.random.default_rng(0)
    (house / "images").mkdir()
    for number in range(24):
        pixels = draw.integers(256, size=(64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(house / "images" / f"{number}.png")
    command = [word.replace("demo", "images") for word in shlex.split(line)]
    command += [word for change in TINY for word in ("--set", change)]
    edgessl(house, *command, "--epochs", "1", "--device", "cpu", "--out", "run")
    log = [json.loads(line) for line in (house / "run/log.jsonl").read_text().splitlines()]
    assert max(entry["step"] for entry in log if "step" in entry) >= 2
    assert any(-1.0 <= entry.get("simsiam_loss", -2.0) <= 1.0 for entry in log)
    assert (house / "run/ckpt.pt").exists()


def test_the_house_stays_in_order(house: Path, specs: dict[str, bool]) -> None:
    layers = [passed for name, passed in specs.items() if "test_layers" in name]
    assert layers
    assert all(layers)
    done = run(house, "ruff", "check", *METHOD, *BACKBONE)
    assert done.returncode == 0, done.stdout


def test_a_backbone_is_a_line_and_its_counts_which_the_tests_confirm(
    house: Path, changed: dict[str, dict[str, str]], specs: dict[str, bool]
) -> None:
    assert changed["Add a backbone"].keys() == BACKBONE
    rows = json.loads(edgessl(house, "list", "backbones", "--json"))
    assert "lcnet-050" in [row["name"] for row in rows]
    assert specs["tests/test_profile.py::test_parameters_of_the_papers[lcnet-050-599856]"]
    facts = "test_the_facts_that_are_listed_are_those_of_the_network[lcnet-050]"
    assert specs[f"tests/test_profile.py::{facts}"]


def test_a_recipe_of_a_new_paper_is_one_file(changed: dict[str, dict[str, str]]) -> None:
    assert changed["Add a recipe of a new paper"].keys() == PAPER


def test_the_recipe_of_a_new_paper_is_listed_shown_and_as_it_must_be(
    house: Path, specs: dict[str, bool]
) -> None:
    listed = edgessl(house, "list", "recipes").partition("\nsimsiam")[2]
    assert "simsiam-resnet50-simsiam" in listed
    assert 'source = "simsiam"' in edgessl(house, "show", "simsiam-resnet50-simsiam")
    found = [passed for name, passed in specs.items() if "simsiam-resnet50-simsiam" in name]
    assert len(found) >= 5
    assert all(found)
