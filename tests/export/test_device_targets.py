"""Files for a device are converted, proven in their own runtime, and open like any other file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer
from device_commands import COMMANDS
from small_network import CLASSES, write_checkpoint, write_images
from typer.testing import CliRunner

from edgessl import catalog
from edgessl.artifact import open_artifact
from edgessl.artifact.opened import SUFFIXES
from edgessl.bench.measure.opened import How
from edgessl.bench.measure.process import Worker
from edgessl.export.target import read_target
from edgessl.export.targets.names import DEVICE_NAMES, ENVIRONMENTS
from edgessl.export.targets.products import TARGETS
from edgessl.pipeline.predict import predict_images
from edgessl.pipeline.profile import profile_subject
from edgessl.runtimes.environment import read_environment
from edgessl.runtimes.formats import DEVICE_FORMATS, companions_of

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is not installed here: pip install openvino"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, app: typer.Typer) -> Path:
    """What `edgessl export --target openvino` left of a random classifier."""
    root = tmp_path_factory.mktemp("openvino")
    data = write_images(root / "data", CLASSES)
    ckpt = write_checkpoint(root / "ckpt.pt", CLASSES, str(data))
    command = ["export", str(ckpt), "--target", "openvino", "--out", str(root / "out"), "--json"]
    done = CliRunner().invoke(app, [*command, "--max-drop", "100"])
    assert done.exit_code == 0, (done.output, done.exception)
    (root / "out/said.json").write_text(done.stdout)
    return root / "out"


def test_every_declared_target_of_a_device_has_names_and_environments() -> None:
    declared = [read_target(name) for name in catalog.entries("targets")]
    formats = [target.formats[0] for target in declared if target.for_device]
    assert sorted(formats) == sorted(TARGETS) == sorted(DEVICE_NAMES) == sorted(ENVIRONMENTS)
    for kind in formats:
        for name in DEVICE_NAMES[kind].values():
            assert SUFFIXES[Path(name).suffix] == kind
        for name in ENVIRONMENTS[kind]:
            assert read_environment(name).size_mb > 0
    assert {one.environment for one in DEVICE_FORMATS.values()} <= set(
        catalog.entries("environments")
    )


@needs_openvino
def test_every_file_passed_its_gates_in_openvino_itself(bundle: Path) -> None:
    files = json.loads((bundle / "said.json").read_text())["files"]
    assert [Path(file["path"]).name for file in files] == list(DEVICE_NAMES["openvino"].values())
    for file in files:
        gates = {gate["name"]: gate for gate in file["gates"]}
        assert {gate["status"] for gate in gates.values()} == {"pass"}, gates
        assert gates["own runtime"]["numbers"]["runtime"] == "openvino"
        assert {"parity on images", "accuracy", "labels"} <= gates.keys()


@needs_openvino
def test_what_it_computes_with_is_read_back(bundle: Path) -> None:
    for kind, allowed in (("", {"f32"}), (".fp16", {"f32", "f16"}), (".int8", {"u8", "i8"})):
        process = open_artifact(bundle / f"model{kind}.xml").process
        assert process is not None
        computes = process.report()["computes"]
        total = sum(computes.values())
        assert total > 50  # MobileNetV2 has 53 products
        within = sum(count for numbers, count in computes.items() if numbers in allowed)
        assert within >= (0.9 * total if kind == ".int8" else total), (kind, computes)


@needs_openvino
def test_fp16_halves_the_weights_and_int8_quarters_them(bundle: Path) -> None:
    sizes = [(bundle / f"model{kind}.bin").stat().st_size for kind in ("", ".fp16", ".int8")]
    assert 1.9 < sizes[0] / sizes[1] < 2.1
    assert 3.0 < sizes[0] / sizes[2] < 4.1


@needs_openvino
def test_predict_and_profile_and_a_timing_process_open_it(bundle: Path) -> None:
    path = bundle / "model.xml"
    image = next((bundle.parent / "data/test").rglob("*.png"))
    (answer,) = predict_images(path, [image])["predictions"]
    assert {entry["name"] for entry in answer["classes"]} == set(CLASSES)
    cost = profile_subject(str(path))
    assert cost["macs"] > cost["params"] > 2_000_000
    with Worker(path, How(1, 1, "CPUExecutionProvider")) as worker:
        assert min(worker.run(3)) > 0
        report = worker.report()
    assert report["runtime"] == "openvino"
    assert not report["torch_loaded"]


@needs_openvino
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_opens_it(command: str, bundle: Path, tmp_path: Path) -> None:
    COMMANDS[command](bundle / "model.int8.xml", bundle.parent / "data", tmp_path)


@needs_openvino
def test_a_process_that_times_it_is_quiet(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Worker(bundle / "model.xml", How(1, 1, "CPUExecutionProvider")) as worker:
        worker.run(1)
    assert capfd.readouterr() == ("", "")


@needs_openvino
def test_the_bundle_runs_alone_and_without_onnxruntime(bundle: Path, tmp_path: Path) -> None:
    needed = (bundle / "requirements.txt").read_text()
    assert "openvino==" in needed
    assert "onnxruntime" not in needed
    folder = tmp_path / "device"
    shutil.copytree(bundle, folder)
    program = (
        "import runpy, sys\n"
        "for name in ('onnxruntime', 'torch', 'edgessl'): sys.modules[name] = None\n"
        "sys.path.insert(0, '.')\n"
        "sys.argv = ['run.py', '--selftest']\n"
        "runpy.run_path('run.py', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  pass  model") == 3


@needs_openvino
def test_a_network_that_came_out_wrong_gets_no_name(
    bundle: Path, app: typer.Typer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a converter that swaps the colours would: red and blue of the first weights change."""
    from edgessl.export.core import Core

    ckpt = bundle.parent / "ckpt.pt"
    right = Core.graph.func  # type: ignore[attr-defined]

    def wrong(core: Core) -> object:
        from onnx import numpy_helper

        graph = right(core)
        for tensor in graph.graph.initializer:
            if len(tensor.dims) == 4 and tensor.dims[1] == 3:
                weight = numpy_helper.to_array(tensor)[:, ::-1]
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(weight), tensor.name))
        return graph

    monkeypatch.setattr(Core, "graph", property(wrong))
    command = ["export", str(ckpt), "--target", "openvino", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*command, "--max-drop", "100"])
    assert done.exit_code != 0
    assert (tmp_path / "model.failed.xml").is_file()
    assert (tmp_path / "model.failed.bin").is_file()
    assert not (tmp_path / "model.xml").exists()
    assert "parity on images" in str(done.exception)


@pytest.mark.skipif(
    not all(map(find_spec, ("ncnn", "pnnx"))), reason="ncnn and pnnx are not installed here"
)
def test_every_file_passes_its_gates_in_ncnn(
    tmp_path: Path, app: typer.Typer
) -> None:
    data = write_images(tmp_path / "data", CLASSES)
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, str(data))
    command = ["export", str(ckpt), "--target", "ncnn", "--json", "--max-drop", "100"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, (done.output, done.exception)
    for file in json.loads(done.stdout)["files"]:
        assert {gate["status"] for gate in file["gates"]} == {"pass"}


@needs_openvino
def test_a_model_without_its_weights_is_refused(bundle: Path, tmp_path: Path) -> None:
    shutil.copy(bundle / "model.xml", tmp_path)
    (missing,) = companions_of(tmp_path / "model.xml")
    with pytest.raises(Exception, match=f"must have {missing.name} beside it"):
        open_artifact(tmp_path / "model.xml")
