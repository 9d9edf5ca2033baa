"""Every recipe file and variant resolves, can be built, and says what it must."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch

from edgessl import catalog
from edgessl.backbones import Backbone
from edgessl.methods.build import build_method
from edgessl.recipe import Recipe, load_recipe, to_toml, variants_of
from edgessl.recipe.stages import pretrain_stages

CLASSES = 10
FOLDER = catalog.root() / "recipes"
APART = catalog.APART | {catalog.STUDIES, catalog.TRANSFER}
FILES = sorted(path for path in FOLDER.rglob("*.toml") if path.parent.name not in APART)
PAPER_FILES = [path for path in FILES if path.parent.name != "factory"]
by_name = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
of_papers = pytest.mark.parametrize("path", PAPER_FILES, ids=lambda path: path.stem)


def _names(path: Path) -> list[str]:
    return [path.stem, *(f"{path.stem}:{variant}" for variant in variants_of(path.stem))]


@cache
def _recipes(path: Path) -> tuple[Recipe, ...]:
    return tuple(load_recipe(name) for name in _names(path))


def _header(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:first])


def _networks(recipe: Recipe) -> str:
    return f"{recipe.backbone} {recipe.method} {recipe.image.crop_px}"


@cache
def _on_meta(name: str, last_stage: str, image_px: int) -> Backbone:
    with torch.device("meta"):
        return Backbone(name, "remove" if last_stage == "remove" else "keep", image_px)


def test_all_folders_have_recipes_and_no_name_is_used_twice() -> None:
    found = Counter(path.parent.name for path in FILES)
    known = {"airl": 11, "cole": 6, "factory": 27, "s3l": 8, "small": 6, "sslight": 15}
    assert found >= Counter(known)  # at least those: new ones need no line here
    assert found.keys() | catalog.APART == {path.name for path in FOLDER.iterdir() if path.is_dir()}
    assert len({path.stem for path in FILES}) == len(FILES)


@by_name
def test_it_resolves_and_survives_toml(path: Path, tmp_path: Path) -> None:
    for name, recipe in zip(_names(path), _recipes(path), strict=True):
        assert recipe.name == name
        written = tmp_path / "written.toml"
        written.write_text(to_toml(recipe), encoding="utf-8")
        assert load_recipe(str(written)) == recipe


@by_name
def test_its_methods_can_be_built(path: Path) -> None:
    for recipe in {_networks(recipe): recipe for recipe in _recipes(path)}.values():
        table = recipe.backbone
        backbone = _on_meta(table.name, table.pretrained_last_stage, recipe.image.crop_px)
        with torch.device("meta"):
            method = build_method(backbone, recipe.method, CLASSES)
        assert method.backbone is backbone
        assert {parameter.device.type for parameter in method.parameters()} == {"meta"}


@by_name
def test_every_variant_has_a_name_of_its_own_and_changes_something(path: Path) -> None:
    variants = variants_of(path.stem)
    assert len(set(variants)) == len(variants)
    tables = [recipe.model_dump(exclude={"name"}) for recipe in _recipes(path)]
    assert all(table != tables[0] for table in tables[1:])


@by_name
def test_it_lies_in_the_folder_of_its_source_and_is_named_after_what_it_pairs(path: Path) -> None:
    recipe = _recipes(path)[0]
    assert recipe.source == path.parent.name
    prefix = "" if recipe.source == "factory" else f"{recipe.source}-"
    assert re.fullmatch(rf"{prefix}{recipe.backbone.name}-s?{recipe.method.name}\w*", path.stem)


@by_name
def test_its_header_states_command_and_promise(path: Path) -> None:
    header = _header(path)
    assert f"edgessl recipe {path.stem} --data " in header
    promise = header.partition("promise:")[2].strip()
    if not promise.startswith("not measured"):
        (entry,) = re.findall(r'bench/LOG\.md, "([^"]+)"', promise)
        log = (catalog.root() / "bench" / "LOG.md").read_text(encoding="utf-8")
        headings = [line for line in log.splitlines() if line.startswith("## ")]
        assert any(heading.startswith(f"## {entry}") for heading in headings), entry


@of_papers
def test_a_paper_is_followed_to_its_last_epoch_without_help(path: Path) -> None:
    for recipe in _recipes(path):
        assert not recipe.pretrain.recalibrate_batchnorm
        assert recipe.data.val_percent == 0.0
    assert "source:" in _header(path)
    assert "reported:" in _header(path)


@by_name
def test_views_fit_the_patches_of_a_transformer(path: Path) -> None:
    for recipe in _recipes(path):
        match = re.search(r"(?:vit|deit)\D*(\d*)", recipe.backbone.name)
        patch_px = int(match[1] or 16) if match else 1
        groups = [group for stage in pretrain_stages(recipe) for group in stage.views]
        sizes = [*(group.size_px for group in groups), recipe.finetune.view.size_px]
        assert all(size % patch_px == 0 for size in [*sizes, recipe.image.crop_px])


def _alike() -> dict[str, str]:
    """Return the recipes that say they have all settings of another one."""
    said = {path.stem: re.search(r"All settings are those of (\S+),", _header(path))
            for path in FILES}  # fmt: skip
    return {name: match[1] for name, match in said.items() if match}


def test_some_factory_recipes_have_all_settings_of_another() -> None:
    claims = {path.stem for path in FILES if "All settings are those of" in _header(path)}
    assert claims
    assert _alike().keys() == claims


@pytest.mark.parametrize(("name", "other"), _alike().items())
def test_a_recipe_that_has_all_settings_of_another_differs_in_its_backbone_only(
    name: str, other: str
) -> None:
    assert variants_of(name) == variants_of(other)
    for variant in ("", *(f":{variant}" for variant in variants_of(name))):
        own, its = load_recipe(name + variant), load_recipe(other + variant)
        assert own.backbone.last_stage == its.backbone.last_stage
        without = {"name", "backbone"}
        assert own.model_dump(exclude=without) == its.model_dump(exclude=without)
