"""Twelve endless patterns, as masks over a plane whose unit is one period.

Only + - * / sqrt and floor are used: they are rounded the same way on every machine, which sine
and cosine are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

ROOT3 = math.sqrt(3.0)


def stripes(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw straight bands."""
    return _inside(_wave(u) / 2, 0.18 + 0.14 * thick, soft)


def zigzag(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw bands that turn at right angles."""
    return _inside(_wave(u + 0.5 * _wave(v)) / 2, 0.16 + 0.14 * thick, 1.4 * soft)


def checks(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw a chessboard."""
    a, b = _wave(u / 2) - 0.5, _wave(v / 2) - 0.5
    return _edge(np.minimum(np.abs(a), np.abs(b)) * np.sign(a * b), soft)


def dots(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw discs on a square grid."""
    return _inside(_radius(u, v), 0.24 + 0.10 * thick, soft)


def rings(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw circles on a square grid."""
    return _inside(np.abs(_radius(u, v) - 0.32), 0.06 + 0.05 * thick, soft)


def bricks(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw the joints of a wall in which every other row is shifted by half a brick."""
    rows = v * 1.6
    shift = 0.5 * (np.floor(rows) % 2)
    along, across = _to_edge(u / 1.25 + shift) * 1.25, _to_edge(rows) / 1.6
    return _inside(np.minimum(along, across), 0.05 + 0.05 * thick, soft)


def hexagons(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw the walls of a honeycomb."""
    first = _hexagonal(_centred(u), _centred(v / ROOT3) * ROOT3)
    second = _hexagonal(_centred(u + 0.5), _centred(v / ROOT3 + 0.5) * ROOT3)
    return _inside(0.5 - np.minimum(first, second), 0.05 + 0.06 * thick, soft)


def crosses(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw plus signs on a square grid."""
    x, y = np.abs(_centred(u)), np.abs(_centred(v))
    arm = 0.08 + 0.06 * thick
    upright = np.maximum(x - arm, y - 0.38)
    lying = np.maximum(y - arm, x - 0.38)
    return _edge(-np.minimum(upright, lying), soft)


def scales(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw the rims of overlapping fish scales."""
    row = np.floor(2 * v)
    near, far = (
        np.sqrt(_centred(u + 0.5 * (r % 2)) ** 2 + (v - r / 2) ** 2) for r in (row, row - 1)
    )
    radius = np.where(near < 0.5, near, far)
    return _inside(np.abs(radius - 0.45), 0.06 + 0.05 * thick, soft)


def weave(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw squares of three lines, lying and upright in turn."""
    upright = (np.floor(u / 1.5) + np.floor(v / 1.5)) % 2 == 0
    return _inside(_wave(2 * np.where(upright, u, v)) / 4, 0.08 + 0.06 * thick, soft)


def triangles(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw a tiling of triangles, dark and light in turn."""
    x, y = _part((u - v / ROOT3) / 1.2), _part(v * 2 / ROOT3 / 1.2)
    inner = np.minimum(np.minimum(x, y), 1 - x - y)
    return _edge(inner - 0.06 + 0.05 * thick, soft)


def blobs(u: Plane, v: Plane, thick: float, soft: float) -> Plane:
    """Draw irregular islands."""
    column, line = np.floor(u), np.floor(v)
    x, y = _smooth(u - column), _smooth(v - line)
    upper = _scatter(column, line) * (1 - x) + _scatter(column + 1, line) * x
    lower = _scatter(column, line + 1) * (1 - x) + _scatter(column + 1, line + 1) * x
    return _edge(upper * (1 - y) + lower * y - 0.54 + 0.08 * thick, 1.5 * soft)


TEXTURES: dict[str, Callable[[Plane, Plane, float, float], Plane]] = {
    texture.__name__: texture
    for texture in (
        stripes, zigzag, checks, dots, rings, bricks,
        hexagons, crosses, scales, weave, triangles, blobs,
    )
}  # fmt: skip
"""Name -> ``(u, v, thick, soft) -> mask``.

``u`` and ``v`` are ``(H, W)`` positions in periods, ``thick`` in [0, 1] the width of lines,
``soft`` the width of an edge in periods; the mask is ``(H, W)`` in [0, 1].
"""


def _part(x: Plane) -> Plane:
    part: Plane = x - np.floor(x)
    return part


def _centred(x: Plane) -> Plane:
    return _part(x) - 0.5


def _wave(x: Plane) -> Plane:
    """A triangle wave of period 1 between 0 (at integers) and 1."""
    return 1 - np.abs(2 * _part(x) - 1)


def _to_edge(x: Plane) -> Plane:
    return np.minimum(_part(x), 1 - _part(x))


def _radius(u: Plane, v: Plane) -> Plane:
    radius: Plane = np.sqrt(_centred(u) ** 2 + _centred(v) ** 2)
    return radius


def _hexagonal(x: Plane, y: Plane) -> Plane:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(x, x / 2 + y * (ROOT3 / 2))


def _edge(distance: Plane, soft: float) -> Plane:
    """1 where the distance to the outline is positive, 0 where it is negative, soft between."""
    edge: Plane = np.clip(distance / soft + 0.5, 0.0, 1.0)
    return edge


def _inside(distance: Plane, limit: float, soft: float) -> Plane:
    return _edge(limit - distance, soft)


def _smooth(x: Plane) -> Plane:
    return x * x * (3 - 2 * x)


def _scatter(column: Plane, line: Plane) -> Plane:
    """A fixed pseudo-random number in [0, 1) for every lattice point."""
    mixed = (column.astype(np.int64) * 73856093) ^ (line.astype(np.int64) * 19349663)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return ((mixed ^ (mixed >> 16)) & 0xFFFF) / 65536.0
