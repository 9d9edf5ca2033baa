"""The test images of a run are found again, or the true reason is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_network import CLASSES, write_checkpoint, write_images

from edgessl import checkpoint
from edgessl.backbones import Deployable, deployable_from
from edgessl.data.load import load_dataset
from edgessl.data.of_run import reason_of
from edgessl.errors import UserError
from edgessl.export.gates.accuracy import HeldOut, check_accuracy, held_out


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployable:
    """The checkpoint of a run on a folder of three classes."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    data = write_images(tmp_path / "data", CLASSES)
    path = write_checkpoint(tmp_path / "ckpt.pt", CLASSES, str(data))
    deployable = deployable_from(checkpoint.load(path), str(path))
    fingerprint = load_dataset(str(data), val_percent=10.0).fingerprint
    history = {**deployable.provenance, "data_fingerprint": fingerprint}
    return replace(deployable, provenance=history)


def found(run: Deployable) -> HeldOut:
    return held_out(run.provenance, run.classes, None)


def test_the_run_s_own_images_are_found_again(run: Deployable) -> None:
    test = found(run)
    assert (len(test.labels), test.missing, test.changed) == (9, "", "")


def test_another_class_in_the_run_s_data_is_said_not_skipped(run: Deployable) -> None:
    folder = Path(run.provenance["data"])
    for split in ("train", "test"):
        (folder / split / "bee").rename(folder / split / "wasp")
    with pytest.raises(UserError, match="got unknown ones: wasp"):
        found(run)


def test_images_that_changed_since_are_told_in_the_finding(run: Deployable) -> None:
    next(Path(run.provenance["data"]).glob("test/*/*.png")).unlink()
    test = found(run)
    assert len(test.labels) == 8
    labels = np.asarray(test.labels)
    gate = check_accuracy(
        labels, labels, labels, max_drop_percent=1.0, changed=test.changed
    )
    assert gate.finding.endswith(
        "; the data changed since the run: its fingerprint is another one"
    )


def test_the_reason_is_told_where_the_data_cannot_be_read(run: Deployable) -> None:
    folder = Path(run.provenance["data"])
    for path in sorted(folder.rglob("*.png"))[4:]:
        path.write_bytes(b"")
    missing = found(run).missing
    assert missing.startswith("the data 'data' of the run is not to be had here (data: ")
    assert missing.endswith("); pass --data")
    assert "10" in missing
    assert str(folder.parent) not in missing


def test_a_reason_names_no_folder_of_this_machine() -> None:
    error = OSError("[Errno 13] denied: '/mnt/sets/pets/a.png', C:\\Users\\ann\\b.png and a/b/c")
    assert reason_of(error, "/mnt/sets/pets") == "[Errno 13] denied: 'pets/a.png', b.png and a/b/c"
