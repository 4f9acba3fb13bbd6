"""From pixels to what the network sees, and back: mean, deviation and padding.

Shapes: h w molded height and width, C channels; `...` is any number of leading axes.
"""

import numpy as np

from mrcnn.geometry.arrays import Array


def mold_image(
    image: np.ndarray, mean_pixel: Array, pixel_std: Array = 1.0
) -> np.ndarray:
    """Pixels minus the mean pixel, in units of their deviation.

    Args:
        image: [..., C]
        mean_pixel: [C] or a number
        pixel_std: [C] or a number

    Returns:
        [..., C] float32
    """
    image = np.asarray(image)
    if image.ndim < 3 or not image.flags.c_contiguous:
        return _standardize(image, mean_pixel, pixel_std)
    # Along whole rows of pixels NumPy is nine times quicker than along their channels.
    width, channels = image.shape[-2:]
    rows = image.reshape(*image.shape[:-2], -1)  # [..., w * C]
    mean_row, std_row = (
        np.tile(np.broadcast_to(values, channels), width)
        for values in (mean_pixel, pixel_std)
    )
    return _standardize(rows, mean_row, std_row).reshape(image.shape)


def unmold_image(
    molded: np.ndarray, mean_pixel: Array, pixel_std: Array = 1.0
) -> np.ndarray:
    """The pixels that were molded. [..., C] -> [..., C] uint8"""
    deviation = np.multiply(molded, pixel_std, dtype="float32")
    restored = np.add(deviation, mean_pixel, dtype="float32")
    return np.clip(np.round(restored), 0, 255).astype("uint8")


def mold_padded(
    image: np.ndarray,
    mean_pixel: Array,
    window: Array,
    *,
    pad_after_mean: bool,
    pixel_std: Array = 1.0,
) -> np.ndarray:
    """A resized image as the network takes it.

    Args:
        image: [h, w, C], zero outside the window
        mean_pixel: [C] or a number
        window: (y1, x1, y2, x2) of the picture inside the image
        pad_after_mean: see `Convention`
        pixel_std: [C] or a number

    Returns:
        [h, w, C] float32. Outside the window it is zero with `pad_after_mean`, else
        what a black pixel becomes.
    """
    molded = mold_image(image, mean_pixel, pixel_std)
    if pad_after_mean:
        clear_outside(molded, window)
    return molded


def clear_outside(molded: np.ndarray, window: Array) -> None:
    """Sets all pixels outside the window to zero, in place. [h, w, C]"""
    y1, x1, y2, x2 = (int(edge) for edge in window)
    molded[:y1] = molded[y2:] = 0
    molded[:, :x1] = molded[:, x2:] = 0


def _standardize(values: np.ndarray, mean: Array, std: Array) -> np.ndarray:
    """The difference, rounded to float32 once as in matterport, over the deviation."""
    mean = np.asarray(mean, "float64")
    molded = np.empty(np.broadcast_shapes(values.shape, mean.shape), "float32")
    np.subtract(values, mean, out=molded, dtype="float64", casting="same_kind")
    if np.any(np.not_equal(std, 1)):
        np.divide(molded, std, out=molded, casting="same_kind")
    return molded
