"""Every target for devices passes its gates in its own runtime, and its bundle runs alone.

Runs where the environments of a target are installed, or in the cache already; none is made here,
for the tests use no network. But with EDGESSL_TEST_NETWORK=1 each bundle also runs in a fresh
environment that has what its requirements.txt lists, and no more. Last run on 2026-11-27, Python
3.11 on x86-64.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from device_commands import COMMANDS
from small_network import CLASSES, write_checkpoint, write_images
from typer.testing import CliRunner

from edgessl.export.targets.names import DEVICE_NAMES, ENVIRONMENTS
from edgessl.export.targets.products import TARGETS
from edgessl.runtimes.environment import is_installed, is_made, python_for, read_environment
from edgessl.runtimes.formats import DEVICE_FORMATS

pytestmark = pytest.mark.slow


def skip_unless_here(target: str) -> None:
    """Skip where an environment would have to be made."""
    for name in ENVIRONMENTS[target]:
        declared = read_environment(name)
        if not (is_installed(declared) or is_made(name, declared)):
            pytest.skip(f"{name} is not here: edgessl export ckpt.pt --target {target} makes it")


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_passes_its_gates_and_its_bundle_runs_alone(
    target: str, tmp_path: Path, app: typer.Typer
) -> None:
    skip_unless_here(target)
    data = write_images(tmp_path / "data", CLASSES)
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, str(data))
    out = tmp_path / "out"
    command = ["export", str(ckpt), "--target", target, "--out", str(out), "--json"]
    done = CliRunner().invoke(app, [*command, "--max-drop", "100"])
    assert done.exit_code == 0, (done.output, done.exception)
    names = list(DEVICE_NAMES[target].values())
    files = json.loads(done.stdout)["files"]
    assert [Path(file["path"]).name for file in files] == names
    for file in files:
        gates = {gate["name"]: gate for gate in file["gates"]}
        assert {gate["status"] for gate in gates.values()} == {"pass"}, gates
        assert {"own runtime", "parity on images", "accuracy", "labels"} <= gates.keys()
    for command in COMMANDS.values():
        command(out / names[-1], data, tmp_path)
    runs_alone(target, out, names, tmp_path / "device")
    if os.environ.get("EDGESSL_TEST_NETWORK") == "1":
        runs_in_a_fresh_environment(out, names, tmp_path / "fresh")


def runs_alone(target: str, bundle: Path, names: list[str], folder: Path) -> None:
    """Run a copy of the bundle with the runtime's Python, that knows nothing of edgessl."""
    shutil.copytree(bundle, folder)
    runtime = next(one.environment for one in DEVICE_FORMATS.values() if one.name == target)
    python = python_for(runtime, print)
    pillow = find_spec("PIL")
    assert pillow is not None
    assert pillow.origin is not None
    beside = str(Path(pillow.origin).parents[1])  # pillow may be missing there
    program = (
        "import runpy, sys\n"
        "for name in ('onnxruntime', 'edgessl'): sys.modules[name] = None\n"
        f"sys.path[:0] = ['.']; sys.path.append({beside!r})\n"
        "sys.argv = ['run.py', '--selftest']\n"
        "runpy.run_path('run.py', run_name='__main__')\n"
    )
    done = subprocess.run(
        [str(python), "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  pass  model") == len(names)


def runs_in_a_fresh_environment(bundle: Path, names: list[str], folder: Path) -> None:
    """Run a copy of the bundle with what its requirements.txt lists, and no more.

    torch, which only ExecuTorch's bundle lists, is taken from here: it has gigabytes.
    """
    shutil.copytree(bundle, folder)
    needed = (bundle / "requirements.txt").read_text().splitlines()
    place = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    if any(line.startswith("torch") for line in needed):
        own = next((place / "lib").glob("python*/site-packages"))
        (own / "zz_torch.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = str(place / "bin" / "python")
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for command in (["-m", "pip", "install", "-q", "-r", "requirements.txt"],
                    ["run.py", "--selftest"]):  # fmt: skip
        done = subprocess.run(
            [python, *command], cwd=folder, env=kept, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  pass  model") == len(names)
