"""Every name that an export can give a file. Other names are never read out of a manifest."""

from __future__ import annotations

from typing import Literal

from edgessl.export.bundle import onnxruntime_web
from edgessl.export.formats.products import NAMES
from edgessl.export.targets.names import DEVICE_NAMES

WHAT = {
    "run.py": "runs, tests and times the models; numpy, pillow and onnxruntime only",
    "requirements.txt": "what run.py imports",
    "labels.txt": "class names, in the order of the outputs",
    "preprocess.json": "how an image becomes the network's input",
    "testvectors.npz": "test images with the outputs they must give",
    "MODEL_CARD.md": "data, method, metrics, limits, licences",
}
"""The files around the models."""

Runner = Literal["web", "cpp"]

WEB = {
    "index.html": "a page that runs the models in a browser; start it with serve.py",
    "app.js": "the page: pictures in, classes and milliseconds out",
    "network.js": "the page: the models through onnxruntime-web",
    "preprocess.js": "the page: resize, crop and normalise, as preprocess.json says",
    "selftest.js": "the page: the test images",
    "enrol.js": "the page: classes that are added in the browser",
    "npz.js": "the page: reads testvectors.npz",
    "style.css": "the page: its looks",
    "places.js": "the page: boxes and masks drawn and compared",
    "serve.py": "serves the page on this computer; Python alone",
    "README.md": "how to serve and test the page",
    "vendor/LICENSE.txt": "the licence of onnxruntime-web",
}
CPP = {
    "main.cpp": "runs, tests and times the end-to-end models in C++",
    "places.h": "boxes and masks, for main.cpp",
    "CMakeLists.txt": "builds main.cpp",
    "README.md": "how to build and run it",
}
VENDORED = {f"vendor/{name}": what for name, what in onnxruntime_web.FILES.items()}
FILES: dict[Runner, dict[str, str]] = {"web": {**WEB, **VENDORED}, "cpp": CPP}
"""What lies in each runner's folder, and what each file is for."""

DEVICES_RUNNER = "runtimes.py"
"""The program beside run.py that opens models for the runtimes of devices, where there are any."""
MODELS = frozenset(
    (
        *(name for names in NAMES.values() for name in names),
        *(name for names in DEVICE_NAMES.values() for name in names.values()),
    )
)
"""Models that passed their gates."""
AROUND = frozenset(
    (
        *WHAT, DEVICES_RUNNER,
        *(f"{runner}/{name}" for runner, names in FILES.items() for name in names),
    )
)
"""All else that a manifest lists."""
