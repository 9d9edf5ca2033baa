"""The packed images of a run, in the fastest place that they fit into."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from edgessl.cores import usable_cores
from edgessl.data.cache import cache_part
from edgessl.data.dataset import Dataset, Split
from edgessl.data.home import (
    Home,
    available_ram_bytes,
    choose_home,
    describe_home,
    local_processes,
    pack_limit_bytes,
)
from edgessl.data.pack import build_pack, bytes_there, pack_place
from edgessl.data.pack_file import pack_bytes
from edgessl.data.store import DeviceStore, ImageStore, MappedStore, MemoryStore
from edgessl.data.stream import StreamStore
from edgessl.data.verify import verify
from edgessl.reporter import Reporter

_STREAM_RAM_BYTES = 2 * 10**8  # batches ahead and the table of files, roughly
_GPU_STAGING_BYTES = 10**8


class Packed:
    """Packs what training and its monitor ask for, once.

    Args:
        dataset: What the user has.
        size_px: Side of packed images.
        reporter: Shows progress, and is told where the pixels live.
        device: Where the run trains.
    """

    def __init__(
        self, dataset: Dataset, size_px: int, reporter: Reporter, device: torch.device
    ) -> None:
        self._dataset = dataset
        self._size_px = size_px
        self._reporter = reporter
        self._device = device
        self._everything: ImageStore | None = None

    def everything(self) -> ImageStore:
        """Return train and unlabelled images, in that order."""
        if self._everything is None:
            self._everything = self._store(self._dataset.everything, self.home)
            self._reporter.say(describe_home(self.home, self._size_px, self._bytes))
        return self._everything

    def release(self) -> None:
        """Forget the pixels; who asks again gets them from the cache."""
        self._everything = None

    def some(self, split: Split, indices: Sequence[int]) -> ImageStore:
        """Return a few images of a split that is not trained on, from a small pack of their own.

        Args:
            split: Where they are.
            indices: Positions in it.
        """
        chosen = Split(
            paths=tuple(split.paths[i] for i in indices),
            digests=tuple(split.digests[i] for i in indices),
        )
        return self._store(chosen, "files" if self.home == "files" else "disk")

    @cached_property
    def home(self) -> Home:
        """Where the pixels of ``everything`` live."""
        place = pack_place(
            self._dataset.everything.digests, self._size_px, self._dataset.value_range
        )
        return choose_home(
            self._bytes,
            disk_bytes=pack_limit_bytes(cache_part("packs").parent, bytes_there(place)),
            ram_bytes=available_ram_bytes(),
            gpu_bytes=self._free_gpu_bytes(),
            processes=local_processes(),
        )

    def ram_bytes(self) -> int:
        """Return what the store of ``everything`` takes in RAM, in bytes.

        For a mapped pack that is all of it, though the kernel drops its pages where memory is
        short, and the processes of one machine share them.
        """
        return {
            "gpu": min(self._bytes, _GPU_STAGING_BYTES),
            "ram": self._bytes,
            "disk": min(self._bytes, available_ram_bytes()),
            "files": _STREAM_RAM_BYTES,
        }[self.home]

    @property
    def _bytes(self) -> int:
        count = len(self._dataset.train) + len(self._dataset.unlabeled)
        return pack_bytes(count, self._size_px)

    def _free_gpu_bytes(self) -> int | None:
        if self._device.type != "cuda":
            return None
        free, _total = torch.cuda.mem_get_info(self._device)
        return free

    def _store(self, split: Split, home: Home) -> ImageStore:
        if home == "files":
            found = verify(split.paths)
            sizes = np.array([(one.height, one.width) for one in found], np.int32)
            workers = max(1, usable_cores() // local_processes())
            return StreamStore(
                split.paths, split.digests, sizes, self._size_px, workers,
                self._dataset.value_range,
            )  # fmt: skip
        pack = build_pack(
            split.paths,
            split.digests,
            self._size_px,
            value_range=self._dataset.value_range,
            progress=lambda done, total: self._reporter.progress("packing", done, total),
            say=self._reporter.say,
        )
        if home == "gpu":
            return DeviceStore.of(pack, self._device)
        return MemoryStore.of(pack) if home == "ram" else MappedStore(pack)
