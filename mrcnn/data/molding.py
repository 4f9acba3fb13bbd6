"""From pixels to what the network sees, and back: the mean pixel and the padding.

Shapes: h w molded height and width, C channels; `...` is any number of leading axes.
"""

import numpy as np

from mrcnn.geometry.arrays import Array


def mold_image(image: np.ndarray, mean_pixel: Array) -> np.ndarray:
    """Pixels minus the mean pixel. [..., C], [C] or a number -> [..., C] float32"""
    image, mean_pixel = np.asarray(image), np.asarray(mean_pixel, "float64")
    if image.ndim < 3 or not image.flags.c_contiguous:
        return _subtract(image, mean_pixel)
    # Along whole rows of pixels NumPy is nine times quicker than along their channels.
    rows = image.reshape(*image.shape[:-2], -1)  # [..., w * C]
    mean_row = np.tile(np.broadcast_to(mean_pixel, image.shape[-1:]), image.shape[-2])
    return _subtract(rows, mean_row).reshape(image.shape)


def unmold_image(molded: np.ndarray, mean_pixel: Array) -> np.ndarray:
    """The pixels that were molded. [..., C] -> [..., C] uint8"""
    restored = np.add(molded, mean_pixel, dtype="float32")
    return np.clip(np.round(restored), 0, 255).astype("uint8")


def mold_padded(
    image: np.ndarray, mean_pixel: Array, window: Array, *, pad_after_mean: bool
) -> np.ndarray:
    """A resized image as the network takes it.

    Args:
        image: [h, w, C], zero outside the window
        mean_pixel: [C] or a number
        window: (y1, x1, y2, x2) of the picture inside the image
        pad_after_mean: see `Convention`

    Returns:
        [h, w, C] float32. Outside the window it is zero with `pad_after_mean`, else
        minus the mean pixel.
    """
    molded = mold_image(image, mean_pixel)
    if pad_after_mean:
        clear_outside(molded, window)
    return molded


def clear_outside(molded: np.ndarray, window: Array) -> None:
    """Sets all pixels outside the window to zero, in place. [h, w, C]"""
    y1, x1, y2, x2 = (int(edge) for edge in window)
    molded[:y1] = molded[y2:] = 0
    molded[:, :x1] = molded[:, x2:] = 0


def _subtract(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The difference, rounded to float32 once and at the end, as matterport's is."""
    shape = np.broadcast_shapes(values.shape, mean.shape)
    difference = np.empty(shape, "float32")
    return np.subtract(
        values, mean, out=difference, dtype="float64", casting="same_kind"
    )
