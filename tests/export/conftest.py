"""One small network, exported once for all tests here."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import typer
from npm import onnxruntime_web_from_here
from small_network import CLASSES, Case, Int8Bundle, write_checkpoint, write_images
from typer.testing import CliRunner

from edgessl.cli.export import export
from edgessl.cli.predict import predict
from edgessl.export.core import Core
from edgessl.export.formats.products import products_of
from edgessl.export.product import Product
from edgessl.pipeline import export as story


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
        products: list[Product] = []

        def keep(core: Core, formats: tuple[str, ...]) -> tuple[Product, ...]:
            products.extend(products_of(core, formats))
            return tuple(products)

        patch.setattr(story, "products_of", keep)
        files = story.export(ckpt, formats=("onnx", "torchscript", "pt2", "ort")).files
        patch.setattr(story, "products_of", products_of)
        yield Case(
            ckpt, data, {file.path.name: file for file in files},
            {product.name: product for product in products},
        )


@pytest.fixture(scope="session")
def int8_bundle(tmp_path_factory: pytest.TempPathFactory, app: typer.Typer) -> Int8Bundle:
    """What one run of `edgessl export --int8 --web --cpp` left and said."""
    root = tmp_path_factory.mktemp("int8")
    data = write_images(root / "data", CLASSES)
    ckpt = write_checkpoint(root / "ckpt.pt", CLASSES, str(data))
    # The classifier is random, and so is what it loses on nine images.
    command = ["export", str(ckpt), "--onnx", "--int8", "--web", "--cpp", "--max-drop", "100"]
    with pytest.MonkeyPatch.context() as patch, onnxruntime_web_from_here(patch) as downloads:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        done = CliRunner().invoke(app, [*command, "--json"])
        assert done.exit_code == 0, done.exception
        return Int8Bundle(root, json.loads(done.stdout)["files"], done.stderr, downloads)
