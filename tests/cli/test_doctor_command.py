"""`edgessl doctor` says what can be used here, and what to type for what cannot."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from edgessl import catalog
from edgessl.cli import app
from edgessl.pipeline import doctor as story
from edgessl.pipeline.doctor import doctor
from edgessl.runtimes.environment import read_environment


def test_every_target_device_and_environment_has_its_line() -> None:
    found = doctor()
    for key, kind in (("targets", "targets"), ("bench", "devices"),
                      ("environments", "environments")):  # fmt: skip
        assert [entry["name"] for entry in found[key]] == list(catalog.entries(kind))
        assert {entry["state"] for entry in found[key]} <= {"ready", "on demand", "not here"}
    assert found["versions"]["torch"]
    assert found["devices"][0] == {
        "name": "cpu", "state": "ready", "about": f"{found['cores']} core(s)", "type": "",
    }  # fmt: skip


def test_what_onnxruntime_runs_is_ready_and_says_the_command() -> None:
    found = {entry["name"]: entry for entry in doctor()["targets"]}
    assert found["cpu"]["state"] == found["arm64"]["state"] == "ready"
    assert found["arm64"]["type"] == "edgessl export ckpt.pt --target arm64"


def test_a_target_whose_converter_cannot_be_had_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def from_elsewhere(name: str) -> object:
        changes = {"python": "<3", "package": "no-such-package-here"}
        return read_environment(name).model_copy(update=changes)

    monkeypatch.setattr(story, "read_environment", from_elsewhere)
    found = {entry["name"]: entry for entry in doctor()["targets"]}
    assert found["openvino"]["state"] == "not here"
    assert "made for Python <3" in found["openvino"]["about"]
    assert found["openvino"]["type"] == "python -m pip install no-such-package-here"


def test_what_would_be_made_says_its_size_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path))
    monkeypatch.setattr(story, "is_installed", lambda _environment: False)
    found = {entry["name"]: entry for entry in doctor()["targets"]}
    assert found["openvino"]["state"] == "on demand"
    assert " MB, " in found["openvino"]["about"]
    assert found["openvino"]["type"] == "edgessl export ckpt.pt --target openvino"


def test_formats_of_other_machines_say_what_to_type_there() -> None:
    found = {entry["name"]: entry for entry in doctor()["elsewhere"]}
    assert found["tensorrt"]["state"] == found["coreml"]["state"] == "not here"
    assert "trtexec --onnx=model.batch1.onnx" in found["tensorrt"]["type"]
    assert "--device coreml" in found["coreml"]["type"]


def test_the_command_prints_tables_or_one_document() -> None:
    printed = CliRunner().invoke(app, ["doctor"])
    assert printed.exit_code == 0, printed.exception
    for word in ("edgessl export --target", "openvino", "onnxruntime", "training"):
        assert word in printed.stdout
    as_json = CliRunner().invoke(app, ["doctor", "--json"])
    assert json.loads(as_json.stdout)["targets"]
