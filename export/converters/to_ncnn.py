# SPDX-License-Identifier: Apache-2.0
"""ONNX to NCNN with pnnx, a program that needs no torch. Asked for in job.json."""

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path


def program():
    """Return where the package has its program."""
    found = distribution("pnnx")
    for file in found.files or ():
        if file.stem == "pnnx" and file.parent.name == "pnnx":  # not bin/pnnx, which is Python
            return found.locate_file(file), found.version
    raise SystemExit("error: the package pnnx has no program in it")


def main(path):
    """Read job.json, and write network.ncnn.param, network.ncnn.bin and result.json beside it."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    executable, version = program()
    Path(executable).chmod(0o755)
    shape = "[" + ",".join(map(str, job["shape"])) + "]"
    command = [str(executable), job["model"], f"inputshape={shape}f32", f"fp16={int(job['fp16'])}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not Path("network.ncnn.param").is_file():
        raise SystemExit(f"error: pnnx ended with {done.returncode}: {done.stderr[-300:]}")
    Path("result.json").write_text(json.dumps({"versions": {"pnnx": version}}), encoding="utf-8")


main(sys.argv[1])
