"""Every image decoded once, to S x S uint8, in one memory-mapped file that training reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from filelock import FileLock, Timeout

from edgessl.data.cache import cache_part, not_writable, remove
from edgessl.data.pack_file import Pack, PackWriter, logged, open_pack
from edgessl.data.parallel import Progress, ordered_map
from edgessl.data.squash import squash
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError

__all__ = ["Pack", "build_pack", "bytes_there", "pack_place"]

_ASK_AGAIN_S = 0.2
_VERSION = 2  # raise it when the same file would give other pixels


def build_pack(
    paths: Sequence[Path],
    digests: Sequence[str],
    size_px: int,
    *,
    value_range: ValueRange | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Pack:
    """Decode images into the cache, or open the pack that is already there.

    A build that was stopped goes on where it stopped. Of several processes one builds; the others
    wait for it.

    Args:
        paths: The files, which must be sound.
        digests: SHA-1 of each file's content; with ``size_px`` they name the pack.
        size_px: S, the side of the packed images.
        value_range: What is black and white where a channel has more than 8 bits.
        progress: Called with (done, total) while images are decoded.
        say: Called with a sentence when a damaged pack is built anew, a stopped build goes on, or
            another process has to be waited for.

    Raises:
        UserError: A file has changed since it was listed, or the cache is full or not writable.
    """
    place = pack_place(digests, size_px, value_range)
    pack = _open(place, len(paths), size_px, say)
    if pack is None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _build(place, paths, digests, size_px, value_range, progress, say)
        except OSError as error:
            raise not_writable(place, error) from error
        pack = _open(place, len(paths), size_px, say)
    if pack is None:
        raise UserError(f"{place}: must read back as written; check the disk")
    return pack


def pack_place(
    digests: Sequence[str], size_px: int, value_range: ValueRange | None = None
) -> Path:
    """Return the file of a pack, whether it is there or not.

    Args:
        digests: SHA-1 of each file's content.
        size_px: S, the side of the packed images.
        value_range: What is black and white where a channel has more than 8 bits.
    """
    scale = f" {value_range.to_dict()}" if value_range is not None else ""
    key = f"{_VERSION} {size_px}{scale} {' '.join(digests)}"
    name = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()[:20]
    return cache_part("packs") / f"{name}-{size_px}.pack"


def bytes_there(place: Path) -> int:
    """Return the bytes on disk of a pack, finished or not; 0 if it was never begun."""
    for path in (place, _part(place)):
        if path.is_file():
            return path.stat().st_size
    return 0


def _part(place: Path) -> Path:
    return place.with_name(f".{place.name}.part")


def _open(place: Path, count: int, size_px: int, say: Callable[[str], None]) -> Pack | None:
    """Open a pack that is there and whole."""
    try:
        pack = open_pack(place, count, size_px)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise not_writable(place, error) from error
    if pack is None:
        say(f"The pack {place.name} in the cache is damaged; it is built again.")
    return pack


def _build(
    place: Path,
    paths: Sequence[Path],
    digests: Sequence[str],
    size_px: int,
    value_range: ValueRange | None,
    progress: Progress | None,
    say: Callable[[str], None],
) -> None:
    part, log = _part(place), place.with_name(f".{place.name}.log")
    with _alone(place, _Waiting(log, len(paths), progress, say)):
        if place.exists() and open_pack(place, len(paths), size_px):  # made by who held the lock
            remove(part)
            return
        part.touch()
        log.touch()
        with part.open("rb+") as file, log.open("rb+") as log_file:
            try:
                writer = PackWriter(file, log_file, len(paths), size_px)
                if writer.done:
                    say(f"Going on with packing from image {writer.done} of {len(paths)}.")
                _write(writer, paths, digests, size_px, value_range, progress)
            except (OSError, UserError):  # no later build could use it, or the disk is full
                remove(part)
                remove(log)
                raise
        part.replace(place)
        remove(log)


@contextmanager
def _alone(place: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Be the only process that builds a pack; the lock ends with the process, however it ends.

    Args:
        place: The pack. Its lock lies apart from it and stays: a file that somebody deletes while
            another waits for it locks nothing.
        waiting: Called again and again while another process builds it.
    """
    locks = cache_part("locks")
    locks.mkdir(exist_ok=True)
    lock = FileLock(locks / f"{place.name}.lock", mode=0o666)
    while True:
        try:
            held = lock.acquire(timeout=_ASK_AGAIN_S)
            break
        except Timeout:
            waiting()
    with held:
        yield


class _Waiting:
    """Tells that another process is at work, and how far it is."""

    def __init__(
        self, log: Path, total: int, progress: Progress | None, say: Callable[[str], None]
    ) -> None:
        self._log = log
        self._total = total
        self._progress = progress
        self._say = say
        self._said = False

    def __call__(self) -> None:
        if not self._said:
            self._said = True
            self._say("Another run is packing these images; waiting for it.")
        done = logged(self._log)
        if self._progress is not None and 0 < done < self._total:
            self._progress(done, self._total)


def _write(
    writer: PackWriter,
    paths: Sequence[Path],
    digests: Sequence[str],
    size_px: int,
    value_range: ValueRange | None,
    progress: Progress | None,
) -> None:
    left = islice(zip(paths, digests, strict=True), writer.done, None)
    for pixels, size in ordered_map(lambda item: squash(*item, size_px, value_range), left):
        writer.append(pixels, size)
        if progress is not None:
            progress(writer.done, len(paths))
    writer.finish()
