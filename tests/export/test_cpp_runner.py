"""The bundle's C++ program compiles, agrees with the test vectors, and says what is wrong.

Compiling needs a C++ compiler, CMake, and onnxruntime's headers and library: installed, or in the
folder that ONNXRUNTIME_ROOT names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runner_bundle import make_bundle

from edgessl import catalog

pytestmark = pytest.mark.slow  # last run 2026-11-21 with onnxruntime 1.31: passed, 100 s


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with end-to-end models, fp32 and int8."""
    return make_bundle(tmp_path_factory.mktemp("cpp"))


@pytest.fixture(scope="module")
def classify(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    if not shutil.which("cmake"):
        pytest.skip("needs cmake and a C++ compiler")
    build = tmp_path_factory.mktemp("build")
    source = catalog.root() / "export/runners/cpp"
    root = os.environ.get("ONNXRUNTIME_ROOT", "")
    made = subprocess.run(
        ["cmake", "-S", source, "-B", build, f"-DONNXRUNTIME_ROOT={root}"],
        capture_output=True, text=True,
    )  # fmt: skip
    if "onnxruntime's C++ headers and library" in made.stderr:
        pytest.skip("needs onnxruntime's C++ headers and library; see export/runners/cpp/README.md")
    assert made.returncode == 0, made.stderr
    built = subprocess.run(["cmake", "--build", build], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "warning" not in built.stderr
    return build / "classify"


def run(classify: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([classify, *map(str, words)], capture_output=True, text=True)


@pytest.mark.parametrize("model", ["model.e2e.onnx", "model.e2e.int8.onnx"])
def test_the_self_test_passes(classify: Path, bundle: Path, model: str) -> None:
    done = run(classify, "--bundle", bundle, "--model", model, "--selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pass  {model}" in done.stdout
    assert re.search(r"same top-1 on (\d) of \1", done.stdout)


def test_another_network_fails_the_self_test(classify: Path, bundle: Path, tmp_path: Path) -> None:
    other = make_bundle(tmp_path, seed=1)
    shutil.copyfile(bundle / "testvectors.npz", other / "testvectors.npz")
    done = run(classify, "--bundle", other, "--selftest")
    assert done.returncode == 3
    assert "FAIL  model.e2e.onnx" in done.stdout


def test_vectors_that_are_not_compressed_are_read_too(
    classify: Path, bundle: Path, tmp_path: Path
) -> None:
    shutil.copyfile(bundle / "model.e2e.onnx", tmp_path / "model.e2e.onnx")
    with np.load(bundle / "testvectors.npz") as vectors:
        np.savez(tmp_path / "testvectors.npz", **vectors)
    assert run(classify, "--bundle", tmp_path, "--selftest").returncode == 0


def test_a_picture_gets_the_classes_that_run_py_gives(
    classify: Path, bundle: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    picture = tmp_path / "picture.ppm"
    Image.fromarray(pixels).save(picture)
    here = run(classify, "--bundle", bundle, picture).stdout
    runner = catalog.root() / "export/runners/python/run.py"
    command = [sys.executable, runner, "--model", bundle / "model.e2e.onnx", picture]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert here == there


def test_bench_prints_the_median(classify: Path, bundle: Path) -> None:
    done = run(classify, "--bundle", bundle, "--bench", 10)
    assert done.returncode == 0
    assert "model.e2e.onnx: p50 " in done.stdout
    assert "10 runs" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "IMAGE: must be at least one image"),
        (["--bench", "0"], "--bench: must be a number over 0, got '0'"),
        (["--model", "missing.onnx", "--selftest"], "must be a model file"),
        (["--model", "model.onnx", "--selftest"], "must take uint8 pixels"),
        (["missing.ppm"], "missing.ppm: must be a readable file"),
        (["--frobnicate"], "--frobnicate: unknown option"),
    ],
)
def test_a_mistake_is_said_in_one_line(
    classify: Path, bundle: Path, words: list[str], said: str
) -> None:
    done = run(classify, "--bundle", bundle, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_file_of_vectors_is_no_crash(
    classify: Path, bundle: Path, tmp_path: Path
) -> None:
    shutil.copyfile(bundle / "model.e2e.onnx", tmp_path / "model.e2e.onnx")
    whole = (bundle / "testvectors.npz").read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(30):
        damaged = bytearray(whole)
        for place in generator.integers(0, len(whole), 20):
            damaged[place] = generator.integers(0, 256)
        (tmp_path / "testvectors.npz").write_bytes(damaged)
        done = run(classify, "--bundle", tmp_path, "--selftest")
        assert done.returncode in (0, 2, 3), done.stderr
