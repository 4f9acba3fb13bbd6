"""Convolutions of 3×3 with a quarter of the multiplications.

A tile of 4×4 outputs depends on 6×6 inputs. Rows, and columns alike, are products of
polynomials: evaluated at six points, multiplied there and interpolated, a tile takes 36
products where plain convolution takes 144. After Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (2016). What rounding does depends on the points.

Shapes: B images, H W their sides, F channels and F' filters, T tiles of some rows of
tiles, P = 36 products of a tile.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from mrcnn.geometry.arrays import Array
from mrcnn.layers.tensorflow_ops import (
    in_turn,
    kernel_gradient,
    run_apart,
    runs_on_cpu,
)

TILE, KERNEL = 4, 3
PATCH = TILE + KERNEL - 1
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)  # and infinity

# So many tiles stay in a processor's cache together.
MAX_TILES = 512
# With fewer channels, going to the points and back costs more than it saves; with fewer
# tiles, bringing the kernel there does.
MIN_CHANNELS = 128
MIN_TILES = 64


class Transforms(NamedTuple):
    """Matrices from cells to points and back, for rows and columns together."""

    kernel: np.ndarray
    """[P, 3 * 3]"""

    patch: np.ndarray
    """[P, 6 * 6]"""

    tile: np.ndarray
    """[4 * 4, P]"""


def is_quicker(conv: keras.layers.Conv2D) -> bool:
    """Whether a layer's convolution is one of those that `convolve` does faster.

    Graphics processors bring kernels of this kind with them.
    """
    return (
        conv.kernel_size == (KERNEL, KERNEL)
        and conv.strides == (1, 1)
        and conv.dilation_rate == (1, 1)
        and conv.groups == 1
        and conv.padding == "same"
        and conv.data_format == "channels_last"
        and conv.built
        and min(conv.kernel.shape[2:]) >= MIN_CHANNELS
        and runs_on_cpu()
    )


def convolve(images: Array, kernel: Array) -> Array:
    """Convolution with stride 1 and zeros around the images, in float32.

    Images of a few tiles are convolved as ever.

    Args:
        images: [B, H, W, F]; B may be 0
        kernel: [3, 3, F, F']

    Returns:
        [B, H, W, F'], equal to plain convolution up to rounding. Gradients flow into
        both arguments.
    """

    @ops.custom_gradient
    def convolve_and_back(images: Array, kernel: Array) -> Any:
        def back(upstream: Array) -> tuple[Array, Array]:
            mirrored = ops.transpose(ops.flip(kernel, (0, 1)), (0, 1, 3, 2))
            return (
                _convolve_apart(upstream, mirrored),
                kernel_gradient(images, kernel.shape, upstream),
            )

        return _convolve_apart(images, kernel), back

    return convolve_and_back(images, kernel)


def _convolve_apart(images: Array, kernel: Array) -> Array:
    channels, filters = kernel.shape[2:]
    outputs = _convolution(channels, filters)(images, kernel)
    # Sides that are known stay known.
    return ops.reshape(outputs, (*ops.shape(images)[:3], filters))


@cache
def _convolution(channels: int, filters: int) -> Callable[[Array, Array], Array]:
    kernel_shape = (KERNEL, KERNEL, channels, filters)
    return run_apart(_convolve, [(None, None, None, channels), kernel_shape])


def _convolve(images: Array, kernel: Array) -> Array:
    num_images, height, width, _ = ops.shape(images)
    return ops.cond(
        num_images * _num_tiles(height) * _num_tiles(width) >= MIN_TILES,
        lambda: _convolve_tiles(images, kernel),
        lambda: ops.conv(images, kernel, strides=1, padding="same"),
    )


def _convolve_tiles(images: Array, kernel: Array) -> Array:
    num_images, height, width, _ = ops.shape(images)
    rows, columns = _num_tiles(height), _num_tiles(width)  # of tiles, in each image
    padded_height, padded_width = rows * TILE + 2, columns * TILE + 2
    margins = [(1, padded_height - height - 1), (1, padded_width - width - 1)]
    cells = ops.pad(images, [(0, 0), *margins, (0, 0)])
    cells = ops.reshape(cells, (-1, images.shape[-1]))  # [B * H" * W", F]
    # Of the first cell of each row of tiles, and of the cells of a patch from there.
    starts = ops.arange(num_images)[:, None] * padded_height + ops.arange(rows) * TILE
    starts = ops.reshape(starts, (-1,)) * padded_width  # [B * rows]
    down = ops.arange(PATCH)[:, None, None, None] * padded_width
    right = ops.arange(PATCH)[:, None, None] + ops.arange(columns) * TILE
    kernels = _at_points(kernel)

    def convolve_rows(chosen: Array) -> Array:
        corners = ops.take(starts, chosen)
        places = down + right + corners[:, None]  # [6, 6, N, columns]
        patches = ops.take(cells, ops.reshape(places, (-1,)), axis=0)
        tiles = _convolve_patches(patches, kernels)
        tiles = ops.reshape(tiles, (TILE, TILE, -1, columns, kernel.shape[-1]))
        tiles = ops.transpose(tiles, (2, 0, 3, 1, 4))  # [N, 4, columns, 4, F']
        return ops.reshape(tiles, (-1, TILE, columns * TILE, kernel.shape[-1]))

    outputs = in_turn(convolve_rows, num_images * rows, MAX_TILES // columns)
    shape = (num_images, rows * TILE, columns * TILE, kernel.shape[-1])
    return ops.reshape(outputs, shape)[:, :height, :width]


def _convolve_patches(patches: Array, kernels: Array) -> Array:
    """[6 * 6 * T, F], [P, F, F'] -> [4 * 4, T * F']"""
    channels = patches.shape[-1]
    points = ops.matmul(TRANSFORMS.patch, ops.reshape(patches, (PATCH**2, -1)))
    products = ops.matmul(ops.reshape(points, (PATCH**2, -1, channels)), kernels)
    return ops.matmul(TRANSFORMS.tile, ops.reshape(products, (PATCH**2, -1)))


def _at_points(kernel: Array) -> Array:
    """[3, 3, F, F'] -> [P, F, F']"""
    flat = ops.reshape(kernel, (KERNEL**2, -1))
    return ops.reshape(
        ops.matmul(TRANSFORMS.kernel, flat), (PATCH**2, *kernel.shape[2:])
    )


def _num_tiles(side: Any) -> Any:
    return (side + TILE - 1) // TILE


def make_transforms() -> Transforms:
    """The matrices for tiles of 4×4 and kernels of 3×3.

    A correlation is the transpose of a product of polynomials, whose matrices are
    powers of the points, and the inverse of powers.
    """
    to_tile, to_kernel = _powers(TILE).T, _powers(KERNEL)
    to_patch = np.linalg.inv(_powers(PATCH)).T
    # Points get numbers of like magnitude, which rounding is kinder to.
    scale = np.abs(to_patch).sum(axis=1, keepdims=True) / 2
    ways = (to_kernel * scale, to_patch / scale, to_tile)
    return Transforms(*(np.kron(way, way).astype("float32") for way in ways))


def _powers(count: int) -> np.ndarray:
    """Of each point, from the 0th on; infinity has the last alone. -> [6, count]"""
    powers = np.vander(POINTS, count, increasing=True)
    return np.vstack([powers, np.eye(count)[-1]])


TRANSFORMS = make_transforms()
