"""`edgessl export --int8 --web --cpp` writes one bundle: models, page, C++ program, all listed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from bundled import run_bundle
from small_network import CLASSES, Int8Bundle, write_checkpoint
from typer.testing import CliRunner

from edgessl.errors import EdgesslError
from edgessl.export.bundle import onnxruntime_web
from edgessl.export.bundle.runners import FILES

MODELS = ("model.onnx", "model.e2e.onnx", "model.int8.onnx", "model.e2e.int8.onnx")


@pytest.fixture
def bundle(int8_bundle: Int8Bundle) -> Path:
    """The folder that one run of the command left."""
    return int8_bundle.folder


def test_the_manifest_lists_models_page_and_program_with_their_checksums(bundle: Path) -> None:
    files = json.loads((bundle / "manifest.json").read_text())["files"]
    runners = {f"{runner}/{name}" for runner, names in FILES.items() for name in names}
    assert {*MODELS, "run.py", "testvectors.npz", *runners} <= set(files)
    for name, entry in files.items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == entry["sha256"], name


def test_the_page_has_the_runtime_that_was_downloaded(bundle: Path) -> None:
    for name in onnxruntime_web.FILES:
        assert (bundle / "web/vendor" / name).read_text() == name


def test_the_runtime_is_downloaded_once(int8_bundle: Int8Bundle) -> None:
    assert len(int8_bundle.downloads) == 1


def test_the_screen_says_how_to_run_each(int8_bundle: Int8Bundle) -> None:
    screen, bundle = int8_bundle.screen, int8_bundle.folder
    assert f"on a device, without edgessl: python {bundle / 'run.py'} --selftest" in screen
    assert f"in a browser: python {bundle / 'web/serve.py'}" in screen
    assert f"next: edgessl bench {bundle / 'model.onnx'} --device cpu" in screen


def test_every_model_passes_the_self_test_of_the_bundle_without_torch(bundle: Path) -> None:
    done = run_bundle(bundle, "--selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in MODELS:
        assert f"  pass  {name}" in done.stdout


def test_the_page_says_that_int8_is_no_faster_where_it_is_offered(bundle: Path) -> None:
    assert 'id="int8-note"' in (bundle / "web/index.html").read_text()
    readme = (bundle / "web/README.md").read_text()
    assert "In WebAssembly an int8 model is smaller to\n  download, not faster" in readme


def test_the_program_names_what_it_needs_where_it_cannot_be_built(
    bundle: Path, tmp_path: Path
) -> None:
    if not shutil.which("cmake"):
        pytest.skip("needs cmake and a C++ compiler")
    made = subprocess.run(
        ["cmake", "-S", bundle / "cpp", "-B", tmp_path, f"-DONNXRUNTIME_ROOT={tmp_path}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode == 0:
        pytest.skip("onnxruntime's C++ headers and library are installed here")
    assert "onnxruntime's C++ headers and library" in made.stderr


def test_without_network_and_cache_nothing_is_written(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(onnxruntime_web, "URL", "http://127.0.0.1:9/nothing-listens-here")
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, None)
    refused = CliRunner().invoke(app, ["export", str(ckpt), "--web"]).exception
    assert isinstance(refused, EdgesslError)
    assert f"npm pack onnxruntime-web@{onnxruntime_web.VERSION}" in str(refused)
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "ckpt.pt"}
