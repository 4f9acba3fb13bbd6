"""Any image as the 8-bit RGB picture that things are drawn into.

Shapes: H W the image, C channels.
"""

import os
from typing import Any

import numpy as np

from mrcnn.data.image_files import read_image, to_8_bits


def as_picture(image: Any) -> np.ndarray:
    """A picture to draw into; the image itself stays as it is.

    Grey is repeated, and of more than three channels the first three are shown. Values
    up to 255 are kept, 16-bit values and floats in 0..1 are brought to 0..255, and an
    image with values below zero, such as a molded one, is stretched from its least to
    its greatest.

    Args:
        image: [H, W] or [H, W, C] of bools, integers or floats, a picture of Pillow,
            or the path of an image file

    Returns:
        [H, W, 3] uint8
    """
    if isinstance(image, str | os.PathLike):
        return np.array(read_image(image))
    pixels = np.asarray(image)
    if (
        pixels.ndim not in (2, 3)
        or 0 in pixels.shape
        or pixels.dtype.kind not in "buif"
    ):
        raise ValueError(
            f"Cannot draw into an array of the shape {pixels.shape} and the dtype "
            f"{pixels.dtype}: an image is [H, W] or [H, W, channels] of numbers."
        )
    pixels = pixels.reshape(*pixels.shape[:2], -1)  # [H, W, C]
    # Two channels are grey with alpha.
    pixels = pixels[..., : 3 if pixels.shape[-1] >= 3 else 1]
    grey_levels = _grey_levels(pixels)
    return np.array(np.broadcast_to(grey_levels, (*pixels.shape[:2], 3)))


def _grey_levels(pixels: np.ndarray) -> np.ndarray:
    """Numbers on any scale -> uint8 of the same shape."""
    if pixels.dtype == bool:
        return pixels * np.uint8(255)
    if pixels.dtype.kind == "f":
        pixels = np.nan_to_num(pixels, posinf=255, neginf=0)
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0:
        span = max(high - low, 1e-8)
        return np.round((pixels - low) * (255 / span)).astype("uint8")
    # Resizing and augmentation leave 8-bit floats a little over 255.
    return to_8_bits(np.minimum(pixels, 255) if 255 < high <= 256 else pixels)
