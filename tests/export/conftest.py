"""One small network, exported once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from small_network import CLASSES, Case, write_checkpoint, write_images

from edgessl.cli.export import export
from edgessl.cli.predict import predict
from edgessl.pipeline.export import export_checkpoint


@pytest.fixture(scope="session")
def app() -> typer.Typer:
    """The two verbs under test."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(export)
    app.command()(predict)
    return app


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A MobileNetV2 for three classes, exported to every format."""
    root = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        data = write_images(root / "data", CLASSES)
        ckpt = write_checkpoint(root / "ckpt.pt", CLASSES, str(data))
        files = export_checkpoint(ckpt, formats=("onnx", "torchscript", "pt2", "ort"))
        yield Case(ckpt, data, {file.path.name: file for file in files})
