"""``edgessl list`` and ``edgessl show``: what there is, and what a recipe says."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import Annotated, Any

import typer

from edgessl.cli.screen import console, print_json
from edgessl.errors import UserError, nearest


def list_entries(
    kind: Annotated[
        str, typer.Argument(help="recipes, backbones, methods, data, targets or devices.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List recipes, backbones, methods, data sets, targets or devices."""
    kinds: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "recipes": _recipes,
        "backbones": _backbones,
        "methods": _methods,
        "data": _data,
        "targets": lambda: _declared("targets"),
        "devices": lambda: _declared("devices"),
    }
    if kind not in kinds:
        raise UserError(f"list: must be one of {', '.join(kinds)}, got '{kind}'"
                        f"{nearest(kind, kinds)}")
    rows = kinds[kind]()
    if as_json:
        print_json(rows)
        return
    if kind == "recipes":
        _print_recipes(rows)
        return
    if kind == "backbones":
        _print_backbones(rows)
        return
    for row in rows:
        details = "  ".join(f"{value}" for key, value in row.items() if key != "name" and value)
        console().print(f"{row['name']:<22} {details}".rstrip(), markup=False)


def show(
    name: Annotated[str, typer.Argument(help="RECIPE or RECIPE:VARIANT.")],
) -> None:
    """Print a recipe as it would run."""
    from edgessl.recipe import load_recipe, to_toml
    from edgessl.recipe.load import about_variants
    from edgessl.recipe.load_dense import load_detector, load_segmenter, task_of
    from edgessl.recipe.load_transfer import find_transfer, load_transfer

    if task := task_of(name):
        print(to_toml(load_detector(name) if task == "detect" else load_segmenter(name)), end="")
        return
    if named := find_transfer(name):
        print(to_toml(load_transfer(named)), end="")
        return
    comment = "".join(f"# {line}\n" for line in about_variants(name))
    print(comment + to_toml(load_recipe(name)), end="")


def _recipes() -> list[dict[str, Any]]:
    """Read recipes as plain TOML: checking every one would take longer than listing them."""
    from edgessl import catalog
    from edgessl.toml_file import read_toml

    rows = []
    for name, path in catalog.entries("recipes").items():
        recipe = read_toml(path)
        try:
            backbone, method = recipe["backbone"]["name"], recipe["method"]["name"]
            variants = [v["name"] for v in recipe.get("variant", []) if "name" in v]
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{path}: must have tables [backbone] and [method] with a name each, found others; "
                f"edgessl show {name} tells what is wrong"
            ) from error
        rows.append(
            {"name": name, "source": catalog.source_of(path) or "", "backbone": backbone,
             "method": method, "variants": variants}
        )  # fmt: skip
    for kind, part in (("detectors", "detector"), ("segmenters", "segmenter")):
        for name, path in catalog.entries(kind).items():
            table = read_toml(path)
            rows.append(
                {"name": name, "source": kind, "backbone": table["backbone"]["name"],
                 "method": table[part]["name"], "variants": []}
            )  # fmt: skip
    for name, path in catalog.entries("transfers").items():
        table = read_toml(path)
        part = table["detector" if table["task"] == "detect" else "segmenter"]
        rows.append(
            {"name": name, "source": catalog.source_of(path) or "",
             "backbone": table["backbone"]["name"], "method": part["name"],
             "variants": [one["name"] for one in table.get("variant", [])]}
        )  # fmt: skip
    return rows


def _print_recipes(rows: list[dict[str, Any]]) -> None:
    """Print names and variants, a source at a time: the factory's, then papers'."""
    from edgessl import catalog

    width = max(len(row["name"]) for row in rows)
    for source in sorted({row["source"] for row in rows}, key=lambda one: (one != "factory", one)):
        console().print(": ".join(filter(None, (source, catalog.title_of(source)))), markup=False)
        for row in rows:
            if row["source"] == source:
                line = f"  {row['name']:<{width}}  "
                variants = ", ".join(row["variants"])
                indent = " " * len(line)
                text = fill(
                    variants, console().width, initial_indent=line, subsequent_indent=indent,
                    break_on_hyphens=False,
                )  # fmt: skip
                console().print(text or line.rstrip(), markup=False, highlight=False)
    console().print("edgessl show NAME[:VARIANT] prints one in full.", markup=False)


def _print_backbones(rows: list[dict[str, Any]]) -> None:
    """Print a line for each: parameters in millions, MACs at 224 px in billions."""
    from edgessl.recipe.backbones import TIMM

    for row in rows:
        line = (
            f"{row['name']:<22} {row['params'] / 1e6:5.1f} M parameters  "
            f"{row['macs_224'] / 1e9:6.3f} G MACs at 224 px  {row['feature_dim']:>4} features  "
            f"{'last stage removable' if row['last_stage'] else '':<20}  {row['timm']}"
        )
        console().print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
    about = "any other network of timm; edgessl profile counts it"
    console().print(f"{TIMM + 'NAME':<22} {about}", markup=False, highlight=False)


def _backbones() -> list[dict[str, Any]]:
    from edgessl.recipe.backbones import BACKBONES

    return [
        {
            "name": name,
            "timm": facts.timm_name,
            "last_stage": "removable" if facts.removable else "",
            "feature_dim": facts.feature_dim,
            "params": facts.params,
            "macs_224": facts.macs,
        }
        for name, facts in BACKBONES.items()
    ]


def _methods() -> list[dict[str, Any]]:
    from edgessl.recipe.method_tables import METHODS

    return [{"name": name} for name in METHODS]


def _data() -> list[dict[str, Any]]:
    from edgessl.data.load import names
    from edgessl.dense.transfer.sets import about_sets

    return [{"name": name, "about": about} for name, about in (names() | about_sets()).items()]


def _declared(kind: str) -> list[dict[str, Any]]:
    from edgessl import catalog
    from edgessl.toml_file import read_toml

    return [{"name": name, **read_toml(path)} for name, path in catalog.entries(kind).items()]
