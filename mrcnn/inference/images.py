"""Images of every kind that users have, made into one: `[H, W, C]` in 0..255.

The first step of detection. An image may be an array (greyscale, RGB, RGBA; 8 or 16
bits, integers, floats), a picture of Pillow, or the path of an image file. Shapes are
known before pixels are read, so that a long list can be planned and read in pieces.

Shapes: N images, H W height and width as loaded, C channels of the network's input.
"""

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.data.image_files import (
    fit_channels,
    picture_pixels,
    picture_shape,
    read_image_shape,
    read_pixels,
)

ImageSource = Any
"""An array, a picture of Pillow, or a path."""

logger = logging.getLogger("mrcnn")

_warned: set[str] = set()
_warned_lock = threading.Lock()


def list_images(images: Any, channel_count: int) -> list[ImageSource]:
    """One entry for each image, whatever holds them.

    Args:
        images: a list, tuple or iterator of images; one image; or an array: [H, W],
            [H, W, C] or [N, H, W, C]. Three axes are one image if the last has 1, 3,
            4 or `channel_count` entries, and otherwise N greyscale images [N, H, W]
        channel_count: C

    Returns:
        [N] unread images; an empty list for no images.
    """
    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    if isinstance(images, Mapping | bytes) or not _is_iterable(images):
        raise TypeError(
            f"Images are expected as a list, an array or a path, but got "
            f"{type(images).__name__}. Put the images into a list."
        )
    if not hasattr(images, "__array__"):
        return list(images)
    array = np.asarray(images)
    is_one_image = array.ndim == 2 or (
        array.ndim == 3 and array.shape[-1] in (1, 3, 4, channel_count)
    )
    return [array] if is_one_image else list(array)


def image_shape(
    source: ImageSource, index: int, channel_count: int
) -> tuple[int, int, int]:
    """(H, W, C) that `load_image` will give; of most files, only the header is read."""
    if isinstance(source, str | os.PathLike):
        height, width = read_image_shape(source)
    elif isinstance(source, Image.Image):
        height, width = picture_shape(source)
    else:
        array = np.asarray(source)
        _check_array(array, index)
        _fit_channels(array[:1, :1], index, channel_count, array.shape)
        height, width = array.shape[:2]
    return height, width, channel_count


def load_image(
    source: ImageSource, index: int, channel_count: int, mean_pixel: Any
) -> np.ndarray:
    """The pixels of one image, on the scale that the network was trained with.

    Channels are fitted to the network's as in `fit_channels`, and files are turned
    upright. Where `mean_pixel` says that the network expects 0..255, other scales are
    recognised: integers over 255 are 16-bit values, floats up to 1 are shares of 255,
    and values below zero that fit have had the mean subtracted already.

    Args:
        source: see `list_images`
        index: the image's place in the list, for error messages
        channel_count: C
        mean_pixel: [C] or a number

    Returns:
        [H, W, C] uint8 or float32
    """
    if isinstance(source, str | os.PathLike):
        array = read_pixels(source)
    elif isinstance(source, Image.Image):
        array = picture_pixels(source)
    else:
        array = np.asarray(source)
    _check_array(array, index)
    image = _fit_channels(array, index, channel_count, array.shape)
    return _fit_scale(image, index, np.asarray(mean_pixel, "float32"))


def warn_once(message: str, *values: object) -> None:
    """Log a warning the first time that it comes up in this process."""
    with _warned_lock:
        is_new = message not in _warned
        _warned.add(message)
    if is_new:
        logger.warning(message, *values)


def _is_iterable(images: Any) -> bool:
    return hasattr(images, "__iter__") or hasattr(images, "__array__")


def _check_array(array: np.ndarray, index: int) -> None:
    shape = tuple(array.shape)
    if array.dtype.kind not in "uif":
        raise TypeError(
            f"Image {index} has dtype {array.dtype} and shape {shape}, but pixels are "
            "integers or floats. " + _dtype_remedy(array)
        )
    if array.ndim not in (2, 3):
        raise ValueError(
            f"Image {index} has the shape {shape}, but an image is [H, W] or "
            "[H, W, channels]. Hand in a batch as one array or as a list of images, "
            "not as a list of batches."
        )
    if 0 in shape:
        raise ValueError(
            f"Image {index} has the shape {shape}: it has no pixels. Leave it out."
        )


def _dtype_remedy(array: np.ndarray) -> str:
    if array.dtype.kind == "b":
        return "Multiply a bool array by 255 and cast it to uint8."
    if array.dtype.kind == "O":
        return "Hand in a list of arrays, and each array with a dtype of numbers."
    return "Cast it to uint8."


def _fit_channels(
    array: np.ndarray, index: int, channel_count: int, shape: tuple[int, ...]
) -> np.ndarray:
    """The image or a part of it; `shape` is the whole image's. -> [H, W, C]"""
    try:
        image = fit_channels(array, channel_count)
    except ValueError as error:
        is_first = len(shape) == 3 and shape[0] <= 4 < shape[2]
        hint = " Or move the channels to the last axis." if is_first else ""
        raise ValueError(
            f"Image {index} has the shape {shape}: {error}{hint}"
        ) from None
    if channel_count == 3 and shape[2:] == (4,):
        warn_once(
            "Dropping the alpha channel of RGBA images. Hand in RGB images to avoid "
            "this message, or set IMAGE_CHANNEL_COUNT = 4 to train with alpha."
        )
    return image


def _fit_scale(image: np.ndarray, index: int, mean_pixel: np.ndarray) -> np.ndarray:
    """[H, W, C] on any scale -> uint8 or float32 on the network's scale."""
    if image.dtype == np.uint8:
        return image
    is_integer = image.dtype.kind in "ui"
    image = image.astype("float32")
    low, high = float(image.min()), float(image.max())
    if not np.isfinite([low, high]).all():
        raise ValueError(
            f"Image {index} holds NaN or infinite pixels. Replace them, for example "
            "with numpy.nan_to_num."
        )
    # The mean of images in 0..255; with any other mean the scale is the user's own.
    if not 1 < mean_pixel.max() <= 255:
        return image
    if low < 0:
        return _restore_mean(image, mean_pixel)
    if is_integer:
        is_16_bit = 255 < high <= 65535
        return image / 257 if is_16_bit else _as_bytes(image, high)
    if 0 < high <= 1:
        warn_once(
            "Taking float images whose values lie in 0..1 times 255. Hand in images "
            "in 0..255 to avoid this message."
        )
        return image * 255
    return image


def _as_bytes(image: np.ndarray, high: float) -> np.ndarray:
    """Whole numbers as uint8 where they fit, so that all dtypes resize alike."""
    return image.astype("uint8") if high <= 255 else image


def _restore_mean(image: np.ndarray, mean_pixel: np.ndarray) -> np.ndarray:
    restored = image + mean_pixel
    # Half a grey level of room for what resizing and rounding may have done.
    if restored.min() < -0.5 or restored.max() > 255.5:
        warn_once(
            "Some images have pixels below zero that adding the mean pixel does not "
            "bring into 0..255; their values are used as they are."
        )
        return image
    warn_once(
        "Some images have pixels below zero: taking them as images whose mean was "
        "subtracted, and adding it back. Hand in images as loaded to avoid this."
    )
    return restored
