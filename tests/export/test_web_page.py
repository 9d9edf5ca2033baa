"""The page works from the bundle alone in a real browser, fp32 and int8.

Needs Chromium, and onnxruntime-web in the cache (`edgessl export … --web` puts it there).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Tab, find_chromium, open_tab
from PIL import Image
from runner_bundle import make_bundle

from edgessl.data.cache import cache_root
from edgessl.export.bundle import onnxruntime_web
from edgessl.export.bundle.runners import add_runner

PACKAGE = cache_root() / f"runtimes/onnxruntime-web-{onnxruntime_web.VERSION}.tgz"

pytestmark = [
    pytest.mark.slow,  # last run 2026-11-21 in Chromium 156: passed, 150 s
    pytest.mark.skipif(not find_chromium(), reason="needs chromium"),
    pytest.mark.skipif(
        not PACKAGE.is_file(), reason="needs onnxruntime-web: edgessl export CKPT --web"
    ),
]
MODELS = {"model.onnx", "model.e2e.onnx", "model.int8.onnx", "model.e2e.int8.onnx"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the page."""
    folder = make_bundle(tmp_path_factory.mktemp("web"))
    add_runner(folder, "web")
    return folder


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser."""
    with open_tab(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@contextmanager
def served(*command: object) -> Iterator[str]:
    """Run a server and give the address of the page."""
    process = subprocess.Popen(
        [sys.executable, "-u", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert found
        yield found[0] + "web/"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def plain(bundle: Path) -> Iterator[str]:
    """The page behind Python's own server: no special headers."""
    with served("-m", "http.server", 0, "--bind", "127.0.0.1", "--directory", bundle) as address:
        yield address


def selftest(tab: Tab, address: str) -> dict[str, Any]:
    tab.go(address)
    tab.wait_for("['pass', 'FAIL'].includes(document.body.dataset.selftest)", 120)
    outcome: dict[str, Any] = json.loads(
        tab.ask("document.getElementById('selftest-json').textContent")
    )
    return outcome


def text(tab: Tab, name: str) -> str:
    found: str = tab.ask(f"document.getElementById('{name}').innerText")
    return found


def test_the_self_test_passes_on_one_thread(tab: Tab, plain: str) -> None:
    outcome = selftest(tab, plain + "?selftest=1")
    findings = {finding["name"]: finding for finding in outcome["findings"]}
    assert outcome["verdict"] == "pass"
    assert set(findings) == {"preprocessing", *MODELS}
    assert findings["preprocessing"]["levels"] == 0
    for name in MODELS:
        assert findings[name]["same_top1"] == findings[name]["images"] > 2
        assert findings[name]["p50_ms"] > 0
    assert (outcome["threads"], outcome["isolated"]) == (1, False)
    assert "threads are off" in text(tab, "runtime")


def test_the_bundles_own_server_turns_threads_on(tab: Tab, bundle: Path) -> None:
    with served(bundle / "web/serve.py", 0) as address:
        outcome = selftest(tab, address + "?selftest=1&threads=2")
        assert (outcome["verdict"], outcome["threads"], outcome["isolated"]) == ("pass", 2, True)
        assert "2 thread(s)" in text(tab, "runtime")


@pytest.mark.parametrize("model", ["model.e2e.onnx", "model.int8.onnx"])
def test_a_picture_gets_the_classes_that_run_py_gives(
    tab: Tab, plain: str, bundle: Path, tmp_path: Path, model: str
) -> None:
    picture = tmp_path / "picture.png"
    pixels = np.random.default_rng(3).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    tab.go(f"{plain}?model={model}")
    tab.wait_for("document.getElementById('model-facts').textContent.includes('loaded in')")
    tab.choose_file("#file", picture)
    tab.wait_for("document.querySelectorAll('#classes li').length === 3")
    here = text(tab, "classes").replace("\n", " ").replace("% ", "%, ")
    command = [sys.executable, bundle / "run.py", "--model", bundle / model, picture]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert there.strip() == f"{picture}: {here}"
    assert text(tab, "core-ms").endswith(" ms")


def test_a_file_that_is_no_image_is_said_and_the_page_goes_on(
    tab: Tab, plain: str, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("no pixels here")
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "teal.png")
    tab.go(plain)
    tab.wait_for("document.getElementById('model-facts').textContent.includes('loaded in')")
    tab.choose_file("#file", tmp_path / "notes.png")
    tab.wait_for("!document.getElementById('error').hidden")
    assert "notes.png: must be an image that this browser reads" in text(tab, "error")
    tab.choose_file("#file", tmp_path / "teal.png")
    tab.wait_for("document.querySelectorAll('#classes li').length === 3")
    assert tab.ask("document.getElementById('error').hidden") is True


def test_models_that_were_left_out_are_not_chosen(
    tab: Tab, bundle: Path, tmp_path: Path
) -> None:
    few, none = tmp_path / "few", tmp_path / "none"
    shutil.copytree(bundle, few, ignore=shutil.ignore_patterns("model.e2e.*"))
    shutil.copytree(bundle, none, ignore=shutil.ignore_patterns("model.*"))
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "teal.png")
    with served(few / "web/serve.py", 0) as address:
        tab.go(address)
        tab.wait_for("document.getElementById('model-facts').textContent.includes('loaded in')")
        assert tab.ask("document.getElementById('model').value") == "model.int8.onnx"
    with served(none / "web/serve.py", 0) as address:
        tab.go(address)
        tab.wait_for("!document.getElementById('error').hidden")
        tab.choose_file("#file", tmp_path / "teal.png")
        tab.wait_for("document.getElementById('error').innerText.includes('No model is loaded')")


def test_the_camera_starts_and_stops(tab: Tab, plain: str) -> None:
    tab.go(plain)
    tab.wait_for("document.getElementById('model-facts').textContent.includes('loaded in')")
    tab.ask("document.getElementById('camera').click()")
    tab.wait_for("document.querySelectorAll('#classes li').length === 3")
    assert tab.ask("document.getElementById('camera').getAttribute('aria-pressed')") == "true"
    tab.ask("document.getElementById('camera').click()")
    tab.wait_for("document.getElementById('video').hidden")
    assert text(tab, "camera") == "Use the camera"


def test_another_network_fails_the_self_test(tab: Tab, bundle: Path, tmp_path: Path) -> None:
    other = make_bundle(tmp_path, seed=1)
    (other / "testvectors.npz").write_bytes((bundle / "testvectors.npz").read_bytes())
    add_runner(other, "web")
    with served("-m", "http.server", 0, "--bind", "127.0.0.1", "--directory", other) as address:
        assert selftest(tab, address + "?selftest=1")["verdict"] == "FAIL"


def test_a_page_without_its_runtime_says_so(tab: Tab, tmp_path: Path, bundle: Path) -> None:
    add_runner(tmp_path, "web")
    (tmp_path / "web/vendor/ort.wasm.min.mjs").unlink()
    with served("-m", "http.server", 0, "--bind", "127.0.0.1", "--directory", tmp_path) as address:
        tab.go(address)
        tab.wait_for("!document.getElementById('error').hidden")
        assert "web/vendor: must hold onnxruntime-web" in text(tab, "error")
