"""The bundle's web page: exact preprocessing, whole files, a runtime that is what npm recorded."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgessl import catalog
from edgessl.data.preprocess import Preprocess
from edgessl.errors import EdgesslError, UserError
from edgessl.export.bundle import onnxruntime_web
from edgessl.export.bundle.manifest import write_manifest
from edgessl.export.bundle.runners import (
    FILES,
    VENDORED,
    Runner,
    add_runner,
    describe_runners,
    prepare_runners,
)

WEB = catalog.root() / "export/runners/web"
SHAPES = [(97, 131), (320, 240), (40, 33), (72, 90), (300, 72), (300, 75)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wrong_file() -> Iterator[str]:
    """The address of a server that answers every request with the same few bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"not the package")

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def node(script: str, folder: Path) -> list[object]:
    """Run a module beside the page's own and return the lines of JSON that it prints."""
    program = shutil.which("node")
    if not program:
        pytest.skip("needs node to run the page's modules without a browser")
    for name in ("preprocess.js", "npz.js"):
        shutil.copyfile(WEB / name, folder / name.replace(".js", ".mjs"))
    (folder / "test.mjs").write_text("import fs from 'node:fs';\n" + script)
    done = subprocess.run(
        [program, "test.mjs"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_page_preprocesses_as_pillow_does_bit_for_bit(
    tmp_path: Path, interpolation: str
) -> None:
    preprocess = Preprocess(resize_px=72, crop_px=64, interpolation=interpolation)  # type: ignore[arg-type]
    generator = np.random.default_rng(0)
    for number, shape in enumerate(SHAPES):
        pixels = generator.integers(0, 256, (*shape, 3), dtype=np.uint8)
        pixels.tofile(tmp_path / f"image_{number}")
    (tmp_path / "preprocess.json").write_text(json.dumps(preprocess.to_dict()))
    script = f"""
    import {{ cropPixels, normalise }} from './preprocess.mjs';
    const preprocess = JSON.parse(fs.readFileSync('preprocess.json'));
    for (const [i, [height, width]] of {json.dumps(SHAPES)}.entries()) {{
      const data = new Uint8Array(fs.readFileSync(`image_${{i}}`));
      const crop = cropPixels({{ height, width, data }}, preprocess);
      fs.writeFileSync(`crop_${{i}}`, crop);
      fs.writeFileSync(`normal_${{i}}`, new Uint8Array(normalise(crop, preprocess).buffer));
    }}"""
    node(script, tmp_path)
    for number, shape in enumerate(SHAPES):
        image = np.fromfile(tmp_path / f"image_{number}", np.uint8).reshape(*shape, 3)
        crop = preprocess.pixels(Image.fromarray(image))
        here = np.fromfile(tmp_path / f"crop_{number}", np.uint8).reshape(crop.shape)
        np.testing.assert_array_equal(here, crop)
        normal = np.fromfile(tmp_path / f"normal_{number}", np.float32).reshape(crop.shape)
        np.testing.assert_array_equal(normal, preprocess.normalise(crop))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_page_reads_what_numpy_wrote(tmp_path: Path, save: object) -> None:
    arrays = {
        "image_0": np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
        "outputs/model.onnx": np.array([[0.5, -2.0]], dtype=np.float32),
        "about": np.array('{"name": "Käse 🧀"}'),
    }
    save(tmp_path / "a.npz", **arrays)  # type: ignore[operator]
    script = """
    import { readNpz } from './npz.mjs';
    const bytes = fs.readFileSync('a.npz');
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    for (const [name, { shape, data }] of await readNpz(buffer)) {
      console.log(JSON.stringify([name, shape, typeof data === 'string' ? data : [...data]]));
    }"""
    assert node(script, tmp_path) == [
        ["image_0", [2, 4, 3], list(range(24))],
        ["outputs/model.onnx", [1, 2], [0.5, -2.0]],
        ["about", [], '{"name": "Käse 🧀"}'],
    ]


@pytest.mark.parametrize("runner", ["web", "cpp"])
def test_every_file_of_a_runner_is_listed(runner: Runner) -> None:
    folder = catalog.root() / "export/runners" / runner
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    there = {name for name in there if "__pycache__" not in name}
    assert there - set(VENDORED) == set(FILES[runner]) - set(VENDORED)


def test_the_page_names_nothing_outside_the_bundle() -> None:
    html = (WEB / "index.html").read_text()
    assert "default-src 'self'" in html
    for name in FILES["web"]:
        if name.endswith((".js", ".css", ".html")):
            assert not re.search(r"""(https?:)?//[a-z0-9]+\.""", (WEB / name).read_text()), name


def test_a_runner_is_in_the_manifest_with_checksums(tmp_path: Path) -> None:
    prepare_runners(tmp_path, ["cpp"])
    assert describe_runners(tmp_path) == {}
    add_runner(tmp_path, "cpp")
    entries = describe_runners(tmp_path)
    assert set(entries) == {"cpp/main.cpp", "cpp/places.h", "cpp/CMakeLists.txt", "cpp/README.md"}
    assert all(entry["sha256"] and entry["bytes"] and entry["what"] for entry in entries.values())


def test_files_of_someone_else_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cpp").mkdir()
    (tmp_path / "cpp/main.cpp").write_text("int main() {}")
    with pytest.raises(UserError, match=r"found other files named cpp/main\.cpp"):
        prepare_runners(tmp_path, ["cpp"])


def test_a_bundles_own_runner_is_written_again(tmp_path: Path) -> None:
    add_runner(tmp_path, "cpp")
    write_manifest(tmp_path, checkpoint={}, files=describe_runners(tmp_path))
    prepare_runners(tmp_path, ["cpp"])


def test_without_a_network_the_way_out_is_said_before_any_work(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime_web, "URL", "http://127.0.0.1:9/nothing-listens-here")
    version = onnxruntime_web.VERSION
    with pytest.raises(EdgesslError) as caught:
        prepare_runners(tmp_path, ["web"])
    package = cache / f"runtimes/onnxruntime-web-{version}.tgz"
    assert str(caught.value).startswith(f"onnxruntime-web {version}: the download failed (")
    assert str(caught.value).endswith(
        f"or run `npm pack onnxruntime-web@{version}` elsewhere and put the file at {package}"
    )
    assert not (tmp_path / "web").exists()


def test_a_file_that_npm_did_not_record_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong_file: str
) -> None:
    monkeypatch.setattr(onnxruntime_web, "URL", wrong_file)
    with pytest.raises(EdgesslError, match="must have the checksum that npm recorded"):
        prepare_runners(tmp_path, ["web"])
    assert not list(cache.rglob("*.tgz"))


def test_a_damaged_package_in_the_cache_is_not_used(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong_file: str
) -> None:
    package = cache / f"runtimes/onnxruntime-web-{onnxruntime_web.VERSION}.tgz"
    package.parent.mkdir(parents=True)
    package.write_bytes(b"cut short")
    monkeypatch.setattr(onnxruntime_web, "URL", wrong_file)
    with pytest.raises(EdgesslError, match="checksum"):
        prepare_runners(tmp_path, ["web"])


def test_a_download_that_is_cut_is_said_in_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"the first bytes")

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        monkeypatch.setattr(onnxruntime_web, "URL", url)
        with pytest.raises(EdgesslError, match=r"the download failed .*connect to the network"):
            prepare_runners(tmp_path, ["web"])
    assert not list(cache.rglob("*.tgz"))
