"""The named sets: where each is found, what it must contain, how it is read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edgessl.data import cifar, official
from edgessl.data.archives import ARCHIVES
from edgessl.data.cache import cache_part
from edgessl.data.dataset import Entry, Listing
from edgessl.data.download import download
from edgessl.errors import UserError
from edgessl.files import expanded


@dataclass(frozen=True, slots=True)
class NamedSet:
    """One published set.

    Attributes:
        about: What it shows.
        dataset: Its class in ``torchvision.datasets``, whose layout it is; empty if it can only be
            had by hand. ``archives.ARCHIVES`` has what is downloaded.
        bases: Folders that may hold it, relative to where it is looked for; the first is where
            torchvision puts it.
        needs: What makes up its layout, relative to the base; folders end in a slash.
        read: Lists the images of a base.
        classes: Number of classes.
        train: Images of train in the official split, or of the whole set if it has none.
        test: Images of test; 0 if there is no official split.
        download_mb: Size of the download.
        page: Where its own files are to be had; needed where nothing can be downloaded.
    """

    about: str
    dataset: str
    bases: tuple[str, ...]
    needs: tuple[str, ...]
    read: Callable[[Path], list[Entry]]
    classes: int
    train: int
    test: int
    download_mb: int
    page: str = ""


NAMED: dict[str, NamedSet] = {
    "pets": NamedSet(
        "breeds of cats and dogs",
        "OxfordIIITPet",
        ("oxford-iiit-pet", ""),
        ("images/", "annotations/trainval.txt", "annotations/test.txt"),
        official.read_pets,
        classes=37,
        train=3680,
        test=3669,
        download_mb=811,
    ),
    "flowers": NamedSet(
        "flowers",
        "Flowers102",
        ("flowers-102", ""),
        ("jpg/", "imagelabels.mat", "setid.mat"),
        official.read_flowers,
        classes=102,
        train=2040,
        test=6149,
        download_mb=345,
    ),
    "dtd": NamedSet(
        "textures described by a word",
        "DTD",
        ("dtd/dtd", "dtd", ""),
        ("images/", "labels/train1.txt", "labels/val1.txt", "labels/test1.txt"),
        official.read_dtd,
        classes=47,
        train=3760,
        test=1880,
        download_mb=626,
    ),
    "aircraft": NamedSet(
        "variants of aircraft",
        "FGVCAircraft",
        ("fgvc-aircraft-2013b", ""),
        ("data/images/", "data/images_variant_trainval.txt", "data/images_variant_test.txt"),
        official.read_aircraft,
        classes=100,
        train=6667,
        test=3333,
        download_mb=2753,
    ),
    "cifar10": NamedSet(
        "objects, 32 px",
        "CIFAR10",
        ("cifar-10-batches-py", ""),
        ("data_batch_1", "data_batch_5", "test_batch", "batches.meta"),
        cifar.read_cifar10,
        classes=10,
        train=50000,
        test=10000,
        download_mb=170,
    ),
    "cifar100": NamedSet(
        "objects, 32 px",
        "CIFAR100",
        ("cifar-100-python", ""),
        ("train", "test", "meta"),
        cifar.read_cifar100,
        classes=100,
        train=50000,
        test=10000,
        download_mb=169,
    ),
    "food": NamedSet(
        "dishes",
        "Food101",
        ("food-101", ""),
        ("images/", "meta/train.json", "meta/test.json"),
        official.read_food,
        classes=101,
        train=75750,
        test=25250,
        download_mb=4996,
    ),
    "eurosat": NamedSet(
        "land use from a satellite, 64 px",
        "EuroSAT",
        ("eurosat/2750", "2750", ""),
        ("AnnualCrop/", "HerbaceousVegetation/", "PermanentCrop/", "SeaLake/"),
        official.read_eurosat,
        classes=10,
        train=27000,
        test=0,
        download_mb=94,
    ),
    "cub200": NamedSet(
        "species of birds",
        "",
        ("CUB_200_2011", ""),
        ("images/", "images.txt", "classes.txt", "image_class_labels.txt", "train_test_split.txt"),
        official.read_cub200,
        classes=200,
        train=5994,
        test=5794,
        download_mb=1151,
        page="https://www.vision.caltech.edu/datasets/cub_200_2011/ (CUB_200_2011.tgz; also at "
        "https://data.caltech.edu/records/65de6-vp158)",
    ),
    "dogs": NamedSet(
        "breeds of dogs",
        "",
        ("", "stanford_dogs", "StanfordDogs"),
        ("Images/", "train_list.mat", "test_list.mat"),
        official.read_dogs,
        classes=120,
        train=12000,
        test=8580,
        download_mb=794,
        page="http://vision.stanford.edu/aditya86/ImageNetDogs/ (images.tar and lists.tar)",
    ),
    "cars": NamedSet(
        "makes, models and years of cars",
        "",
        ("stanford_cars", ""),
        ("cars_train/", "cars_test/", "devkit/cars_meta.mat", "devkit/cars_train_annos.mat",
         "cars_test_annos_withlabels.mat"),
        official.read_cars,
        classes=196,
        train=8144,
        test=8041,
        download_mb=1957,
        page="https://ai.stanford.edu/~jkrause/cars/car_dataset.html (not found since 2023; "
        "https://github.com/pytorch/vision/issues/7545 says where copies are)",
    ),
    "caltech101": NamedSet(
        "objects, and backgrounds",
        "Caltech101",
        ("caltech101/101_ObjectCategories", "101_ObjectCategories",
         "caltech-101/101_ObjectCategories", ""),
        ("BACKGROUND_Google/", "Faces_easy/", "accordion/", "yin_yang/"),
        official.read_caltech101,
        classes=102,
        train=9144,
        test=0,
        download_mb=137,
        page="https://data.caltech.edu/records/mzrjq-6wc02",
    ),
    "voc2007": NamedSet(
        "things in photographs, several labels an image",
        "VOCDetection",
        ("VOCdevkit/VOC2007", "VOC2007", ""),
        ("JPEGImages/", *(f"ImageSets/Main/{name}_{part}.txt" for name in ("aeroplane", "tvmonitor")
                          for part in ("trainval", "test"))),
        official.read_voc2007,
        classes=20,
        train=5011,
        test=4952,
        download_mb=911,
        page="http://host.robots.ox.ac.uk/pascal/VOC/voc2007/ (VOCtrainval_06-Nov-2007.tar and "
        "VOCtest_06-Nov-2007.tar)",
    ),
    "imagenet": NamedSet(
        "things of all kinds, by WordNet id",
        "",
        ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC"),
        tuple(f"{part}/{word}/" for part in ("train", "val")
              for word in ("n01440764", "n04209133", "n07930864", "n15075141")),
        official.read_imagenet,
        classes=1000,
        train=1281167,
        test=50000,
        download_mb=154642,
        page="https://image-net.org/download.php (ILSVRC2012_img_train.tar and "
        "ILSVRC2012_img_val.tar; sort the images of val/ into folders by class, as those of train/ "
        "are)",
    ),
}
"""Name after ``--data`` -> the set."""


def list_named(name: str, *, may_download: bool = True) -> Listing:
    """List a named set: from ``EDGESSL_DATA``, else the cache, else the network.

    Args:
        name: A key of ``NAMED``.
        may_download: Whether the network may be asked.

    Raises:
        EdgesslError: It is nowhere on this machine and cannot be downloaded.
        UserError: It is nowhere on this machine and may not be downloaded, its files are not what
            the layout promises, or the cache is not writable.
    """
    chosen = os.environ.get("EDGESSL_DATA")
    homes = [expanded(chosen) / name, expanded(chosen)] if chosen else []
    cached = cache_part("sets") / name
    for home in (*homes, cached):
        if base := _base(NAMED[name], home):
            return _listing(name, name, base)
    known = NAMED[name]
    if not may_download or not known.dataset:
        way_out = f"edgessl data {name} downloads it ({known.download_mb} MB)"
        raise UserError(
            f"{name}: must be on this machine, found it neither in {cached} nor in $EDGESSL_DATA; "
            f"{way_out if known.dataset else _way_out(name, cached)}"
        )
    download(name, ARCHIVES[name], cached, _way_out(name, cached))
    base = _base(NAMED[name], cached)
    if base is None:
        way_out = _way_out(name, cached)
        raise UserError(f"{cached}: must hold {name} after the download, got less; {way_out}")
    return _listing(name, name, base)


def recognise(folder: Path) -> Listing | None:
    """List a folder that has the layout of a named set; None if it has none."""
    home = Path(os.path.abspath(folder))
    for name, known in NAMED.items():
        if base := _base(known, home):
            return _listing(name, str(home), base)
    return None


def _base(known: NamedSet, home: Path) -> Path | None:
    for base in known.bases:
        if all(_has(home / base, need) for need in known.needs):
            return home / base
    return None


def _has(base: Path, need: str) -> bool:
    return (base / need).is_dir() if need.endswith("/") else (base / need).is_file()


def _listing(name: str, source: str, base: Path) -> Listing:
    known = NAMED[name]
    try:
        entries = known.read(base)
        _refuse_outside(entries, base)
    except Exception as error:  # files from elsewhere: any of them may hold anything
        if isinstance(error, UserError | MemoryError) or _of_system(error):
            raise
        raise UserError(
            f"{base}: must be a sound copy of {name}, got {type(error).__name__}: {error}; "
            "copy it again, or remove it to download it"
        ) from error
    counts = Counter(entry.split for entry in entries)
    notes = [f"Read as {name} ({known.classes} classes: {known.about}) from {base}."]
    if (counts["train"], counts["test"]) != (known.train, known.test):
        notes.append(
            f"This copy lists {counts['train']} + {counts['test']} images; "
            f"the complete set has {known.train} + {known.test}."
        )
    return Listing(name, source, tuple(entries), tuple(notes), official=known.test > 0)


def _refuse_outside(entries: Iterable[Entry], base: Path) -> None:
    """Refuse lists that name files elsewhere: a list is no place for paths."""
    homes = (f"{base}{os.sep}", f"{cache_part('sets')}{os.sep}")  # CIFAR is unpacked there
    for entry in entries:
        path = str(entry.path)
        if not path.startswith(homes) or f"{os.sep}..{os.sep}" in path.removeprefix(homes[0]):
            raise ValueError(f"a list names {path!a}, which lies elsewhere")


def _of_system(error: Exception) -> bool:
    """Say whether the disk or a limit failed, which says nothing about the files."""
    gone = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
    return isinstance(error, OSError) and error.errno is not None and not isinstance(error, gone)


def _way_out(name: str, cached: Path) -> str:
    known = NAMED[name]
    needs = ", ".join(f"{known.bases[0]}/{need}".removeprefix("/") for need in known.needs)
    page = f", from {known.page}," if known.page else ""
    if not known.dataset:
        return (
            f"put the set's own files ({known.download_mb} MB){page} into {cached} or "
            f"$EDGESSL_DATA/{name}: {needs}"
        )
    return (
        f"connect to the network ({known.download_mb} MB), or put the set's own files{page} into "
        f"{cached} or $EDGESSL_DATA/{name}: {needs}"
    )
