"""Tiny copies of the sets of a million images, in the layouts that they come in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pictures import save
from scipy.io import savemat

WORDS = ("n01440764", "n04209133", "n07930864", "n15075141")
SPECIES = (
    "00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris",
    "09999_Plantae_Tracheophyta_Magnoliopsida_Fabales_Fabaceae_Vicia_sativa",
)
SCENES = ("airfield", "zen_garden")
COUNTS = {"train": 16, "val": 8}


def write(path: Path, lines: list[str]) -> None:
    """Write a text file of lines, and the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def in_folders(
    root: Path, classes: tuple[str, ...], parts: tuple[str, str] = ("train", "val")
) -> None:
    """Save 16 and 8 images in folders of two parts, evenly over the classes."""
    for part, count in zip(parts, COUNTS.values(), strict=True):
        for number in range(count):
            name = classes[number % len(classes)]
            save(root / part / name / f"{number:04d}.jpg", 100 * count + number)


def flat_imagenet(images: Path) -> None:
    """Save ``train/`` in folders and ``val/`` flat: image n is of class n modulo 4."""
    in_folders(images, WORDS, ("train", "spare"))
    for number in range(1, 9):
        save(images / "val" / f"ILSVRC2012_val_{number:08d}.JPEG", 5000 + number)


def make_devkit(root: Path) -> None:
    """ImageNet with its devkit: ids are not in the order of the classes' names."""
    flat_imagenet(root)
    kind = np.dtype([("ILSVRC2012_ID", object), ("WNID", object), ("words", object)])
    rows = [(len(WORDS) - place, word, "a, b") for place, word in enumerate(WORDS)]
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    savemat(data / "meta.mat", {"synsets": np.array(rows, dtype=kind).reshape(-1, 1)})
    numbers = [str(len(WORDS) - number % 4) for number in range(1, 9)]
    write(data / "ILSVRC2012_validation_ground_truth.txt", numbers)


def make_challenge(root: Path) -> None:
    """ImageNet as Kaggle ships it."""
    flat_imagenet(root / "ILSVRC" / "Data" / "CLS-LOC")
    rows = [f"ILSVRC2012_val_{n:08d},{WORDS[n % 4]} 85 1 499 272 " for n in range(8, 0, -1)]
    write(root / "LOC_val_solution.csv", ["ImageId,PredictionString", *rows])


def make_inat21(root: Path) -> None:
    """iNaturalist 2021, with the annotation files that come beside."""
    in_folders(root, SPECIES)
    for part in COUNTS:
        write(root / f"{part}.json", [json.dumps({"images": []})])


def make_places365(root: Path) -> None:
    """Places365 with small images and its file lists."""
    scenes = ("a/airfield", "a/apartment_building/outdoor")
    write(root / "categories_places365.txt", [f"/{s} {n}" for n, s in enumerate(scenes)])
    rows = [(f"/{scenes[n % 2]}/{n:08d}.jpg", n % 2) for n in range(16)]
    for number, (path, _) in enumerate(rows):
        save(root / "data_256" / path.strip("/"), number)
    write(root / "places365_train_standard.txt", [f"{path} {label}" for path, label in rows])
    for number in range(8):
        save(root / "val_256" / f"Places365_val_{number:08d}.jpg", 500 + number)
    lines = [f"Places365_val_{n:08d}.jpg {n % 2}" for n in range(8)]
    write(root / "places365_val.txt", lines)


def make_places_folders(root: Path) -> None:
    """Places365 as the archive with folders has it."""
    in_folders(root / "places365_standard", SCENES)


def make_glc20(root: Path) -> None:
    """GeoLifeCLEF 2020: patch n shows land cover 3 everywhere, and 7 where n is odd."""
    for part, ids in (("train", range(1203, 1219)), ("test", range(2190, 2198))):
        rows = [f"{number};40.5;-100.25;{number % 5}" for number in ids]
        write(root / "occurrences" / f"occurrences_us_{part}.csv", ["id;lat;lon;species_id", *rows])
        for number in ids:
            random = np.random.default_rng(number)
            patch = random.integers(0, 256, (32, 32, 5), dtype=np.uint8)
            patch[:, :, 4] = 3
            patch[0, 0, 4] = 7 if number % 2 else 3
            cd = number % 100
            folder = f"patches_us/patches_us_{cd // 5 + 1:02d}/{cd:02d}/{number // 100 % 100:02d}"
            (root / folder).mkdir(parents=True, exist_ok=True)
            np.save(root / folder / f"{number}.npy", patch)
