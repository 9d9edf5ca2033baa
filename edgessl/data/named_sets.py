"""The named sets: what each is, what its layout must contain, how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgessl.data import cifar, glc, imagenet, inat, official, places
from edgessl.data.dataset import Entry


@dataclass(frozen=True, slots=True)
class Layout:
    """Another way in which a set is laid out.

    Attributes:
        bases: As of ``NamedSet``.
        needs: As of ``NamedSet``.
        read: As of ``NamedSet``.
    """

    bases: tuple[str, ...]
    needs: tuple[str, ...]
    read: Callable[[Path], list[Entry]]


@dataclass(frozen=True, slots=True)
class NamedSet:
    """One published set.

    Attributes:
        about: What it shows.
        dataset: Its class in ``torchvision.datasets``, whose layout it is; empty if it can only be
            had by hand. ``archives.ARCHIVES`` has what is downloaded.
        bases: Folders that may hold it, relative to where it is looked for; the first is where
            torchvision puts it.
        needs: What makes up its layout, relative to the base; folders end in a slash, and ``*``
            stands for anything.
        read: Lists the images of a base.
        classes: Number of classes.
        train: Images of train in the official split, or of the whole set if it has none.
        test: Images of test; 0 if there is no official split.
        download_mb: Size of the download.
        page: Where its own files are to be had; needed where nothing can be downloaded.
        others: Other layouts of the same images.
        counted: Whether its numbers are exact; else they are what papers say.
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
    others: tuple[Layout, ...] = ()
    counted: bool = True

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """All of its layouts, the usual one first."""
        return (Layout(self.bases, self.needs, self.read), *self.others)


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
        tuple(f"{part}/{word}/" for part in ("train", "val") for word in imagenet.WORDS),
        imagenet.read_folders,
        classes=1000,
        train=1281167,
        test=50000,
        download_mb=154642,
        page="https://image-net.org/download.php (ILSVRC2012_img_train.tar, "
        "ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz: images of val/ may lie as they "
        "come, beside the devkit, or in folders by class, as those of train/ do)",
        others=(
            Layout(("",), (*imagenet.TRAIN, "val/ILSVRC2012_val_*.JPEG",
                           f"{imagenet.DEVKIT}/ILSVRC2012_validation_ground_truth.txt",
                           f"{imagenet.DEVKIT}/meta.mat"), imagenet.read_devkit),
            Layout(("",), (*(f"{imagenet.CHALLENGE}/{need}" for need in imagenet.TRAIN),
                           f"{imagenet.CHALLENGE}/val/ILSVRC2012_val_*.JPEG",
                           "LOC_val_solution.csv"), imagenet.read_challenge),
        ),
    ),
    "inat21": NamedSet(
        "species of all kingdoms",
        "",
        ("", "inat21", "inaturalist-2021"),
        tuple(f"{part}/{inat.FIRST}/" for part in ("train", "val")),
        inat.read_challenge,
        classes=10000,
        train=2686843,
        test=100000,
        download_mb=232400,
        page="https://github.com/visipedia/inat_comp/tree/master/2021 (train.tar.gz and "
        "val.tar.gz)",
        others=(
            Layout(("",), tuple(f"{part}/{inat.FIRST}/" for part in inat.TORCHVISION),
                   inat.read_torchvision),
        ),
    ),
    "places365": NamedSet(
        "scenes, 256 px",
        "",
        ("", "places365"),
        ("data_256/a/airfield/", "val_256/", *places.LISTS),
        places.read_small,
        classes=365,
        train=1803460,
        test=36500,
        download_mb=24600,
        page="http://places2.csail.mit.edu/download.html (Places365-Standard, small images: "
        "train_256_places365standard.tar, val_256.tar and filelist_places365-standard.tar)",
        others=(
            Layout(("", "places365"), ("data_256_standard/a/airfield/", "val_256/", *places.LISTS),
                   places.read_torchvision),
            Layout(("", "places365_standard"),
                   ("train/airfield/", "train/zen_garden/", "val/airfield/", "val/zen_garden/"),
                   places.read_folders),
        ),
    ),
    "glc20": NamedSet(
        "land cover from above, 256 px, several labels an image; the half from the US",
        "",
        ("", "glc20", "GLC20"),
        (*(f"occurrences/occurrences_us_{part}.csv" for part in ("train", "test")), "patches_us/"),
        glc.read_us,
        classes=16,
        train=1000000,
        test=27000,
        download_mb=336000,  # of the patches, as they lie unpacked
        page="https://www.aicrowd.com/challenges/lifeclef-2020-geo (occurrences and patches_us)",
        counted=False,
    ),
}
"""Name after ``--data`` -> the set."""
