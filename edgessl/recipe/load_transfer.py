"""From a name to the resolved recipe of transfer as in the papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl import catalog
from edgessl.errors import UserError, nearest
from edgessl.recipe.load import resolved, variants_in
from edgessl.recipe.load_dense import KINDS
from edgessl.recipe.segmenter_table import TASK as SEGMENT
from edgessl.recipe.transfer_table import KIND, DetectionTransfer, SegmentationTransfer
from edgessl.schema import validate
from edgessl.toml_file import read_toml

TransferRecipe = DetectionTransfer | SegmentationTransfer


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for.

    Attributes:
        path: The file.
        spelled: ``FILE`` or ``FILE:VARIANT``.
        called: As it is called in the run.
        backbone: That of the recipe it is said with; None where the start decides.
    """

    path: Path
    spelled: str
    called: str
    backbone: str | None = None


def find_transfer(name: str) -> Named | None:
    """Find a recipe of transfer; None where a name is of something else.

    Args:
        name: ``NAME`` or ``NAME:VARIANT`` of the folder ``transfer`` of a paper;
            ``RECIPE:PROTOCOL``, a recipe of pretraining and what its paper judges it by; or a TOML
            file.
    """
    if ".toml" in name:
        path = Path(name.partition(".toml")[0] + ".toml")
        return Named(path, name, path.stem) if _is_transfer(path) else None
    base, _, rest = name.partition(":")
    known = catalog.entries("transfers")
    if base in known:
        return Named(known[base], name, name)
    recipes = catalog.entries("recipes")
    if not rest or base not in recipes:
        return None
    backbone = _backbone_of(recipes[base])
    found = dict(_protocols(catalog.source_of(recipes[base]) or "", backbone))
    if rest not in found:
        return None
    path, spelled = found[rest]
    return Named(path, spelled, name, backbone)


def protocols_of(recipe: str) -> list[str]:
    """Return what may follow the name of a recipe of pretraining, in order.

    Args:
        recipe: Its name, with or without a variant.
    """
    path = catalog.entries("recipes").get(recipe.partition(":")[0])
    if path is None:
        return []
    return [name for name, _ in _protocols(catalog.source_of(path) or "", _backbone_of(path))]


def load_transfer(
    named: Named, overrides: Sequence[str] = (), backbone: str | None = None
) -> TransferRecipe:
    """Resolve a recipe of transfer.

    Args:
        named: From ``find_transfer``.
        overrides: ``KEY=VALUE`` with a dotted key and a TOML value.
        backbone: Takes the place of the file's, unless the name says one.

    Raises:
        UserError: No such variant, or mistakes in it, all at once.
    """
    chosen = named.backbone or backbone
    first = [] if chosen is None else [f'backbone.name="{chosen}"']
    values, where = resolved(named.spelled, named.path, None, [*first, *overrides])
    values["name"] = named.called
    if values.get("task") == SEGMENT:
        return validate(SegmentationTransfer, values, where)
    return validate(DetectionTransfer, values, where)


def refuse_unknown(recipe: str, task: str) -> UserError:
    """Return what to raise for a recipe that is none of a task."""
    known = protocols_of(recipe)
    base, _, rest = recipe.partition(":")
    if known:
        return UserError(
            f"--recipe: must be one of --task {task}, got '{recipe}'; {base} has "
            f"{', '.join(known)}{nearest(rest, known)}"
        )
    return UserError(
        f"--recipe: must be one of --task {task}, got '{recipe}'; see `edgessl list recipes`, "
        f"under {KINDS[task]}"
    )


def _protocols(source: str, backbone: str) -> Iterator[tuple[str, tuple[Path, str]]]:
    """Yield each protocol of a paper with its file and variant; a backbone's own come first."""
    own = [(stem, path) for stem, path in catalog.entries("transfers").items()
           if catalog.source_of(path) == source]  # fmt: skip
    given = set()
    for prefix in (f"{source}-{backbone}-", f"{source}-"):
        for stem, path in own:
            if not stem.startswith(prefix):
                continue
            if prefix == f"{source}-" and _backbone_of(path) in stem:
                continue  # for the backbone of its name only
            protocol = stem.removeprefix(prefix)
            for name, spelled in ((protocol, stem), *(
                (f"{protocol}-{one}", f"{stem}:{one}") for one in variants_in(path)
            )):  # fmt: skip
                if name not in given:
                    given.add(name)
                    yield name, (path, spelled)


def _backbone_of(path: Path) -> str:
    table = read_toml(path).get("backbone")
    return str(table.get("name", "")) if isinstance(table, dict) else ""


def _is_transfer(path: Path) -> bool:
    try:
        return path.is_file() and read_toml(path).get("kind") == KIND
    except UserError:  # who reads it says what is wrong
        return False
