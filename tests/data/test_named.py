"""Every named set is read from its own layout, in its official split, without the network."""

from __future__ import annotations

import json
import pickle
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from large_sets import make_glc20, make_inat21, make_places365
from pictures import class_folders, picture, save
from PIL import Image
from scipy.io import savemat

from edgessl.data import official
from edgessl.data.dataset import Tags
from edgessl.data.load import load_dataset, names
from edgessl.data.named import list_named, named_sets, recognise
from edgessl.errors import EdgesslError, UserError


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def make_pets(root: Path) -> None:
    base = root / "oxford-iiit-pet"
    breeds = ("Abyssinian", "american_bulldog")
    for part, numbers in (("trainval", range(1, 9)), ("test", range(9, 13))):
        rows = [f"{breed}_{n} {i + 1} 1 1" for i, breed in enumerate(breeds) for n in numbers]
        write(base / "annotations" / f"{part}.txt", ["# ids", *rows])
    for i, breed in enumerate(breeds):
        for n in range(1, 13):
            save(base / "images" / f"{breed}_{n}.jpg", 100 * i + n)


def make_flowers(root: Path) -> None:
    base = root / "flowers-102"
    for n in range(1, 13):
        save(base / "jpg" / f"image_{n:05d}.jpg", n)
    savemat(base / "imagelabels.mat", {"labels": np.array([[1, 2] * 6])})
    ids = {"trnid": [[1, 2, 3, 4]], "valid": [[5, 6, 7, 8]], "tstid": [[9, 10, 11, 12]]}
    savemat(base / "setid.mat", {key: np.array(value) for key, value in ids.items()})


def make_dtd(root: Path) -> None:
    base = root / "dtd" / "dtd"
    for seed, word in enumerate(("banded", "dotted")):
        for n in range(1, 13):
            save(base / "images" / word / f"{word}_{n:04d}.jpg", 100 * seed + n)
    for part, numbers in (("train", range(1, 5)), ("val", range(5, 9)), ("test", range(9, 13))):
        rows = [f"{word}/{word}_{n:04d}.jpg" for word in ("banded", "dotted") for n in numbers]
        write(base / "labels" / f"{part}1.txt", rows)


def make_aircraft(root: Path) -> None:
    base = root / "fgvc-aircraft-2013b" / "data"
    for n in range(24):
        save(base / "images" / f"{n:07d}.jpg", n)
    variants = ("F/A-18", "737-300 long name")
    rows = [f"{n:07d} {variants[n % 2]}" for n in range(24)]
    write(base / "images_variant_trainval.txt", rows[:16])
    write(base / "images_variant_test.txt", rows[16:])


def make_food(root: Path) -> None:
    base = root / "food-101"
    for part, numbers in (("train", range(8)), ("test", range(8, 12))):
        lists = {dish: [f"{dish}/{n}" for n in numbers] for dish in ("pie", "soup")}
        write(base / "meta" / f"{part}.json", [json.dumps(lists)])
    for seed, dish in enumerate(("pie", "soup")):
        for n in range(12):
            save(base / "images" / dish / f"{n}.jpg", 100 * seed + n)


def make_eurosat(root: Path) -> None:
    folders = ("AnnualCrop", "HerbaceousVegetation", "PermanentCrop", "SeaLake")
    class_folders(root / "eurosat" / "2750", dict.fromkeys(folders, 6))


def make_cub200(root: Path) -> None:
    base = root / "CUB_200_2011"
    birds = ("001.Black_footed_Albatross", "002.Laysan_Albatross")
    images = [f"{birds[n % 2]}/{birds[n % 2][4:]}_{n:04d}_796{n}.jpg" for n in range(24)]
    for n, image in enumerate(images):
        save(base / "images" / image, n)
    lists = {
        "classes": [f"{i} {bird}" for i, bird in enumerate(birds, 1)],
        "images": [f"{n} {image}" for n, image in enumerate(images, 1)],
        "image_class_labels": [f"{n} {(n - 1) % 2 + 1}" for n in range(1, 25)],
        "train_test_split": [f"{n} {int(n <= 16)}" for n in range(1, 25)],
    }
    for name, rows in lists.items():
        write(base / f"{name}.txt", rows)


def make_dogs(root: Path) -> None:
    breeds = ("n02085620-Chihuahua", "n02100236-German_short-haired_pointer")
    images = [f"{breeds[n % 2]}/{breeds[n % 2][:9]}_{n}.jpg" for n in range(24)]
    for n, image in enumerate(images):
        save(root / "Images" / image, n)
    for split, part in (("train", images[:16]), ("test", images[16:])):
        cells = np.empty((len(part), 1), dtype=object)
        cells[:, 0] = part
        labels = np.array([[n % 2 + 1] for n in range(len(part))])
        savemat(root / f"{split}_list.mat", {"file_list": cells, "labels": labels})


def make_cars(root: Path) -> None:
    base = root / "stanford_cars"
    for split, count in (("train", 16), ("test", 8)):
        for n in range(1, count + 1):
            save(base / f"cars_{split}" / f"{n:05d}.jpg", n if split == "train" else 100 + n)
    names = np.empty((1, 2), dtype=object)
    names[0] = ["AM General Hummer SUV 2000", "Ram C/V Cargo Van Minivan 2012"]
    (base / "devkit").mkdir()
    savemat(base / "devkit" / "cars_meta.mat", {"class_names": names})
    for file, count in (("devkit/cars_train_annos.mat", 16), ("cars_test_annos_withlabels.mat", 8)):
        rows = np.zeros((1, count), dtype=[(key, object) for key in (
            "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")])
        rows[0] = [(1, 2, 30, 40, n % 2 + 1, f"{n:05d}.jpg") for n in range(1, count + 1)]
        savemat(base / file, {"annotations": rows})


def make_caltech101(root: Path) -> None:
    folders = ("BACKGROUND_Google", "Faces_easy", "accordion", "yin_yang")
    class_folders(root / "caltech101" / "101_ObjectCategories", dict.fromkeys(folders, 6))


def make_voc2007(root: Path) -> None:
    base = root / "VOCdevkit" / "VOC2007"
    for n in range(24):
        save(base / "JPEGImages" / f"{n:06d}.jpg", n)
    for name in official.CLASSES:
        for part, numbers in (("trainval", range(16)), ("test", range(16, 24))):
            marks = [f"{n:06d} {_voc_mark(name, n):2d}" for n in numbers]
            write(base / "ImageSets" / "Main" / f"{name}_{part}.txt", marks)


def _voc_mark(name: str, number: int) -> int:
    """A cat in every second image; a person in every third, in number 18 hard to see."""
    if name == "person" and number == 18:
        return 0
    return 1 if (name, number % 2) == ("cat", 0) or (name, number % 3) == ("person", 0) else -1


def make_imagenet(root: Path) -> None:
    ids = ("n01440764", "n04209133", "n07930864", "n15075141")
    for part, count in (("train", 4), ("val", 2)):
        for i, word in enumerate(ids):
            for n in range(count):
                save(root / part / word / f"{part}_{n}.JPEG", 1000 * count + 100 * i + n)


def make_cifar10(root: Path) -> None:
    base = root / "cifar-10-batches-py"
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        _pickle(base / name, _batch(i, "labels"))
    _pickle(base / "batches.meta", {"label_names": ["airplane", "automobile"]})


def make_cifar100(root: Path) -> None:
    for i, name in enumerate(("train", "test")):
        _pickle(root / "cifar-100-python" / name, _batch(i, "fine_labels", 16 if i == 0 else 8))
    _pickle(root / "cifar-100-python" / "meta", {"fine_label_names": ["apple", "bear"]})


def _batch(seed: int, key: str, count: int = 4) -> dict[str, object]:
    images = [np.asarray(picture(100 * seed + n, (32, 32))) for n in range(count)]
    rows = np.stack([image.transpose(2, 0, 1).ravel() for image in images])
    return {"data": rows, key: [n % 2 for n in range(count)]}


def _pickle(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


# set -> how to make a copy, images of train and test in it, a class in it
COPIES: dict[str, tuple[Callable[[Path], None], int, int, str]] = {
    "pets": (make_pets, 16, 8, "American Bulldog"),
    "flowers": (make_flowers, 8, 4, "pink primrose"),
    "dtd": (make_dtd, 16, 8, "dotted"),
    "aircraft": (make_aircraft, 16, 8, "F/A-18"),
    "cifar10": (make_cifar10, 20, 4, "automobile"),
    "cifar100": (make_cifar100, 16, 8, "bear"),
    "food": (make_food, 16, 8, "soup"),
    "eurosat": (make_eurosat, 20, 4, "SeaLake"),
    "cub200": (make_cub200, 16, 8, "Black footed Albatross"),
    "dogs": (make_dogs, 16, 8, "German short-haired pointer"),
    "cars": (make_cars, 16, 8, "Ram C/V Cargo Van Minivan 2012"),
    "caltech101": (make_caltech101, 20, 4, "Faces_easy"),
    "voc2007": (make_voc2007, 16, 8, "person"),
    "imagenet": (make_imagenet, 16, 8, "n01440764"),
    "inat21": (make_inat21, 16, 8, "Vicia sativa"),
    "places365": (make_places365, 16, 8, "apartment_building-outdoor"),
    "glc20": (make_glc20, 16, 8, "land cover 07"),
}


@pytest.mark.parametrize("name", named_sets())
def test_a_copy_is_read_in_its_official_split(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, train, test, known_class = COPIES[name]
    make(tmp_path / "data" / name)
    monkeypatch.setenv("EDGESSL_DATA", str(tmp_path / "data"))
    dataset = load_dataset(name, val_percent=0)
    assert (dataset.name, dataset.source) == (name, name)
    assert (len(dataset.train), len(dataset.test), dataset.quarantined) == (train, test, ())
    assert known_class in dataset.classes
    assert any("This copy lists" in note for note in dataset.notes)


@pytest.mark.parametrize("name", named_sets())
def test_a_folder_with_the_layout_of_a_set_is_recognised(name: str, tmp_path: Path) -> None:
    make, train, test, _ = COPIES[name]
    make(tmp_path)
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert (dataset.name, dataset.source) == (name, str(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (train, test)


@pytest.mark.parametrize("name", named_sets())
def test_the_inner_folder_of_a_set_is_recognised(name: str, tmp_path: Path) -> None:
    COPIES[name][0](tmp_path)
    listing = recognise(tmp_path / named_sets()[name].layouts[0].bases[0])
    assert listing is not None
    assert listing.name == name


def test_the_cache_is_looked_into(cache: Path) -> None:
    make_pets(cache / "sets" / "pets")
    assert len(list_named("pets").entries) == 24


def test_other_folders_are_not_taken_for_a_set(tmp_path: Path) -> None:
    folders = {f"{split}/{name}": 3 for split in ("train", "test", "meta") for name in "ab"}
    class_folders(tmp_path, {**folders, "images": 2, "annotations": 2})
    assert recognise(tmp_path) is None


def test_unpacked_pixels_are_those_of_the_arrays(tmp_path: Path, cache: Path) -> None:
    make_cifar100(tmp_path)
    listing = recognise(tmp_path)
    assert listing is not None
    path = next(e.path for e in listing.entries if e.split == "test" and e.path.stem == "00003")
    assert path.is_relative_to(cache)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(picture(103, (32, 32))))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    make_cifar100(tmp_path)

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("run",))

    _pickle(tmp_path / "cifar-100-python" / "train", {"data": Evil(), "fine_labels": []})
    with pytest.raises(UserError, match=r"must be a sound copy of cifar100.*print"):
        recognise(tmp_path)


def test_a_missing_annotation_line_is_one_message(tmp_path: Path) -> None:
    make_food(tmp_path)
    (tmp_path / "food-101" / "meta" / "train.json").write_text("{")
    with pytest.raises(UserError, match="must be a sound copy of food"):
        recognise(tmp_path)


def test_the_official_split_keeps_twins_and_says_so(tmp_path: Path) -> None:
    make_pets(tmp_path)
    images = tmp_path / "oxford-iiit-pet" / "images"
    shutil.copy(images / "Abyssinian_9.jpg", images / "Abyssinian_1.jpg")
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert (len(dataset.train), len(dataset.test)) == (16, 8)
    assert any("stay there, as the official split has it" in note for note in dataset.notes)


def test_offline_one_message_says_what_is_missing_and_where_to_put_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing listens on port 9 of this machine: every download fails at once.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(EdgesslError) as caught:
        list_named("pets")
    message = str(caught.value)
    assert caught.value.exit_code == 1
    assert message.startswith("pets: the download failed")
    assert f"{cache}/sets/pets or $EDGESSL_DATA/pets" in message
    assert "oxford-iiit-pet/annotations/trainval.txt" in message
    assert list((cache / "sets").iterdir()) == []


def test_counts_of_the_complete_sets() -> None:
    # The S3L paper's table of data sets (arXiv:2103.13559), and the sets' own pages.
    counts = {name: (one.classes, one.train, one.test) for name, one in named_sets().items()}
    assert counts == {
        "pets": (37, 3680, 3669),
        "flowers": (102, 2040, 6149),
        "dtd": (47, 3760, 1880),
        "aircraft": (100, 6667, 3333),
        "cifar10": (10, 50000, 10000),
        "cifar100": (100, 50000, 10000),
        "food": (101, 75750, 25250),
        "eurosat": (10, 27000, 0),
        "cub200": (200, 5994, 5794),
        "dogs": (120, 12000, 8580),
        "cars": (196, 8144, 8041),
        "caltech101": (102, 9144, 0),
        "voc2007": (20, 5011, 4952),
        "imagenet": (1000, 1281167, 50000),
        "inat21": (10000, 2686843, 100000),
        "places365": (365, 1803460, 36500),
        "glc20": (16, 1000000, 27000),  # Cole et al., section C.1: 1M and around 27k
    }


def test_sizes_are_those_of_the_archives_that_a_page_names() -> None:
    # Bytes as in tensorflow_datasets' checksum files of caltech_birds2011, stanford_dogs, cars196,
    # caltech101, voc and imagenet2012.
    archives = {
        "cub200": [1_150_585_339],
        "dogs": [793_579_520, 481_280],
        "cars": [979_269_282, 977_350_468, 330_960, 185_758],
        "caltech101": [137_414_764],
        "voc2007": [460_032_000, 451_020_800],
        "imagenet": [147_897_477_120, 6_744_924_160],
    }
    found = {name: named_sets()[name].download_mb for name in archives}
    assert found == {name: round(sum(sizes) / 1e6) for name, sizes in archives.items()}


def test_images_get_the_labels_of_their_own_lists(tmp_path: Path) -> None:
    make_cars(tmp_path)
    listing = recognise(tmp_path)
    assert listing is not None
    found = {(e.split, e.path.name): e.label for e in listing.entries}
    assert found["train", "00001.jpg"] == "Ram C/V Cargo Van Minivan 2012"  # 1 % 2 + 1 is class 2
    assert found["test", "00002.jpg"] == "AM General Hummer SUV 2000"


def test_images_of_voc_have_several_labels_and_pretraining_sees_none_of_test(
    tmp_path: Path,
) -> None:
    make_voc2007(tmp_path)
    dataset = load_dataset(str(tmp_path), val_percent=0)
    assert dataset.classes == ("cat", "person")
    assert (dataset.train.labels, dataset.test.labels) == (None, None)
    assert {path.stem for path in dataset.pretraining.paths} == {f"{n:06d}" for n in range(16)}
    tags = {path.stem: tags for path, tags in dataset.tags.items()}
    assert tags["000006"] == Tags(shown=("cat", "person"))
    assert tags["000018"] == Tags(shown=("cat",), difficult=("person",))
    assert tags["000001"] == Tags()
    assert any("--protocol map" in note for note in dataset.notes)


def test_val_of_voc_is_held_out_of_trainval(tmp_path: Path) -> None:
    make_voc2007(tmp_path)
    dataset = load_dataset(str(tmp_path), val_percent=20)
    assert (len(dataset.train) + len(dataset.val), len(dataset.test)) == (16, 8)
    assert len(dataset.val) in (3, 4)


def test_another_label_of_an_image_is_another_set(tmp_path: Path) -> None:
    make_voc2007(tmp_path)
    before = load_dataset(str(tmp_path)).fingerprint
    marks = tmp_path / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / "dog_trainval.txt"
    marks.write_text(marks.read_text().replace("000001 -1", "000001  1"))
    assert load_dataset(str(tmp_path)).fingerprint != before


@pytest.mark.parametrize(
    "name", ["cub200", "dogs", "cars", "imagenet", "inat21", "places365", "glc20"]
)
def test_a_set_that_cannot_be_downloaded_names_its_page_and_its_layout(
    cache: Path, name: str
) -> None:
    known = named_sets()[name]
    with pytest.raises(UserError) as caught:
        list_named(name)
    message = str(caught.value)
    assert message.startswith(f"{name}: must be on this machine, found it neither in {cache}")
    assert f"from {known.page}" in message
    assert f"$EDGESSL_DATA/{name}: " in message
    assert all(need in message for need in known.layouts[0].needs)
    assert "from its own page" in names()[name]


def test_a_small_set_of_imagenet_classes_is_not_taken_for_imagenet(tmp_path: Path) -> None:
    class_folders(tmp_path, {f"{split}/{word}": 3 for split in ("train", "val")
                             for word in ("n01440764", "n02102040")})  # fmt: skip
    assert recognise(tmp_path) is None


def test_every_name_has_a_line_about_it() -> None:
    assert Counter(names().keys()) == Counter(["demo", *named_sets()])


def test_torchvision_has_every_set_or_its_page_is_known() -> None:
    from torchvision import datasets

    for known in named_sets().values():
        assert hasattr(datasets, known.dataset) if known.dataset else known.page


def test_a_missing_set_that_may_not_be_downloaded_is_refused_without_asking_the_network() -> None:
    with pytest.raises(UserError, match=r"pets: must be on this machine.*edgessl data pets"):
        load_dataset("pets", download=False)
