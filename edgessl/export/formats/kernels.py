"""Pillow's resampling kernels as nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgessl.export.formats.writer import Writer

_SQUARE_BITS = 20


def _triangle(to: Writer, distance: str, name: str) -> str:
    down = to.node("Sub", [to.number(f"{name}_one", 1.0), distance], f"{name}_down")
    return to.node("Max", [down, to.number(f"{name}_none", 0.0)], f"{name}_kernel")


def _cubic(to: Writer, distance: str, name: str) -> str:
    """Write Keys' kernel with Pillow's a = -0.5: one polynomial up to 1, another up to 2.

    Each is zero at the ends of its part, so their sum on clipped distances is the kernel:
    ``(1 - p)(1 + p - 1.5 p^2) - 0.5 (q - 1)(q - 2)^2``, p in [0, 1] and q in [1, 2].

    Runtimes may fuse a product with the sum behind it, and round once where others round twice.
    Here nothing is rounded in between: ``1.5 p^2`` is short enough, and of the two polynomials
    one is zero.
    """
    one, two = to.number(f"{name}_one", 1.0), to.number(f"{name}_two", 2.0)
    half, more = to.number(f"{name}_half", 0.5), to.number(f"{name}_more", 1.5)
    p = to.node("Min", [distance, one], f"{name}_p")
    q = to.node("Clip", [distance, one, two], f"{name}_q")
    square = to.times(to.node("Mul", [p, p], f"{name}_pp"), 2.0**_SQUARE_BITS, f"{name}_fine_pp")
    square = to.times(to.whole(square, f"{name}_whole_pp"), 2.0**-_SQUARE_BITS, f"{name}_square_p")
    bend = to.node("Mul", [square, more], f"{name}_bend")
    bow = to.node("Sub", [to.node("Add", [one, p], f"{name}_rise"), bend], f"{name}_bow")
    near = to.node("Mul", [to.node("Sub", [one, p], f"{name}_fall"), bow], f"{name}_near")
    rest = to.node("Sub", [q, two], f"{name}_rest")
    past = to.node("Mul", [to.node("Sub", [q, one], f"{name}_past"), half], f"{name}_past_half")
    far = to.node("Mul", [to.node("Mul", [rest, rest], f"{name}_rests"), past], f"{name}_far")
    return to.node("Sub", [near, far], f"{name}_kernel")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A resampling kernel.

    Attributes:
        support: Half its width, in pixels of the smaller of the two images.
        bits: Weights are multiples of ``2**-bits``: with pixels of 8 bits every sum of products
            is exact in float32, hence the same in whatever order a runtime adds.
        write: Adds nodes that take distances >= 0 to heights of the kernel. Called with the
            writer, the distances and a prefix for names; returns the name of the heights.
    """

    support: int
    bits: int
    write: Callable[[Writer, str, str], str]


# 255 * 2**16, and 1.25 * 255 * 2**15 (bicubic weights are up to 1.25 in sum of sizes): < 2**24
KERNELS = {"bilinear": Kernel(1, 16, _triangle), "bicubic": Kernel(2, 15, _cubic)}
