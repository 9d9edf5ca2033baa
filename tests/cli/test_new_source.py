"""A recipe of a new paper is one TOML file in a folder of its own: no Python knows the folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgessl
from edgessl import catalog

FOLDER, NAME = "newpaper", "newpaper-mobilenetv2-dino"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of package and catalogue, with a recipe in a folder that nothing else mentions."""
    root = tmp_path_factory.mktemp("clone")
    unneeded = shutil.ignore_patterns("__pycache__", "_catalog")
    shutil.copytree(Path(edgessl.__file__).parent, root / "edgessl", ignore=unneeded)
    shutil.copytree(catalog.root() / "recipes", root / "recipes")
    text = (root / "recipes/factory/mobilenetv2-dino.toml").read_text(encoding="utf-8")
    new = root / "recipes" / FOLDER / f"{NAME}.toml"
    new.parent.mkdir()
    new.write_text(text.replace('source = "factory"\n', ""), encoding="utf-8")
    return root


def _run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgessl", *arguments], cwd=clone, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(clone), "COLUMNS": "100"},
    )  # fmt: skip


def test_it_is_listed_under_the_name_of_its_folder(clone: Path) -> None:
    text = _run(clone, "list", "recipes").stdout
    papers = [line for line in text.splitlines()[:-1] if not line.startswith(" ")]
    assert papers[0] == "factory: for a few thousand images of one domain"
    assert [line.split(":")[0] for line in papers[1:]] == sorted(
        path.name for path in (clone / "recipes").iterdir()
        if path.is_dir() and path.name != "factory"
    )  # fmt: skip
    assert f"\n{FOLDER}\n  {NAME}  " in text
    (row,) = [row for row in json.loads(_run(clone, "list", "recipes", "--json").stdout)
              if row["name"] == NAME]  # fmt: skip
    assert (row["source"], row["backbone"], row["method"]) == (FOLDER, "mobilenetv2", "dino")


def test_it_is_shown_by_its_name_and_by_its_path(clone: Path) -> None:
    for recipe in (NAME, f"recipes/{FOLDER}/{NAME}.toml"):
        shown = _run(clone, "show", recipe)
        comment, _, values = shown.stdout.partition("name = ")
        assert f"(edgessl show {recipe}:gpu)" in comment
        assert values.startswith(f'"{NAME}"\nsource = "{FOLDER}"\n'), shown.stderr


def test_the_heading_of_a_readme_is_its_title(clone: Path) -> None:
    readme = clone / "recipes" / FOLDER / "README.md"
    readme.write_text("\n# Somebody et al., 2031\n\nSmall networks.\n", encoding="utf-8")
    assert f"\n{FOLDER}: Somebody et al., 2031\n" in _run(clone, "list", "recipes").stdout
    readme.unlink()


def test_another_source_than_its_folder_is_refused(clone: Path) -> None:
    path = clone / "recipes" / FOLDER / "other.toml"
    path.write_text(
        (clone / "recipes/factory/mobilenetv2-dino.toml").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    refused = _run(clone, "show", "other")
    path.unlink()
    assert (refused.returncode, refused.stderr) == (
        2, "error: other.toml: source: must be 'newpaper', the folder it lies in, got 'factory'; "
        "leave it out or move the file\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [('source = "x', "bad.toml: must be valid TOML, got: "),
     ('source = "newpaper"\n', "bad.toml: must have tables [backbone] and [method] with a name")],
)
def test_a_file_that_is_no_recipe_is_named(clone: Path, text: str, message: str) -> None:
    path = clone / "recipes" / FOLDER / "bad.toml"
    path.write_text(text, encoding="utf-8")
    refused = _run(clone, "list", "recipes")
    path.unlink()
    assert refused.returncode == 2
    assert message in refused.stderr


def test_a_file_anywhere_says_its_own_source(clone: Path, tmp_path: Path) -> None:
    text = (clone / "recipes/factory/mobilenetv2-dino.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    for source, said in (("our-lab", 'source = "our-lab"'), ("two words", "must be a short name")):
        mine.write_text(
            text.replace('source = "factory"', f'source = "{source}"'), encoding="utf-8"
        )
        shown = _run(clone, "show", str(mine))
        assert said in shown.stdout + shown.stderr
