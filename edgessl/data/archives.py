"""Where the files of named sets are to be had, and what proves that they are the right ones."""

from __future__ import annotations

from dataclasses import dataclass

_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_VOC = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2007"


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to download.

    Attributes:
        url: Its address.
        md5: Of its content, in hexadecimal: the checksum that is published for these sets.
        size_mb: Its size, rounded up. A server that sends more is cut off.
        folder: Where its content belongs, relative to the set's own folder.
        inside: Archives inside it that are unpacked too, relative to ``folder``.
    """

    url: str
    md5: str
    size_mb: int
    folder: str = ""
    inside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[-1]


ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "pets": (
        Archive(f"{_OXFORD}/pets/data/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c", 792,
                "oxford-iiit-pet"),
        Archive(f"{_OXFORD}/pets/data/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f", 20,
                "oxford-iiit-pet"),
    ),
    "flowers": (
        Archive(f"{_OXFORD}/flowers/102/102flowers.tgz", "52808999861908f626f3c1f4e79d11fa", 345,
                "flowers-102"),
        Archive(f"{_OXFORD}/flowers/102/imagelabels.mat", "e0620be6f572b9609742df49c70aed4d", 1,
                "flowers-102"),
        Archive(f"{_OXFORD}/flowers/102/setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c", 1,
                "flowers-102"),
    ),
    "dtd": (
        Archive(f"{_OXFORD}/dtd/download/dtd-r1.0.1.tar.gz", "fff73e5086ae6bdbea199a49dfb8a4c1",
                626, "dtd"),
    ),
    "aircraft": (
        # torchvision knows no checksum; this one is in torchdatasets (R) and a dozen loaders.
        Archive(f"{_OXFORD}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",
                "d4acdd33327262359767eeaa97a4f732", 2754),
    ),
    "cifar10": (
        Archive(f"{_TORONTO}/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 171),
    ),
    "cifar100": (
        Archive(f"{_TORONTO}/cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 170),
    ),
    "food": (
        Archive("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
                "85eeb15f3717b99a5da872d97d918f87", 4997),
    ),
    "eurosat": (
        Archive("https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
                "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
                "c8fa014336c82ac7804f0398fcb19387", 95, "eurosat"),
    ),
    "caltech101": (
        Archive("https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip",
                "3138e1922a9193bfa496528edbbc45d0", 138, "caltech101",
                inside=("caltech-101/101_ObjectCategories.tar.gz",)),
    ),
    "voc2007": (
        Archive(f"{_VOC}/VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", 461),
        Archive(f"{_VOC}/VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", 452),
    ),
}  # fmt: skip
"""Name after ``--data`` -> its files. Addresses and checksums are torchvision's."""
