"""``run.py`` gives the project's answers without torch and edgessl, here and elsewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from bundled import run_bundle
from deep_files import save_float, save_png16, save_tiff16, shapes
from faults import Fault, blue_first, no_normalisation, wrong_normalisation
from PIL import Image
from small_network import PREPROCESS, Case

from edgessl import catalog
from edgessl.artifact.metadata import KEY
from edgessl.data.decode import FORMATS, MAX_PIXELS, MIN_SIDE_PX, BadImage, read_image
from edgessl.data.preprocess import Preprocess
from edgessl.data.value_range import ValueRange
from edgessl.pipeline.predict import predict_images

RUNNER = catalog.root() / "export/runners/python/run.py"


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleType]:
    """``run.py`` as a module."""
    limit = Image.MAX_IMAGE_PIXELS
    spec = importlib.util.spec_from_file_location("edgessl_runner", RUNNER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    Image.MAX_IMAGE_PIXELS = limit


@pytest.fixture(scope="module")
def moved(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, copied without the checkpoint to another place."""
    folder = tmp_path_factory.mktemp("device") / "somewhere else"
    folder.mkdir()
    for name in json.loads((case.ckpt.parent / "manifest.json").read_text())["files"]:
        shutil.copy(case.ckpt.parent / name, folder / name)
    shutil.copy(case.ckpt.parent / "manifest.json", folder / "manifest.json")
    return folder


def pictures(folder: Path) -> list[Path]:
    """Write one small picture of every kind that needs a conversion of its own."""
    draw = np.random.default_rng(3)
    rgb = Image.fromarray(draw.integers(0, 256, (61, 97, 3), dtype=np.uint8))
    rgba = Image.fromarray(draw.integers(0, 256, (61, 97, 4), dtype=np.uint8))
    deep = Image.fromarray(draw.integers(0, 65536, (90, 70), dtype=np.uint16))
    real = Image.fromarray(draw.random((90, 70), dtype=np.float32))
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "rgb.png": (rgb, {}), "photo.jpg": (rgb, {"quality": 90}),
        "grey.png": (rgb.convert("L"), {}), "one_bit.png": (rgb.convert("1"), {}),
        "cmyk.jpg": (rgb.convert("CMYK"), {}),
        "ycbcr.tif": (rgb.convert("YCbCr"), {}), "lab.tif": (rgb.convert("LAB"), {}),
        "palette.gif": (rgb.quantize(16), {}), "clear.gif": (rgb.quantize(16), {"transparency": 3}),
        "alpha.png": (rgba, {}), "grey_alpha.png": (rgba.convert("LA"), {}),
        "clear_rgb.png": (rgb, {"transparency": (1, 2, 3)}), "deep.png": (deep, {}),
        "real.tif": (real, {}), "web.webp": (rgb, {}), "odd.bmp": (rgb, {}),
        "animated.gif": (rgb.quantize(8), {"save_all": True, "append_images": [rgb.quantize(4)]}),
    }  # fmt: skip
    for name, (image, options) in kinds.items():
        image.save(folder / name, **options)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.save(folder / f"turned{orientation}.jpg", exif=exif)
    for ratio in (3, 5):
        tall = draw.integers(0, 256, (100 * ratio, 100, 3), dtype=np.uint8)
        Image.fromarray(tall).save(folder / f"tall{ratio}.png")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("preprocess", [PREPROCESS, Preprocess(50, 64, "bicubic")])
def test_every_kind_of_image_becomes_the_same_input_bit_for_bit(
    runner: ModuleType, tmp_path: Path, preprocess: Preprocess
) -> None:
    found = pictures(tmp_path)
    assert len(found) == 27
    for path in found:
        ours, theirs = read_image(path), runner.read_image(path)
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs), err_msg=path.name)
        pixels = runner.crop_pixels(theirs, preprocess.to_dict())
        np.testing.assert_array_equal(preprocess.pixels(ours), pixels, err_msg=path.name)
        np.testing.assert_array_equal(
            preprocess.normalise(pixels), runner.normalise(pixels, preprocess.to_dict())
        )


@pytest.mark.parametrize("scale", [None, ValueRange((0, 4095), (0, 255)), ValueRange((50, 900))])
def test_more_than_8_bits_are_scaled_alike(
    runner: ModuleType, tmp_path: Path, scale: ValueRange | None
) -> None:
    for channels in (1, 2, 3, 4):
        values = np.stack([shapes(channels + i, 4000) for i in range(channels)], 2)
        deep = values.astype(np.uint16) * (16 if channels in (2, 4) else 1)
        save_png16(tmp_path / f"{channels}.png", deep[..., 0] if channels == 1 else deep)
        if channels > 2:
            for order in "<>":
                save_tiff16(tmp_path / f"{channels}{ord(order)}.tif", deep, order)
    for top in (0.9, 3, 250, 4000):
        save_float(tmp_path / f"float{top}.tif", shapes(1, top))
    save_float(tmp_path / "negative.tif", shapes(2, 3000) - 1000)
    Image.fromarray(shapes(3, 70_000).astype(np.int32)).save(tmp_path / "wide.tif")
    plain = None if scale is None else scale.to_dict()
    for path in sorted(tmp_path.iterdir()):
        ours, theirs = read_image(path, value_range=scale), runner.read_image(path, plain)
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs), err_msg=path.name)
        if scale is None:
            assert np.asarray(ours).std() > 1


def test_the_scale_comes_from_the_model(runner: ModuleType) -> None:
    values = Preprocess(36, 32, value_range=ValueRange((0, 4095))).to_dict()
    assert runner.checked_preprocess(values)["value_range"] == {"integers": [0, 4095]}
    for wrong in ({"integers": [9, 3]}, {"integers": [0, float("nan")]}):
        with pytest.raises(ValueError, match="value_range must rise"):
            runner.checked_preprocess({**values, "value_range": wrong})


def test_real_photographs_become_the_same_input_bit_for_bit(
    runner: ModuleType, real_images: Path
) -> None:
    preprocess = Preprocess(256, 224, "bicubic")
    paths = sorted((real_images / "grocery38" / "test").rglob("*.jpg"))[::60][:20]
    assert len(paths) == 20
    for path in paths:
        pixels = runner.crop_pixels(runner.read_image(path), preprocess.to_dict())
        np.testing.assert_array_equal(preprocess.pixels(read_image(path)), pixels)


def test_the_limits_on_images_are_the_project_s(runner: ModuleType, tmp_path: Path) -> None:
    assert (runner.FORMATS, runner.MIN_SIDE_PX, runner.MAX_PIXELS) == (
        FORMATS, MIN_SIDE_PX, MAX_PIXELS,
    )  # fmt: skip
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("RGB", (100, 7)).save(tmp_path / "thin.png")
    for path in (*tmp_path.iterdir(), tmp_path / "gone.png", tmp_path):
        with pytest.raises(BadImage):
            read_image(path)
        with pytest.raises(runner.UserError, match="must be an image, got: "):
            runner.read_image(path)


def test_the_self_test_passes_in_a_moved_bundle_without_torch(moved: Path) -> None:
    done = run_bundle(moved, "--selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "5 test images: test images of the data set, made smaller"
    for line in (
        "pass  files, against manifest.json's sha256: ",
        "pass  preprocessing, the pixels after resize and crop against those of the export: "
        "differs by up to 0 of 255 levels, limit 0",
        "pass  model.onnx, logits against the checkpoint's: |d| up to ",
        "pass  model.batch1.onnx, logits against the checkpoint's: |d| up to ",
        "pass  model.e2e.onnx, logits against its own at the export: |d| up to ",
    ):
        (found,) = [one for one in said if one.startswith(f"  {line}")]
        assert "logits" not in line or found.endswith("; same top class on 5 of 5")
    assert "every check passed" in done.stdout


def test_the_self_test_fails_on_another_network_under_the_same_name(
    moved: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(moved, broken)
    model = onnx.load(str(broken / "model.onnx"))
    bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [3])
    values = onnx.numpy_helper.to_array(bias) + np.array([1, 0, 0], dtype=np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, str(broken / "model.onnx"))
    done = run_bundle(broken, "--selftest")
    assert done.returncode == 3
    told = "FAIL  files, against manifest.json's sha256: changed since the export: model.onnx"
    assert told in done.stdout
    assert "FAIL  model.onnx, logits against the checkpoint's: |d| up to " in done.stdout
    assert "pass  model.batch1.onnx" in done.stdout


def test_the_self_test_fails_where_no_model_is_there(moved: Path, tmp_path: Path) -> None:
    shutil.copytree(moved, tmp_path / "few", ignore=shutil.ignore_patterns("model*"))
    done = run_bundle(tmp_path / "few", "--selftest")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "FAIL  models: none is beside testvectors.npz; copy the whole folder" in done.stdout


def test_a_folder_for_the_numbers_is_refused_before_anything_is_measured(
    moved: Path, tmp_path: Path
) -> None:
    done = run_bundle(moved, "--bench", "--json", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == (
        f"error: --json: must be a file, got the folder '{tmp_path}'; "
        f"pass --json {tmp_path / 'bench.json'}"
    )


def failing_files(
    runner: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """Run the self-test of a folder in this process; give the lines of the checks that failed."""
    monkeypatch.setattr(runner, "HERE", folder)
    passed = runner.selftest()
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  FAIL")]
    assert passed == (not wrong)
    return [line.split()[1].rstrip(",") for line in wrong]


@pytest.fixture
def bare(moved: Path, tmp_path: Path) -> Path:
    """Two models and the vectors, without a manifest that would notice a change of them."""
    for name in ("testvectors.npz", "model.onnx", "model.e2e.onnx"):
        shutil.copy(moved / name, tmp_path / name)
    return tmp_path


def test_the_self_test_passes_without_a_manifest(
    runner: ModuleType, bare: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failing_files(runner, bare, monkeypatch, capsys) == []


@pytest.mark.parametrize(
    ("name", "wrong", "failed"),
    [
        # BGR, a resize to the nearest pixel, (x - 0.5) / 0.5, no normalisation
        ("crop_pixels", lambda crop: lambda *a: crop(*a)[::-1], ["preprocessing", "model.onnx"]),
        (
            "FILTERS", lambda filters: dict.fromkeys(filters, Image.Resampling.NEAREST),
            ["preprocessing", "model.onnx"],
        ),
        ("normalise", lambda _: lambda x, _: (x / np.float32(127.5)) - 1, ["model.onnx"]),
        ("normalise", lambda _: lambda x, _: x / np.float32(255), ["model.onnx"]),
    ],
    ids=["BGR", "nearest", "other mean and std", "only scaled"],
)
def test_the_self_test_fails_on_a_preprocessing_that_is_wrong(
    runner: ModuleType, bare: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], name: str, wrong: Callable[[Any], Any], failed: list[str],
) -> None:
    monkeypatch.setattr(runner, name, wrong(getattr(runner, name)))
    assert failing_files(runner, bare, monkeypatch, capsys) == failed


@pytest.mark.parametrize("fault", [blue_first, wrong_normalisation, no_normalisation])
def test_the_self_test_fails_on_a_fault_inside_a_file(
    runner: ModuleType, bare: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], fault: Fault,
) -> None:
    model = onnx.load(str(bare / "model.e2e.onnx"))
    fault(model)
    onnx.save(model, str(bare / "model.e2e.onnx"))
    assert failing_files(runner, bare, monkeypatch, capsys) == ["model.e2e.onnx"]


def test_one_model_and_the_script_are_enough(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    shutil.copy(RUNNER, folder / "run.py")
    shutil.copy(case.files["model.batch1.onnx"].path, folder / "mine.onnx")
    images = [str(path) for path in sorted(case.data.rglob("*.png"))[:2]]
    done = run_bundle(folder, *images)
    assert done.returncode == 0, done.stderr
    expected = predict_images(case.ckpt, [Path(path) for path in images])["predictions"]
    for line, image, entry in zip(done.stdout.splitlines(), images, expected, strict=True):
        best = entry["classes"][0]
        start = f"{image}: {best['name']} {100 * best['probability']:.1f} %"
        assert line.startswith(start)
        assert line.count(" %") == 3  # it shows five, and there are three classes


def test_features_are_described(tmp_path: Path, case: Case) -> None:
    shutil.copy(RUNNER, tmp_path / "run.py")
    shutil.copy(case.files["model.onnx"].path, tmp_path / "model.onnx")
    model = onnx.load(str(tmp_path / "model.onnx"))
    metadata = replace(case.files["model.onnx"].metadata, head="features", classes=())
    onnx.helper.set_model_props(model, {KEY: metadata.to_json()})
    onnx.save(model, str(tmp_path / "model.onnx"))
    done = run_bundle(tmp_path, str(next(case.data.rglob("*.png"))))
    assert done.returncode == 0, done.stderr
    assert "3 features, norm" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "IMAGE: must be at least one image file, got none"),
        (("--model", "gone.onnx", "x.jpg"), "gone.onnx: must be a model file, found none"),
        (("--model", str(RUNNER), "x.jpg"), "must end in .onnx or .ort"),
        (("--bench", "--json", "no/where.json"), "--json: must be in an existing folder"),
        (("--threads", "-1", "x.jpg"), "must not be negative"),
    ],
)
def test_a_mistake_is_said_in_one_line(
    runner: ModuleType, moved: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setattr(runner, "HERE", moved)
    with pytest.raises(runner.UserError, match=re.escape(words)) as caught:
        runner.main(list(arguments))
    assert len(str(caught.value).splitlines()) == 1


def test_a_mistake_is_exit_code_2(moved: Path) -> None:
    done = run_bundle(moved, "gone.jpg")
    assert done.returncode == 2
    assert done.stderr == (
        "error: gone.jpg: must be an image, got: missing, or not a file; leave it out or replace "
        "it\n"
    )


def test_a_broken_image_costs_no_other_its_answer(moved: Path, tmp_path: Path) -> None:
    for name in ("first", "last"):
        Image.new("RGB", (80, 80), "red").save(tmp_path / f"{name}.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "first.png").read_bytes()[:60])
    asked = [str(tmp_path / f"{name}.png") for name in ("first", "cut", "last")]
    done = run_bundle(moved, *asked)
    assert done.returncode == 2
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == asked[::2]
    assert done.stderr.startswith(f"error: {asked[1]}: must be an image, got: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_model_is_one_line_and_exit_code_2(moved: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes((moved / "model.onnx").read_bytes()[:1000])
    done = run_bundle(moved, "--model", str(damaged), "x.jpg")
    assert done.returncode == 2
    assert "must be a model that onnxruntime" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_bench_measures_every_model_with_the_keys_of_edgessl_bench(
    moved: Path, tmp_path: Path
) -> None:
    path, folder = tmp_path / "bench.json", tmp_path / "two models"
    folder.mkdir()
    names = {"model.onnx", "model.batch1.onnx"}
    for name in ("run.py", *names):
        shutil.copy(moved / name, folder / name)
    shutil.copy(moved / "model.onnx", folder / "model.failed.onnx")
    done = run_bundle(folder, "--bench", "--threads", "1", "--seconds", "0", "--json", str(path))
    assert done.returncode == 0, done.stderr
    document = json.loads(path.read_text())
    assert {entry["name"] for entry in document["models"]} == names
    for entry in document["models"]:
        assert entry.keys() >= {
            "path", "name", "size_mb", "sha256", "threads", "batch", "runs", "p50_ms", "p90_ms",
            "p99_ms", "min_ms", "mean_ms", "iqr_percent", "images_per_s", "warmup_runs",
            "warmup_stable", "load_ms", "first_run_ms", "cores_obtained", "peak_rss_mb",
            "rss_before_load_mb", "input", "torch_loaded", "notes", "samples_ms",
        }  # fmt: skip
        assert entry["runs"] >= 300
        assert entry["runs"] == sum(len(turn) for one in entry["samples_ms"] for turn in one)
        assert entry["min_ms"] <= entry["p50_ms"] <= entry["p90_ms"] <= entry["p99_ms"]
        assert entry["input"] == [1, 3, 64, 64]
        assert entry["torch_loaded"] is False
    device = document["device"]
    assert device["provider"] == "CPUExecutionProvider"
    assert {"cpu", "flags", "cores_usable", "versions", "os", "load_1min"} <= device.keys()


def test_the_device_is_described_as_edgessl_bench_does(runner: ModuleType) -> None:
    from edgessl.bench.measure.device import FLAGS, describe_device

    ours, theirs = describe_device(), runner.describe_device()
    assert set(ours) <= set(theirs)
    assert runner.FLAGS == FLAGS
    same = ("cpu", "machine", "flags", "cores", "cores_affinity", "cores_quota", "cores_usable")
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}


@pytest.mark.slow
def test_it_runs_in_an_environment_of_exactly_its_requirements(moved: Path, case: Case,
                                                               tmp_path: Path) -> None:
    # Last run 2026-11-21: 88 s, numpy 2.4.6, pillow 13.0.0, onnxruntime 1.31.1; all passed.
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = place / "bin" / "python"
    wanted = str(moved / "requirements.txt")
    subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", wanted], check=True)
    image = str(next(case.data.rglob("*.png")))
    for arguments in (["--selftest"], [image]):
        command = [str(python), str(moved / "run.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_ships_the_runner(tmp_path: Path) -> None:
    # Needs hatchling from the network. Last run 2026-11-21.
    root = catalog.root()
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), "."]
    subprocess.run(command, check=True, cwd=root)
    (wheel,) = tmp_path.glob("edgessl-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "edgessl/_catalog/export/runners/python/run.py" in names
    assert "edgessl/export/templates/model_card.md.j2" in names
