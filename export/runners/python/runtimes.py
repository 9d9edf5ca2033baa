#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a model in the runtime of its format: OpenVINO, NCNN, LiteRT or ExecuTorch.

run.py uses it for the models that onnxruntime does not run, and edgessl proves and times them
through it. It needs Python 3.9, numpy and the one runtime that the file asks for; ExecuTorch's
Python package needs torch as well, which its own runtime on a phone does not.

    python runtimes.py --serve     answer requests, one JSON line each; see serve()
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import xml.etree.ElementTree as xml
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

KEY = "edgessl"
PACKAGES = {".xml": "openvino", ".param": "ncnn", ".tflite": "ai-edge-litert",
            ".pte": "executorch"}  # fmt: skip
"""Suffix of a model -> the package on PyPI that runs it."""
COMPANIONS = {".xml": (".bin",), ".param": (".bin", ".json")}
"""Suffix of a model -> those of the files that belong to it, under the same name."""


class CannotRun(Exception):
    """A model cannot be used; the message says what must hold, and the way out."""


def read_about(path):
    """Return what edgessl wrote into, or beside, a model, as JSON text; empty where there is none.

    OpenVINO keeps it in rt_info, NCNN in a .json beside; LiteRT and ExecuTorch files end in a zip
    archive, which their runtimes do not look at.
    """
    path = Path(path)
    if path.suffix.lower() == ".xml":
        found = xml.parse(str(path)).getroot().find(f"rt_info/{KEY}")
        return "" if found is None else found.get("value", "")
    if path.suffix.lower() == ".param":
        beside = path.with_suffix(".json")
        return beside.read_text(encoding="utf-8") if beside.is_file() else ""
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"{KEY}.json").decode("utf-8")


class Network:
    """A model that is open.

    Attributes:
        answer: (B, 3, S, S) float32 -> (B, K) float32.
        package: What runs it, as PyPI calls it, with its version.
        one_image: Whether the file is made for one image; batches run image by image.
        computes: Its convolutions and matrix products by the numbers that they are computed with,
            as read back from the runtime, such as {"f32": 53}; empty where it does not tell.
    """

    def __init__(self, path, threads):
        self.path = Path(path)
        if not self.path.is_file():
            raise CannotRun(f"{path}: must be a model file, found none; check the path")
        suffix = self.path.suffix.lower()
        package = PACKAGES[suffix]
        missing = [
            self.path.with_suffix(other).name for other in COMPANIONS.get(suffix, ())
            if not self.path.with_suffix(other).is_file()
        ]  # fmt: skip
        if missing:
            raise CannotRun(
                f"{path}: must have {' and '.join(missing)} beside it, found none; "
                "copy the whole folder"
            )
        try:
            opened = OPENERS[suffix](self.path, threads)
            found = version(package)
        except ImportError as error:
            raise CannotRun(
                f"{path}: must be run by {package}, which is not installed ({error}); "
                f"run: python -m pip install {package}"
            ) from error
        except Exception as error:  # each runtime has errors of its own
            raise CannotRun(
                f"{path}: must be a model that {package} loads, got: {_reason(error)}; "
                "copy the file again, or export it again"
            ) from error
        self._run, self.one_image, self.computes = opened
        self.package, self.version = package, found

    def answer(self, images):
        """Run images (B, 3, S, S) float32."""
        images = np.ascontiguousarray(images, dtype=np.float32)
        if not self.one_image:
            return self._run(images)
        return np.concatenate([self._run(images[i : i + 1]) for i in range(len(images))])


def _reason(error):
    return " ".join(str(error).split())[:160] or type(error).__name__


# --- the runtimes: path and threads -> (run, whether one image at a time, what it computes in) ----


def _open_openvino(path, threads):
    import openvino

    # On CPUs that have bf16, OpenVINO takes that by itself, and answers change.
    settings = {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
    }  # fmt: skip
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(path)), "CPU", settings)
    request = compiled.create_infer_request()
    first = compiled.inputs[0].partial_shape[0]

    def run(images):
        request.infer([images], share_inputs=True)
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    computes = {}
    for node in compiled.get_runtime_model().get_ops():
        about = node.get_rt_info()
        kind = _text(about, "layerType")
        if kind in ("Convolution", "FullyConnected", "MatMul"):
            numbers = _text(about, "runtimePrecision")
            computes[numbers] = computes.get(numbers, 0) + 1
    return run, first.is_static and first.get_length() == 1, computes


def _text(about, key):
    found = about[key] if key in about else ""
    return str(getattr(found, "value", found))


def _open_ncnn(path, threads):
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for choice in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{choice}", False)  # what was proven, on every CPU
    if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
        raise ValueError("NCNN cannot read it")
    source, target = net.input_names()[0], net.output_names()[0]

    def run(images):
        extractor = net.create_extractor()
        extractor.input(source, ncnn.Mat(images[0]))
        failed, output = extractor.extract(target)
        if failed:
            raise ValueError("NCNN does not run it")
        return np.array(output, dtype=np.float32).reshape(1, -1)

    return run, True, _ncnn_numbers(path)


def _ncnn_numbers(path):
    """Count products by the key 8 of their lines, which says that they have int8 scales.

    All others compute with 32-bit floats: those of 16 bits are switched off where it is opened.
    """
    computes = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words and words[0] in ("Convolution", "ConvolutionDepthWise", "InnerProduct"):
            integer = any(word.startswith("8=") and word != "8=0" for word in words)
            numbers = "i8" if integer else "f32"
            computes[numbers] = computes.get(numbers, 0) + 1
    return computes


def _open_litert(path, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if source["dtype"] != np.float32 or target["dtype"] != np.float32:
        raise ValueError(f"it takes {np.dtype(source['dtype'])}, not float32")
    channels_last = source["shape"][-1] == 3

    def run(images):
        images = images.transpose(0, 2, 3, 1) if channels_last else images
        interpreter.set_tensor(source["index"], np.ascontiguousarray(images))
        interpreter.invoke()
        return interpreter.get_tensor(target["index"]).reshape(1, -1)

    return run, True, _litert_numbers(path)


def _litert_numbers(path):
    """Count products by the type of what goes in, in the graph as it is before any delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    types = {one["index"]: np.dtype(one["dtype"]) for one in interpreter.get_tensor_details()}
    computes = {}
    for node in interpreter._get_ops_details():
        if node["op_name"] in LITERT_PRODUCTS:
            kind = str(types[int(node["inputs"][0])])
            numbers = {"int8": "i8", "float32": "f32", "float16": "f16"}.get(kind, kind)
            computes[numbers] = computes.get(numbers, 0) + 1
    return computes


LITERT_PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL")


def _open_executorch(path, threads):
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    portable_lib._unsafe_reset_threadpool(threads)  # no model is open yet
    torch.set_num_threads(threads)
    content = path.read_bytes()
    program = Runtime.get().load_program(content)
    method = program.load_method("forward")

    def run(images, _kept=(content, program)):  # the method points into them: without, it crashes
        return method.execute([torch.from_numpy(images)])[0].numpy().reshape(1, -1).copy()

    return run, True, {}


OPENERS = {
    ".xml": _open_openvino, ".param": _open_ncnn, ".tflite": _open_litert,
    ".pte": _open_executorch,
}  # fmt: skip


# --- a process for edgessl -----------------------------------------------------------------------


def _import_runtime(suffix):
    modules = {".xml": "openvino", ".param": "ncnn", ".tflite": "ai_edge_litert.interpreter",
               ".pte": "executorch.runtime"}  # fmt: skip
    try:
        importlib.import_module(modules.get(suffix, "json"))
    except ImportError:
        return  # told where the model is opened


class _Served:
    """One open model, and what running it has taken so far."""

    def __init__(self, path, threads, batch=1, **_others):
        self.path = Path(path)
        _import_runtime(self.path.suffix.lower())  # which is not part of the model's load time
        before, start = memory_mb("VmRSS"), time.perf_counter()
        self.network = Network(path, threads)
        load_ms = 1000 * (time.perf_counter() - start)
        text = read_about(path)
        if not text:
            raise CannotRun(
                f"{path}: must carry edgessl's metadata, which says the image size, got none; "
                "pass a file that `edgessl export` wrote"
            )
        if self.network.one_image and batch != 1:
            raise CannotRun(f"{path}: its batch is fixed to 1, got --batch {batch}; pass --batch 1")
        side = int(json.loads(text)["input_px"])
        shape = (batch, 3, side, side)
        self.images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        self.wall_s = self.cpu_s = 0.0
        self.facts = {
            "runtime": self.network.package, "version": self.network.version,
            "computes": self.network.computes, "load_ms": load_ms,
            "first_run_ms": self._time(1)[0], "rss_before_load_mb": before,
            "rss_loaded_mb": memory_mb("VmRSS"), "metadata": text, "input": list(shape),
        }  # fmt: skip

    def _time(self, times):
        once, images, clock, runs_ms = self.network.answer, self.images, time.perf_counter, []
        for _ in range(times):
            start = clock()
            once(images)
            runs_ms.append(1000 * (clock() - start))
        return runs_ms

    def run(self, times):
        """Time a turn; one run more goes before, for another model has just emptied the caches."""
        self._time(1)
        cpu, wall = time.process_time(), time.perf_counter()
        runs_ms = self._time(times)
        self.cpu_s += time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall
        return runs_ms

    def sustain(self, seconds):
        """Run without a pause for some time."""
        runs_ms, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            runs_ms += self._time(1)
        return runs_ms

    def answer(self, images, answers):
        """Run the images of one .npy file, and write the answers to another one."""
        np.save(answers, self.network.answer(np.load(images)))
        return {}

    def report(self):
        """Return what is known so far."""
        return {
            **self.facts,
            "cores_obtained": self.cpu_s / self.wall_s if self.wall_s else None,
            "process_s": time.process_time(),
            "peak_rss_mb": memory_mb("VmHWM"),
            "torch_loaded": "torch" in sys.modules,
        }


def serve():
    """Answer requests until stdin ends, each one JSON line, as is its answer.

    {"do": "open", "path": ..., "threads": n, "batch": n}
    {"do": "answer", "images": FILE.npy, "answers": FILE.npy}
    {"do": "run", "times": n}        milliseconds of each run
    {"do": "sustain", "seconds": s}  the same
    {"do": "report"}
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes stdin
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    served, where = None, ""
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("do")
        try:
            if action == "open":
                where = request["path"]
                served, found = _Served(**request), {}
            else:
                found = getattr(served, action)(**request)
        except CannotRun as error:
            found = {"error": str(error), "mistake": True}
        except Exception as error:  # each runtime has errors of its own
            found = {
                "error": f"{where}: must run on its images, got: {_reason(error)}; "
                "pass a file that `edgessl export` wrote", "mistake": True,
            }  # fmt: skip
        answers.write(json.dumps(found) + "\n")
        answers.flush()


def memory_mb(key):
    """Return VmRSS (now) or VmHWM (peak) of this process; None off Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(key + ":")]
    return int(found[0].split()[1]) * 1024 / 1e6 if found else None


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        print(__doc__)
