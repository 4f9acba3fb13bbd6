"""Convolutions of 3×3 with fewer multiplications.

They are computed tile by tile, as `tilings.py` tells: cells are brought to points,
multiplied there with the kernel, and brought back.

Shapes: B images, H W their sides, F channels, F' filters and G what is kept of them,
N images of R rows and C columns of tiles each that are gone through at a time, T = N *
R * C such tiles of n×n, P = (n + 2)² products of a tile.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import keras
from keras import ops

from mrcnn.geometry.arrays import Array
from mrcnn.layers.tensorflow_ops import (
    in_turn,
    kernel_gradient,
    run_apart,
    runs_on_cpu,
)
from mrcnn.layers.tilings import KERNEL, TILINGS, Tiling

# What lies between the steps of so many places stays in a processor's cache.
MAX_PLACES = 4096
# With fewer places, bringing the kernel to the points costs more than it saves.
MIN_PLACES = 1024


class Finish(NamedTuple):
    """What is made of each place of a convolution's output."""

    function: Callable[..., Array]
    """Of outputs [..., F'] and the weights, to [..., G]; one function for all calls."""

    weights: Sequence[Array]
    """float32"""

    num_kept: int
    """G"""

    dtype: str
    """Of what the function makes."""


def is_quicker(conv: keras.layers.Conv2D, dtype: str = "float32") -> bool:
    """Whether a layer's convolution is one of those that `convolve` does faster.

    Graphics processors bring kernels of this kind with them.
    """
    tiling = TILINGS.get(dtype)
    return (
        tiling is not None
        and conv.kernel_size == (KERNEL, KERNEL)
        and conv.strides == (1, 1)
        and conv.dilation_rate == (1, 1)
        and conv.groups == 1
        and conv.padding == "same"
        and conv.data_format == "channels_last"
        and conv.built
        and min(conv.kernel.shape[2:]) >= tiling.min_channels
        and runs_on_cpu()
    )


def convolve(images: Array, kernel: Array) -> Array:
    """Convolution with stride 1 and zeros around the images.

    Images of a few places are convolved as ever.

    Args:
        images: [B, H, W, F] float32 or bfloat16; B may be 0
        kernel: [3, 3, F, F'] float32

    Returns:
        [B, H, W, F'] in the images' precision, equal to plain convolution up to
        rounding. Gradients flow into both arguments.
    """
    outputs = _graph_with_gradient(_name_of(images.dtype))(images, kernel)
    # Sides that are known stay known.
    return ops.reshape(outputs, (*ops.shape(images)[:3], ops.shape(kernel)[-1]))


def convolve_and_finish(images: Array, kernel: Array, finish: Finish) -> Array:
    """What a function of each place alone makes of a convolution's output.

    Only some rows of that output are in memory at a time, unless it is small.

    Args:
        images: see `convolve`, as the next
        kernel: [3, 3, F, F']
        finish: the function and what it needs

    Returns:
        [B, H, W, G]
    """
    ranks = tuple(len(one.shape) for one in finish.weights)
    graph = _graph(finish.function, finish.dtype, _name_of(images.dtype), ranks)
    outputs = graph(images, kernel, *finish.weights)
    return ops.reshape(outputs, (*ops.shape(images)[:3], finish.num_kept))


# One graph serves convolutions between all numbers of channels. What a gradient of our
# own refers to, TensorFlow keeps for ever: this graph then, and not those around it.
@cache
def _graph_with_gradient(dtype: str) -> Callable[..., Array]:
    function = ops.custom_gradient(_convolve_and_back)
    return run_apart(function, _arguments(dtype))


@cache
def _graph(
    function: Callable[..., Array], dtype: str, given: str, ranks: tuple[int, ...]
) -> Callable[..., Array]:
    weights = [([None] * rank, "float32") for rank in ranks]
    convolve = partial(_convolve, function, dtype)
    return run_apart(convolve, [*_arguments(given), *weights])


def _arguments(dtype: str) -> list[tuple[list[int | None], str]]:
    """Shapes and precisions of images and kernel."""
    return [([None] * 4, dtype), ([KERNEL, KERNEL, None, None], "float32")]


def _convolve_and_back(images: Array, kernel: Array) -> tuple[Array, Callable]:
    """[B, H, W, F] -> [B, H, W, F'], and how gradients go through it."""

    def back(upstream: Array) -> tuple[Array, Array]:
        mirrored = ops.transpose(ops.flip(kernel, (0, 1)), (0, 1, 3, 2))
        to_kernel = kernel_gradient(images, ops.shape(kernel), upstream)
        return convolve(upstream, mirrored), ops.cast(to_kernel, kernel.dtype)

    return _convolve(_all, _name_of(images.dtype), images, kernel), back


def _all(outputs: Array) -> Array:
    return outputs


def _convolve(
    function: Callable[..., Array],
    dtype: str,
    images: Array,
    kernel: Array,
    *weights: Array,
) -> Array:
    """[B, H, W, F] -> [B, H, W, G]"""
    num_images, height, width, _ = ops.shape(images)

    def finished(outputs: Array) -> Array:
        return function(outputs, *weights)

    def as_ever() -> Array:
        plain = ops.cast(kernel, images.dtype)
        outputs = ops.conv(images, plain, strides=1, padding="same")
        # TensorFlow gives the result of no images as many channels as the images.
        shape = (num_images, height, width, ops.shape(kernel)[-1])
        return finished(ops.reshape(outputs, shape))

    return ops.cond(
        num_images * height * width >= MIN_PLACES,
        lambda: _convolve_tiles(images, kernel, finished, dtype),
        as_ever,
    )


def _convolve_tiles(
    images: Array, kernel: Array, finish: Callable[[Array], Array], dtype: str
) -> Array:
    tiling = TILINGS[_name_of(images.dtype)]
    num_images, height, width, _ = ops.shape(images)
    rows, columns = tiling.count(height), tiling.count(width)
    # A turn takes some rows of one image, or some images.
    max_tiles = MAX_PLACES // tiling.side**2
    rows_at_once = ops.clip(max_tiles // columns, 1, rows)
    images_at_once = ops.maximum(max_tiles // (rows * columns), 1)
    turns_of_image = _ceil_div(rows, rows_at_once)
    kernels = _kernel_at_points(tiling, kernel, images.dtype)

    def compute(turn: Array, _: Array) -> Array:
        first_image = turn // turns_of_image * images_at_once
        first_row = turn % turns_of_image * rows_at_once
        num_rows = ops.minimum(rows_at_once, rows - first_row)
        some = images[first_image : first_image + images_at_once]
        stripes = _stripes(tiling, some, first_row, num_rows)
        patches = _patches(tiling, stripes, num_rows, columns)
        tiles = finish(_convolve_patches(tiling, patches, kernels))
        return _joined(tiling, tiles, columns)

    num_turns = _ceil_div(num_images, images_at_once) * turns_of_image
    outputs = in_turn(compute, num_turns, 1, dtype)
    covered = (num_images, rows * tiling.side, columns * tiling.side)
    outputs = ops.reshape(outputs, (*covered, ops.shape(outputs)[-1]))
    return outputs[:, :height, :width]


def _stripes(tiling: Tiling, images: Array, first_row: Array, num_rows: Array) -> Array:
    """What rows of tiles depend on. [N, H, W, F] -> [N, R * n + 2, C * n + 2, F]"""
    _, height, width, _ = ops.shape(images)
    top = first_row * tiling.side - 1
    bottom = top + num_rows * tiling.side + 2
    inside = images[:, ops.maximum(top, 0) : ops.minimum(bottom, height)]
    above, below = ops.maximum(-top, 0), ops.maximum(bottom - height, 0)
    to_the_right = tiling.count(width) * tiling.side + 1 - width
    return ops.pad(inside, [(0, 0), (above, below), (1, to_the_right), (0, 0)])


def _patches(tiling: Tiling, stripes: Array, num_rows: Array, columns: Array) -> Array:
    """[N, R * n + 2, C * n + 2, F] -> [(n + 2) * (n + 2) * T, F]"""
    num_images, height, width, channels = ops.shape(stripes)
    in_patch = ops.arange(tiling.patch_side)[:, None]
    ys = in_patch + ops.arange(num_rows) * tiling.side  # [n + 2, R]
    xs = in_patch + ops.arange(columns) * tiling.side  # [n + 2, C]
    starts = ops.arange(num_images)[:, None, None] * height * width
    places = ys[:, None, None, :, None] * width + xs[None, :, None, None, :] + starts
    cells = ops.reshape(stripes, (-1, channels))
    return ops.take(cells, ops.reshape(places, (-1,)), axis=0)


def _convolve_patches(tiling: Tiling, patches: Array, kernels: Array) -> Array:
    """[(n + 2) * (n + 2) * T, F], [P, F, F'] -> [n * n * T, F']"""
    num_points, channels, filters = ops.shape(kernels)
    to_points, to_tile = (
        ops.convert_to_tensor(matrix, patches.dtype)
        for matrix in (tiling.patch, tiling.tile)
    )
    points = ops.matmul(to_points, ops.reshape(patches, (num_points, -1)))
    products = ops.matmul(ops.reshape(points, (num_points, -1, channels)), kernels)
    tiles = ops.matmul(to_tile, ops.reshape(products, (num_points, -1)))
    return ops.reshape(tiles, (-1, filters))


def _joined(tiling: Tiling, tiles: Array, columns: Array) -> Array:
    """[n * n * T, G] -> [N * R * n, C * n, G]"""
    kept = ops.shape(tiles)[-1]
    cells = ops.reshape(tiles, (tiling.side, tiling.side, -1, columns, kept))
    cells = ops.transpose(cells, (2, 0, 3, 1, 4))  # [N * R, n, C, n, G]
    return ops.reshape(cells, (-1, columns * tiling.side, kept))


def _kernel_at_points(tiling: Tiling, kernel: Array, dtype: Any) -> Array:
    """[3, 3, F, F'] -> [P, F, F']"""
    flat = ops.matmul(tiling.kernel, ops.reshape(kernel, (KERNEL**2, -1)))
    shape = (len(tiling.kernel), *ops.shape(kernel)[2:])
    return ops.cast(ops.reshape(flat, shape), dtype)


def _ceil_div(dividend: Any, divisor: Any) -> Any:
    return (dividend + divisor - 1) // divisor


def _name_of(dtype: Any) -> str:
    return keras.backend.standardize_dtype(dtype)
