"""The Python face: quick to import, typed, and its examples run as they are written."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from inspect import getsourcefile, signature, unwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipeline.tiny_run import RECIPE, write_images

import edgessl
from edgessl import api, catalog
from edgessl.errors import UserError

DOCS = Path(__file__).parents[1] / "docs"
ORDER = ("load_recipe", "load_dataset", "Backbone", "run", "finetune", "export", "evaluate",
         "open_artifact", "bench", "compare", "pick", "diagnose")  # fmt: skip
"""Of the names: the examples of later ones read what earlier ones wrote."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with ``photos`` and ``labelled``, where mobilenetv2-dino is quick.

    The catalogue has a recipe of this name with a tiny network, and a device that is measured
    briefly, so that the examples need not be written for tests.
    """
    root = tmp_path_factory.mktemp("face")
    recipe = root / "catalog/recipes/factory/mobilenetv2-dino.toml"
    recipe.parent.mkdir(parents=True)
    engine = '\n[engine]\nprecision = "fp32"\nmemory_format = "contiguous"\n'
    recipe.write_text(RECIPE + engine, encoding="utf-8")
    shutil.copytree(catalog.root() / "export", root / "catalog/export")
    device = root / "catalog/bench/devices/cpu.toml"
    device.parent.mkdir(parents=True)
    device.write_text(
        'provider = "CPUExecutionProvider"\nthreads = 1\nlaunches = 2\nmin_runs = 100\n'
        "min_seconds = 0.1\nmax_seconds = 2.0\n"
    )
    here = Path.cwd()
    write_images(root / "photos")
    write_images(root / "labelled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        patch.setattr(catalog, "root", lambda: root / "catalog")
        os.chdir(root)
        yield root
        os.chdir(here)


def test_the_examples_of_every_name_run_as_written(place: Path) -> None:
    assert set(ORDER) == set(edgessl.__all__)
    finder, failed = doctest.DocTestFinder(recurse=False), []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name in ORDER:
        (test,) = finder.find(getattr(edgessl, name), name, module=False, globs={})
        assert test.examples, f"edgessl.{name} has no example"
        if runner.run(test, out=failed.append).failed:
            break
    assert not failed, "".join(failed)


def test_the_examples_of_the_docs_run_too(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first Python block of the page on the API."""
    for name in ("photos", "labelled"):
        shutil.copytree(place / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(import edgessl\n.*?)```", text, re.DOTALL)[:1]
    names: dict[str, Any] = {"pixels": np.zeros((1, 40, 48, 3), np.uint8)}
    exec(block, names)
    assert names["paths"][0].name == "model.onnx"
    assert names["files"].passed
    assert {file.precision for file in names["files"].files} == {"fp32", "int8"}
    assert set(names["files"].gates) >= {"model.onnx", "model.int8.onnx"}
    assert all(gate.status in ("pass", "skip") for gate in names["files"].gates["model.onnx"])
    assert names["run"].backbone().feature_dim == names["clf"].backbone().feature_dim


def test_importing_takes_under_50_ms_of_cpu_time_and_imports_nothing_heavy() -> None:
    """The best of five children, each without the time that Python itself takes."""
    code = (
        "import sys, time, importlib; began = time.process_time(); import edgessl\n"
        "print(time.process_time() - began, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    found = []
    for _ in range(5):
        printed = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, text=True
        ).stdout.split()
        assert printed[1:] == ["False", "False"]
        found.append(float(printed[0]))
    assert min(found) < 0.05


def test_parts_of_the_same_name_do_not_hide_the_functions() -> None:
    import edgessl.bench.compare.ratio
    import edgessl.evaluate.protocols
    import edgessl.export.core

    for name in ("export", "bench", "evaluate"):
        assert getattr(edgessl, name) is getattr(api, name)
        assert callable(getattr(edgessl, name))
    from edgessl.export.core import open_core

    assert callable(open_core)


def test_every_name_is_typed_and_told() -> None:
    assert sorted(api.__all__) == sorted(edgessl.__all__)
    assert set(edgessl.__all__) <= set(dir(edgessl))
    for name in edgessl.__all__:
        found = getattr(edgessl, name)
        assert getsourcefile(unwrap(found))
        assert found.__doc__
        for parameter in signature(found).parameters.values():
            assert parameter.annotation is not parameter.empty, f"{name}: {parameter.name}"
    with pytest.raises(AttributeError, match="no attribute 'pretrain'"):
        edgessl.pretrain  # noqa: B018


def test_mistakes_are_the_messages_of_the_command() -> None:
    with pytest.raises(UserError, match="Did you mean: mobilenetv2-dino"):
        edgessl.run("mobilnetv2-dino", data="demo")


def test_one_name_alone_is_a_list_of_one() -> None:
    with pytest.raises(UserError, match=r"got 'longest'$"):
        edgessl.run("mobilenetv2-dino", data="demo", baselines="longest")
    with pytest.raises(UserError, match="--onyx: must be a format"):
        edgessl.export("ckpt.pt", formats="onyx")
