"""The story of ``edgessl doctor``: what can be used here, and what to type for what cannot."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edgessl import __version__, catalog
from edgessl.bench.measure.device import read_device
from edgessl.cores import usable_cores
from edgessl.export.target import Target, read_target
from edgessl.export.targets.elsewhere import ELSEWHERE
from edgessl.export.targets.names import ENVIRONMENTS
from edgessl.runtimes.environment import (
    Environment,
    cannot_make,
    is_installed,
    is_made,
    offline,
    place_of,
    read_environment,
)

PACKAGES = (
    "torch", "torchvision", "timm", "onnx", "onnxscript", "onnxruntime", "openvino", "ncnn",
    "ai-edge-litert", "executorch", "numpy", "pillow",
)  # fmt: skip
READY, ON_DEMAND, NOT_HERE = "ready", "on demand", "not here"


def doctor() -> dict[str, Any]:
    """Look at what is installed and what of edgessl can be used with it; nothing is changed.

    Returns:
        ``versions``, ``devices`` of training, ``bench`` devices, export ``targets``,
        formats that are made ``elsewhere`` and ``environments``, each entry with ``name``,
        ``state`` (``ready``, ``on demand`` or ``not here``), ``about`` and the line to ``type``
        where there is one.
    """
    return {
        "edgessl": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": usable_cores(),
        "offline": offline(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "devices": _training_devices(),
        "bench": [_bench_device(name) for name in catalog.entries("devices")],
        "targets": [_target(name) for name in catalog.entries("targets")],
        "elsewhere": [
            _entry(one.name, NOT_HERE, one.why, f"edgessl export ckpt.pt --onnx, then {line}")
            for one in ELSEWHERE.values() for line in one.lines[:1]
        ],
        "environments": [_environment(name) for name in catalog.entries("environments")],
    }


def _entry(name: str, state: str, about: str, type_: str = "") -> dict[str, Any]:
    return {"name": name, "state": state, "about": about, "type": type_}


def _training_devices() -> list[dict[str, Any]]:
    import torch

    if torch.cuda.is_available():
        names = ", ".join(
            torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())
        )
        cuda = _entry("cuda", READY, names, "edgessl recipe NAME --data DATA --device cuda")
    else:
        built = torch.version.cuda
        why = f"torch is built for CUDA {built}, and finds no GPU" if built else (
            "torch is built without CUDA"
        )
        cuda = _entry("cuda", NOT_HERE, why, "" if built else "see pytorch.org/get-started")
    mps = torch.backends.mps.is_available()
    return [
        _entry("cpu", READY, f"{usable_cores()} core(s)"),
        cuda,
        _entry("mps", READY if mps else NOT_HERE, "Apple GPUs" if mps else "macOS only"),
    ]


def _bench_device(name: str) -> dict[str, Any]:
    import onnxruntime

    from edgessl.artifact.session import PACKAGES as WAYS

    provider = read_device(name).provider
    if provider in onnxruntime.get_available_providers():
        return _entry(name, READY, provider, f"edgessl bench model.onnx --device {name}")
    return _entry(name, NOT_HERE, f"onnxruntime has no {provider}", WAYS.get(provider, ""))


def _target(name: str) -> dict[str, Any]:
    target = read_target(name)
    line = f"edgessl export ckpt.pt --target {name}"
    needed = _needed(target)
    states = [_environment(one) for one in needed]
    about = ", ".join(target.formats)
    for state in states:
        if state["state"] == NOT_HERE:
            return _entry(name, NOT_HERE, f"{about}; {state['name']}: {state['about']}",
                          state["type"])  # fmt: skip
    waiting = [state for state in states if state["state"] == ON_DEMAND]
    if waiting:
        made = " and ".join(f"{state['name']} ({state['about']})" for state in waiting)
        return _entry(name, ON_DEMAND, f"{about}; makes {made}", line)
    return _entry(name, READY, about, line)


def _needed(target: Target) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(one for kind in target.formats for one in ENVIRONMENTS.get(kind, ()))
    )


def _environment(name: str) -> dict[str, Any]:
    environment = read_environment(name)
    if is_installed(environment):
        return _entry(name, READY, f"{environment.package} {_version(environment.package)}, "
                                   f"in {sys.prefix}")  # fmt: skip
    if is_made(name, environment):
        return _entry(name, READY, f"in {place_of(name, environment)}")
    if reason := cannot_make(name, environment):
        return _entry(name, NOT_HERE, reason, f"python -m pip install {environment.package}")
    return _entry(name, ON_DEMAND, _price(environment))


def _price(environment: Environment) -> str:
    with_uv = ", with uv" if shutil.which("uv") else ""
    return f"about {environment.size_mb} MB, {environment.minutes:g} min{with_uv}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
