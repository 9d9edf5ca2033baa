"""What can happen to the bytes of a file, whatever its format: each mutation is a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytes, Random], bytes]
"""A file's content to what became of it; the same random numbers give the same bytes."""

_WORDS = (b"", b"\x00", b"\xff" * 8, b"PK\x03\x04", b"\x80\x04.", b"null", b"NaN", b"\r\n", b'"')


def flip_bits(content: bytes, random: Random) -> bytes:
    """Flip one to eight bits anywhere."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def flip_header_bits(content: bytes, random: Random) -> bytes:
    """Flip bits near the beginning, where formats say what they are."""
    return flip_bits(content[:128], random) + content[128:]


def flip_tail_bits(content: bytes, random: Random) -> bytes:
    """Flip bits near the end, where archives and packs have their tables."""
    cut = max(0, len(content) - 256)
    return content[:cut] + flip_bits(content[cut:], random)


def truncate(content: bytes, random: Random) -> bytes:
    """Cut the end off, as a broken transfer does."""
    return content[: random.choice((0, 1, 7, random.randrange(len(content) + 1),
                                    max(0, len(content) - random.randrange(1, 64))))]  # fmt: skip


def empty(_content: bytes, _random: Random) -> bytes:
    """Leave nothing."""
    return b""


def delete_chunk(content: bytes, random: Random) -> bytes:
    """Take bytes out of the middle."""
    start, end = _chunk(content, random)
    return content[:start] + content[end:]


def duplicate_chunk(content: bytes, random: Random) -> bytes:
    """Repeat some bytes where they are."""
    start, end = _chunk(content, random)
    return content[:end] + content[start:end] * random.choice((1, 1, 2, 50)) + content[end:]


def blank_chunk(content: bytes, random: Random) -> bytes:
    """Overwrite bytes with zeros, as a disk with lost sectors does."""
    start, end = _chunk(content, random)
    return content[:start] + b"\x00" * (end - start) + content[end:]


def scramble_chunk(content: bytes, random: Random) -> bytes:
    """Overwrite bytes with random ones."""
    start, end = _chunk(content, random)
    return content[:start] + random.randbytes(end - start) + content[end:]


def move_chunk(content: bytes, random: Random) -> bytes:
    """Put bytes elsewhere."""
    start, end = _chunk(content, random)
    rest, place = content[:start] + content[end:], random.randrange(len(content) + 1)
    return rest[:place] + content[start:end] + rest[place:]


def insert_word(content: bytes, random: Random) -> bytes:
    """Insert bytes that mean something to some format."""
    place = random.randrange(len(content) + 1)
    return content[:place] + random.choice(_WORDS) + content[place:]


def append(content: bytes, random: Random) -> bytes:
    """Add bytes at the end."""
    return content + random.choice((b"\x00" * 512, random.randbytes(64), content))


def set_length_field(content: bytes, random: Random) -> bytes:
    """Overwrite two, four or eight bytes with a number that no length should be."""
    size = random.choice((2, 4, 8))
    if len(content) < size:
        return content
    near = min(len(content), random.choice((64, 512, len(content))))
    place = random.choice((0, len(content) - near)) + random.randrange(max(1, near - size))
    most = 256**size
    number = random.choice((0, 1, most - 1, most // 2, most // 2 - 1, len(content), most // 3))
    field = min(number, most - 1).to_bytes(size, random.choice(("little", "big")))
    return content[:place] + field + content[place + size :]


def replace_all(content: bytes, random: Random) -> bytes:
    """Put another file in its place: text, noise, zeros, or what another program wrote."""
    others = (
        b"not what you think\n", b"<html><title>404</title></html>", b"{}", b"[]", b"\x00" * 1024,
        b"\xef\xbb\xbf", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        random.randbytes(2048), content[::-1], b"PK\x05\x06" + b"\x00" * 18,
    )  # fmt: skip
    return random.choice(others)


def splice_with(others: Sequence[bytes]) -> Mutation:
    """Return a mutation that joins the beginning of a file with the end of another.

    Args:
        others: Contents of files, of the same or of another format.
    """

    def splice(content: bytes, random: Random) -> bytes:
        other = random.choice(others)
        return (content[: random.randrange(len(content) + 1)]
                + other[random.randrange(len(other) + 1) :])  # fmt: skip

    return splice


BYTES: tuple[Mutation, ...] = (
    flip_bits, flip_bits, flip_header_bits, flip_tail_bits, truncate, empty, delete_chunk,
    duplicate_chunk, blank_chunk, scramble_chunk, move_chunk, insert_word, append,
    set_length_field, set_length_field, replace_all,
)  # fmt: skip
"""Mutations of any file; what is there twice is drawn twice as often."""


def _chunk(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice((1, 2, 4, 16, 100, 4096)))
