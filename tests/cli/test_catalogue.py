"""``list`` and ``show`` tell what there is, for people and for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.recipe import load_recipe

RECIPE = "mobilenetv2-dino"


def _output(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("recipes", RECIPE),
        ("backbones", "mobilenetv2"),
        ("methods", "dino"),
        ("data", "demo"),
        ("targets", "cpu"),
        ("devices", "cpu"),
    ],
)
def test_list_names_what_there_is_as_text_and_json(kind: str, name: str) -> None:
    rows = json.loads(_output("list", kind, "--json"))
    assert name in [row["name"] for row in rows]
    lines = _output("list", kind).splitlines()
    if kind == "recipes":
        lines = [line for line in lines if line[:2] == "  " and line[2] != " "]
    if kind == "backbones":
        assert lines.pop().startswith("timm:NAME ")
    assert sorted(line.split()[0] for line in lines) == sorted(row["name"] for row in rows)


def test_recipes_are_listed_by_source_with_their_variants() -> None:
    (row,) = [row for row in json.loads(_output("list", "recipes", "--json"))
              if row["name"] == "s3l-resnet18-moco"]  # fmt: skip
    assert row["source"] == "s3l"
    assert (row["backbone"], row["method"]) == ("resnet18", "moco")
    assert "56-112-224" in row["variants"]
    text = _output("list", "recipes")
    assert text.startswith("factory: ")
    paper = text.partition("\ns3l: ")[2].partition("\nsmall: ")[0]
    for word in ("s3l-resnet18-moco", *row["variants"]):
        assert word in paper


@pytest.mark.parametrize(
    ("kind", "heavy"),
    [("recipes", "('torch', 'numpy', 'timm', 'pydantic')"), ("backbones", "('torch', 'timm')")],
)
def test_listing_imports_nothing_heavy(kind: str, heavy: str) -> None:
    code = (
        "import sys; from edgessl.cli.catalogue import list_entries;"
        f"list_entries('{kind}', True);"
        f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stderr.strip() == "[]"


def test_backbones_are_listed_with_what_they_cost() -> None:
    (row,) = [row for row in json.loads(_output("list", "backbones", "--json"))
              if row["name"] == "resnet18"]  # fmt: skip
    assert row == {
        "name": "resnet18", "timm": "resnet18", "last_stage": "removable", "feature_dim": 512,
        "params": 11_176_512, "macs_224": 1_813_561_344,
    }
    text = _output("list", "backbones")
    assert "11.2 M parameters   1.814 G MACs at 224 px   512 features  last stage rem" in text


def test_show_prints_a_recipe_that_reads_back_the_same(tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(_output("show", RECIPE), encoding="utf-8")
    assert load_recipe(str(file)) == load_recipe(RECIPE)


def test_show_says_first_which_variants_it_leaves_out(tmp_path: Path) -> None:
    assert _output("show", RECIPE).splitlines()[:2] == [
        f"# {RECIPE} without a variant; variants: gpu, shape, from-weights, demo "
        f"(edgessl show {RECIPE}:gpu)",
        "# edgessl recipe takes by itself, where it fits: gpu, demo",
    ]
    chosen = _output("show", f"{RECIPE}:demo").splitlines()
    others = "gpu, shape, from-weights"
    assert chosen[0].startswith(f"# {RECIPE} with its variant demo; others: {others} (")
    assert chosen[1] == "# edgessl recipe takes by itself, where it fits: gpu"
    assert chosen[2].startswith("name = ")
    mine = tmp_path / "line\nbreak.toml"  # in a comment it would end it
    mine.write_text(_output("show", RECIPE), encoding="utf-8")
    assert _output("show", str(mine)).startswith("name = ")  # it has no variants
    mine.write_text(mine.read_text() + '\n[[variant]]\nname = "x"\nseed = 1\n', encoding="utf-8")
    assert _output("show", str(mine)).count("\n# ") == 0
    assert "line?break.toml without a variant; variants: x" in _output("show", str(mine))


def test_the_version_is_printed() -> None:
    assert _output("--version").startswith("edgessl 0.")
