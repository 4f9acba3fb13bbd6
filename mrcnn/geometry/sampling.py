"""Sampling along rows and columns: resized images, mini-masks, pasted masks, targets.

Along two axes sampling separates, so each axis is a matter of its own. Few samples of
many pixels pick their two neighbours; many samples of few pixels are cheaper as a
product with weights, `rows @ image @ columns.T`. Positions count from the centre of
the first pixel, edges from its outer edge. Outside the image is zero; clip positions
to [0, side - 1] to repeat the outer pixels instead.

Shapes: h w sides of an image, S T samples along them; `...` is any leading axes.
"""

import numpy as np

from mrcnn.geometry.arrays import Array, array_namespace, as_floats, cast

# A position outside every image, in place of NaN and infinity.
OUTSIDE = -2.0


def pick_pixels(image: np.ndarray, rows: Array, columns: Array) -> np.ndarray:
    """Bilinear samples where rows and columns cross.

    Args:
        image: [h, w, ...]
        rows: [S] finite positions
        columns: [T] finite positions

    Returns:
        [S, T, ...] float64 for images of wide integers or float64, else float32
    """
    return _pick_along(_pick_along(image, rows, 0), columns, 1)


def weigh_pixels(images: Array, row_weights: Array, column_weights: Array) -> Array:
    """Weighted sums of pixels where rows and columns cross.

    Args:
        images: [..., h, w], any dtype
        row_weights: [..., S, h]
        column_weights: [..., T, w]

    Returns:
        [..., S, T] float32
    """
    xp = array_namespace(images, row_weights)
    images = cast(images, "float32")
    return row_weights @ images @ xp.swapaxes(column_weights, -1, -2)


def hat_weights(positions: Array, side: Array) -> Array:
    """Bilinear weights of pixels at positions. [..., S] -> float32 [..., S, side]

    They sum to 1 between the centres of the outer pixels and fade to 0 one pixel
    beyond. A position that is not finite has no weights.
    """
    positions, pixels = as_floats(positions, _pixels(side))
    xp = array_namespace(positions)
    positions = xp.where(xp.isfinite(positions), positions, OUTSIDE)
    distance = xp.abs(positions[..., None] - pixels)  # [..., S, side]
    return cast(xp.maximum(1 - distance, 0), "float32")


def cover_weights(start: Array, stop: Array, count: int, side: Array) -> Array:
    """Share of each bin that lies in each pixel.

    Args:
        start: [...] edge of the first bin
        stop: [...] far edge of the last bin
        count: number of bins, all equal
        side: number of pixels, which may be a tensor

    Returns:
        [..., count, side] float32. Bins outside the image are zero, and so are those
        without extent.
    """
    start, stop, index, pixels = as_floats(start, stop, np.arange(count), _pixels(side))
    xp = array_namespace(start)
    finite = xp.isfinite(start) & xp.isfinite(stop)
    start, stop = xp.where(finite, start, OUTSIDE), xp.where(finite, stop, OUTSIDE)
    start, step = start[..., None], ((stop - start) / count)[..., None]
    low = (start + index * step)[..., None]  # [..., count, 1]
    high = (start + (index + 1) * step)[..., None]
    shared = xp.minimum(high, pixels + 1) - xp.maximum(low, pixels)
    return cast(xp.maximum(shared, 0) / xp.maximum(high - low, 1e-6), "float32")


def bin_centers(start: Array, stop: Array, count: int) -> Array:
    """Positions of the centres of equal bins. [...], [...] -> [..., count]"""
    start, stop, index = as_floats(start, stop, np.arange(count))
    start, stop = start[..., None], stop[..., None]
    return start + (index + 0.5) * (stop - start) / count - 0.5


def _pixels(side: Array) -> Array:
    """Indices of the pixels along a side, which may be a tensor. -> [side]"""
    return array_namespace(side).arange(side)


def _pick_along(image: np.ndarray, positions: Array, axis: int) -> np.ndarray:
    last = image.shape[axis] - 1
    dtype = np.result_type(image, np.float32)
    low = np.floor(positions)
    share = positions - low

    def neighbour(index: np.ndarray, weight: np.ndarray) -> np.ndarray:
        weight = np.where((index >= 0) & (index <= last), weight, 0).astype(dtype)
        index = np.clip(index, 0, last).astype("intp")
        pixels = image[index] if axis == 0 else image[:, index]
        return pixels * weight.reshape(-1, *[1] * (image.ndim - axis - 1))

    picked = neighbour(low, 1 - share)
    picked += neighbour(low + 1, share)
    return picked
