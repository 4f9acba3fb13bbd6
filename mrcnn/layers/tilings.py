"""Tiles in which convolutions of 3×3 take fewer multiplications.

A tile of n×n outputs depends on n + 2 inputs in each direction. Rows, and columns
alike, are products of polynomials: evaluated at n + 2 points, multiplied there and
interpolated, a tile of 4×4 takes 36 products where plain convolution takes 144, one of
2×2 takes 16 instead of 36. Larger tiles save more and round worse, so half precision
gets the small ones. After Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (2016). What rounding does depends on the points.

Shapes: n side of a tile, P = (n + 2)² products of a tile.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

KERNEL = 3


class Tiling(NamedTuple):
    """Matrices from cells to points and back, for rows and columns together."""

    min_channels: int
    """With fewer, bringing cells to the points and back costs more than it saves."""

    side: int
    """n"""

    kernel: np.ndarray
    """[P, 3 * 3]"""

    patch: np.ndarray
    """[P, (n + 2) * (n + 2)]"""

    tile: np.ndarray
    """[n * n, P]"""

    @property
    def patch_side(self) -> int:
        """Inputs of a tile in each direction."""
        return self.side + KERNEL - 1

    def count(self, side: Any) -> Any:
        """How many tiles cover a side."""
        return (side + self.side - 1) // self.side


def make_tiling(min_channels: int, side: int, points: Sequence[float]) -> Tiling:
    """The matrices for tiles of n×n, from n + 1 points and infinity.

    A correlation is the transpose of a product of polynomials, whose matrices are
    powers of the points, and the inverse of powers.
    """
    to_tile, to_kernel = _powers(points, side).T, _powers(points, KERNEL)
    to_patch = np.linalg.inv(_powers(points, side + KERNEL - 1)).T
    # Points get numbers of like magnitude, which rounding is kinder to.
    scale = np.abs(to_patch).sum(axis=1, keepdims=True) / 2
    ways = (to_kernel * scale, to_patch / scale, to_tile)
    matrices = (np.kron(way, way).astype("float32") for way in ways)
    return Tiling(min_channels, side, *matrices)


def _powers(points: Sequence[float], count: int) -> np.ndarray:
    """Of each point, from the 0th on; infinity has the last alone. -> [n + 2, count]"""
    powers = np.vander(points, count, increasing=True)
    return np.vstack([powers, np.eye(count)[-1]])


TILINGS = {
    "float32": make_tiling(128, 4, (0.0, 1.0, -1.0, 0.5, -2.0)),
    "bfloat16": make_tiling(256, 2, (0.0, 1.0, -1.0)),
}
"""By the images' precision."""
