"""Whatever an export reads of the data set must still be what was listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgessl.data.decode import digest_of
from edgessl.data.original import Original, originals
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.export.bundle.vectors import make_vectors
from edgessl.export.gates.accuracy import HeldOut, answers_of
from edgessl.export.gates.preprocessing import shaped_images

PREPROCESS = Preprocess(36, 32)
READERS: dict[str, Callable[[Sequence[Original]], object]] = {
    "shapes of the preprocessing gate": lambda files: shaped_images(files, 32),
    "test vectors": lambda files: make_vectors(files, PREPROCESS),
    "accuracy": lambda files: answers_of(
        HeldOut(
            tuple(file.path for file in files), (0,) * len(files),
            digests=tuple(file.digest or "" for file in files),
        ),
        PREPROCESS, lambda images: np.zeros((len(images), 2), np.float32), (),
    ),
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Original, ...]:
    """Eight images as listed."""
    draw = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(8)]
    for path in paths:
        Image.fromarray(draw.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)
    return originals(paths, [digest_of(path.read_bytes()) for path in paths])


@pytest.mark.parametrize("reader", READERS)
def test_what_was_listed_is_read(files: tuple[Original, ...], reader: str) -> None:
    READERS[reader](files)


@pytest.mark.parametrize("reader", READERS)
def test_another_image_in_its_place_is_refused(files: tuple[Original, ...], reader: str) -> None:
    files[4].path.write_bytes(files[0].path.read_bytes())
    with pytest.raises(UserError, match=r"4\.png: must stay as it was when it was listed"):
        READERS[reader](files)


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_gone_is_named(files: tuple[Original, ...], reader: str) -> None:
    files[4].path.unlink()
    with pytest.raises(UserError, match=r"4\.png: must be an image, got: missing"):
        READERS[reader](files)


def test_where_nobody_relies_on_digests_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 10)).save(path)
    (file,) = originals([path])
    assert file.read().size == (20, 10)
