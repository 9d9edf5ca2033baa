"""One small network, exported once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from small_network import CLASSES, Case, write_checkpoint, write_images

from edgessl.cli.export import export
from edgessl.cli.predict import predict
from edgessl.export.core import Core
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
        listed = story.products_of

        def keep(core: Core, formats: tuple[str, ...]) -> tuple[Product, ...]:
            products.extend(listed(core, formats))
            return tuple(products)

        patch.setattr(story, "products_of", keep)
        files = story.export_checkpoint(ckpt, formats=("onnx", "torchscript", "pt2", "ort"))
        patch.setattr(story, "products_of", listed)
        yield Case(
            ckpt, data, {file.path.name: file for file in files},
            {product.name: product for product in products},
        )
