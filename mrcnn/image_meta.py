"""The image-meta vector: what the network is told about each image.

Sole owner of the vector's layout. It travels as one float row per image beside the
molded image, so that the network's inputs stay plain tensors.

Shapes: C classes with background; `...` is any number of leading axes.
"""

from typing import NamedTuple

import numpy as np

from mrcnn.geometry.arrays import Array

LENGTH_WITHOUT_CLASSES = 12


class ImageMeta(NamedTuple):
    """The vector's parts, in order; each with the leading axes of the whole."""

    image_id: Array  # [...]
    original_image_shape: Array  # [..., 3] height, width, channels as loaded
    image_shape: Array  # [..., 3] of the molded image
    window: Array  # [..., 4] pixels of the molded image
    scale: Array  # [...] molded side over original side
    active_class_ids: Array  # [..., C] 1 for a class of the image's dataset, else 0


def compose_image_meta(
    image_id: int,
    original_image_shape: Array,
    image_shape: Array,
    window: Array,
    scale: float,
    active_class_ids: Array,
) -> np.ndarray:
    """The vector of one image, float64 [12 + C]. See `ImageMeta` for the parts."""
    parts = {
        "original_image_shape": (original_image_shape, 3),
        "image_shape": (image_shape, 3),
        "window": (window, 4),
    }
    for name, (part, length) in parts.items():
        if len(part) != length:
            raise ValueError(
                f"{name} of an image meta needs {length} numbers, "
                f"but got {len(part)}: {tuple(part)}."
            )
    return np.array(
        [
            image_id,
            *original_image_shape,
            *image_shape,
            *window,
            scale,
            *active_class_ids,
        ],
        "float64",
    )


def parse_image_meta(meta: Array) -> ImageMeta:
    """The parts of one or many vectors, dtype unchanged. [..., 12 + C] -> ImageMeta"""
    if meta.shape[-1] is not None and meta.shape[-1] < LENGTH_WITHOUT_CLASSES:
        raise ValueError(
            f"An image meta has {LENGTH_WITHOUT_CLASSES} numbers and one for each "
            f"class, but got the shape {tuple(meta.shape)}. Compose it with "
            "compose_image_meta."
        )
    return ImageMeta(
        image_id=meta[..., 0],
        original_image_shape=meta[..., 1:4],
        image_shape=meta[..., 4:7],
        window=meta[..., 7:11],
        scale=meta[..., 11],
        active_class_ids=meta[..., 12:],
    )
