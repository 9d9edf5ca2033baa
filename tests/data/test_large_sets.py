"""Sets of a million images are read from every layout that they come in, with their labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from large_sets import (
    SPECIES,
    WORDS,
    in_folders,
    make_challenge,
    make_devkit,
    make_glc20,
    make_inat21,
    make_places365,
    make_places_folders,
)

from edgessl.data.array_file import bytes_of_array
from edgessl.data.dataset import Dataset, Tags
from edgessl.data.decode import read_image
from edgessl.data.hierarchy import find_hierarchy, hierarchy_of, read_hierarchy
from edgessl.data.load import load_dataset
from edgessl.data.named import home_of, recognise
from edgessl.errors import UserError


def _label(dataset: Dataset, stem: str) -> str:
    split = dataset.test
    assert split.labels is not None
    found = {path.stem: label for path, label in zip(split.paths, split.labels, strict=True)}
    return dataset.classes[found[stem]]


@pytest.mark.parametrize("make", [make_devkit, make_challenge])
def test_flat_validation_images_of_imagenet_get_the_class_of_their_list(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path)
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert (dataset.name, len(dataset.train), len(dataset.test)) == ("imagenet", 16, 8)
    assert dataset.classes == WORDS
    for number in range(1, 9):
        assert _label(dataset, f"ILSVRC2012_val_{number:08d}") == WORDS[number % 4]


def test_a_ground_truth_of_other_classes_is_refused(tmp_path: Path) -> None:
    make_devkit(tmp_path)
    data = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n1001\n")
    with pytest.raises(UserError, match=r"sound copy of imagenet.*names class 1001 of 1000"):
        recognise(tmp_path)


@pytest.mark.parametrize("parts", [("train", "val"), ("2021_train", "2021_valid")])
def test_species_of_inat21_bring_their_taxonomy(parts: tuple[str, str], tmp_path: Path) -> None:
    in_folders(tmp_path, SPECIES, parts)
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert (dataset.name, len(dataset.train), len(dataset.test)) == ("inat21", 16, 8)
    assert dataset.classes == ("Lumbricus terrestris", "Vicia sativa")
    levels = hierarchy_of(str(tmp_path), dataset.classes)
    assert [*levels] == ["kingdom", "phylum", "class", "order", "family", "genus"]
    assert levels["family"] == {"Lumbricus terrestris": "Lumbricidae", "Vicia sativa": "Fabaceae"}


def test_a_level_of_inat21_is_learned_without_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_inat21(tmp_path / "inat21")
    monkeypatch.setenv("EDGESSL_DATA", str(tmp_path))
    assert home_of("inat21") == tmp_path / "inat21"
    path = find_hierarchy("inat21", None)
    classes = ("Vicia sativa",)
    assert read_hierarchy(path, "kingdom", classes) == {"Vicia sativa": "Plantae"}
    with pytest.raises(UserError, match="got 'kingdm'; did you mean kingdom"):
        read_hierarchy(path, "kingdm", classes)


def test_numbered_folders_of_ones_own_are_not_taken_for_inat21(tmp_path: Path) -> None:
    in_folders(tmp_path, ("00000_red_apple", "00001_pear"))
    assert recognise(tmp_path) is None


def test_scenes_of_places_are_called_the_same_in_lists_and_folders(tmp_path: Path) -> None:
    make_places365(tmp_path / "lists")
    make_places_folders(tmp_path / "folders")
    listed = load_dataset(str(tmp_path / "lists"), val_percent=0)
    assert listed.classes == ("airfield", "apartment_building-outdoor")
    assert _label(listed, "Places365_val_00000003") == "apartment_building-outdoor"
    in_folder = load_dataset(str(tmp_path / "folders"), val_percent=0)
    assert (in_folder.name, in_folder.classes[0]) == ("places365", "airfield")
    assert (len(in_folder.train), len(in_folder.test)) == (16, 8)


def test_a_list_of_places_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    make_places365(tmp_path)
    (tmp_path / "places365_val.txt").write_text("../../secret.jpg 0\n")
    with pytest.raises(UserError, match="lies elsewhere"):
        recognise(tmp_path)


def test_patches_of_glc20_have_the_land_cover_in_them_as_labels(tmp_path: Path) -> None:
    make_glc20(tmp_path)
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert (dataset.name, len(dataset.train), len(dataset.test)) == ("glc20", 16, 8)
    assert dataset.classes == ("land cover 03", "land cover 07")
    tags = {path.stem: tags for path, tags in dataset.tags.items()}
    assert tags["1204"] == Tags(("land cover 03",))
    assert tags["1205"] == Tags(("land cover 03", "land cover 07"))


def test_labels_of_patches_are_read_once(tmp_path: Path) -> None:
    make_glc20(tmp_path)
    before = recognise(tmp_path)
    for path in (tmp_path / "patches_us").rglob("*.npy"):
        path.unlink()
    after = recognise(tmp_path)
    assert before is not None
    assert after is not None
    assert after.entries == before.entries


def test_an_array_of_bytes_is_an_image(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 5), dtype=np.uint8)
    np.save(tmp_path / "patch.npy", pixels)
    assert np.array_equal(np.asarray(read_image(tmp_path / "patch.npy")), pixels[:, :, :3])


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 1), np.uint8),
     np.asfortranarray(np.zeros((4, 5, 3), np.uint8))],
)  # fmt: skip
def test_other_arrays_are_refused(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(ValueError, match="not of rows x columns x colours in bytes"):
        bytes_of_array((tmp_path / "other.npy").read_bytes())


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "cut.npy", np.zeros((16, 16, 5), np.uint8))
    content = (tmp_path / "cut.npy").read_bytes()[:-1]
    with pytest.raises(ValueError, match="are not those of its shape"):
        bytes_of_array(content)
