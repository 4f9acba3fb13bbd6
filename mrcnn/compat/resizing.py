"""matterport's image resizing under its old names, arguments and results.

Shapes: H W sides of an image, C channels.
"""

import random
from typing import Any

import numpy as np

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.resizing import apply_resize, plan_resize

Resized = tuple[
    np.ndarray,
    tuple[int, int, int, int],
    float,
    list[tuple[int, int]],
    tuple[int, int, int, int] | None,
]


def resize_image(
    image: Array,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
) -> Resized:
    """An image resized for the network; see `plan_resize` for the arguments.

    Returns:
        image [H', W', C] of the same dtype, window (y1, x1, y2, x2), scale, padding
        [(top, bottom), (left, right), (0, 0)], and crop (y, x, h, w) or None. The crop
        lies where Python's `random` puts it.
    """
    plan = plan_resize(
        np.shape(image),
        min_dim=min_dim,
        max_dim=max_dim,
        min_scale=min_scale,
        mode=mode,
        rng=np.random.default_rng(random.getrandbits(64)) if mode == "crop" else None,
    )
    resized = apply_resize(image, plan)
    return resized, plan.window, plan.scale, plan.padding, plan.crop


def resize(
    image: Array,
    output_shape: Array,
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: Any = None,
) -> np.ndarray:
    """scikit-image's `resize` with matterport's defaults; bool arrays become floats."""
    from skimage.transform import resize as skimage_resize

    image = np.asarray(image)
    return skimage_resize(
        image.astype("float64") if image.dtype == bool else image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )
