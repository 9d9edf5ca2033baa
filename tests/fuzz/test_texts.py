"""Damaged recipes, targets, devices and tables of labels: every mistake in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from campaign import Target
from documents import CSV, TOML
from mutations import BYTES
from rule import command, function
from seeds import part_of

from edgessl import catalog
from edgessl.bench.measure.device import read_device
from edgessl.export.target import read_target
from edgessl.recipe import load_recipe

Hold = Callable[[Target], None]

_TOML = (*TOML * 8, *BYTES)


def test_a_recipe_is_shown(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml")
    hold(Target("recipe-show", folder, {"tiny.toml": _TOML}, command("show", "{}/tiny.toml"),
                count=82))  # fmt: skip


def test_any_recipe_file_is_loaded(hold: Hold, tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    for path in [*catalog.entries("recipes").values()][::4]:
        (folder / path.name).write_bytes(path.read_bytes())
    names = sorted(path.name for path in folder.iterdir())

    def load(place: Path) -> str:
        for path in sorted(place.iterdir()):
            load_recipe(str(path))
        return "loaded"

    hold(Target("recipe-load", folder, dict.fromkeys(names, _TOML), function(load), count=33))


def test_a_plan(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "tiny.toml", "images")
    hold(Target(
        "recipe-plan", folder, {"tiny.toml": TOML},
        command("recipe", "{}/tiny.toml", "--data", "{}/images", "--plan", "--device", "cpu",
                "--out", "{}/out", "--set", "engine.precision=fp32", "--set",
                "engine.memory_format=contiguous"), count=14,
    ))  # fmt: skip


def test_targets_and_devices(hold: Hold, tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    (folder / "target.toml").write_bytes(catalog.find("targets", "cpu").read_bytes())
    (folder / "device.toml").write_bytes(catalog.find("devices", "cpu").read_bytes())

    def read(place: Path) -> str:
        read_target(str(place / "target.toml"))
        read_device(str(place / "device.toml"))
        return "read"

    hold(Target("target-device", folder, {"target.toml": _TOML, "device.toml": _TOML},
                function(read), count=82))  # fmt: skip


def test_a_table_of_labels(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "labels.csv", "images")
    hold(Target("labels-csv", folder, {"labels.csv": (*CSV * 6, *BYTES)},
                command("data", "{}/labels.csv", "--json"), count=66))  # fmt: skip
