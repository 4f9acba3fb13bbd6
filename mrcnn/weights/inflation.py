"""First layers that were trained on RGB images, fitted to images of other channels.

Shapes: h w a kernel, C channels of images, F of features.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.weights.fitting import BACKBONE, part_of
from mrcnn.weights.report import Mismatch

RGB = 3


def inflatable(mismatched: Sequence[Mismatch]) -> list[Mismatch]:
    """The kernels of a backbone that differ in nothing but RGB images in the file."""
    return [
        mismatch
        for mismatch in mismatched
        if mismatch.name.endswith("/kernel")
        and part_of(mismatch.name) == BACKBONE
        and len(mismatch.file_shape) == len(mismatch.model_shape) == 4
        and mismatch.file_shape[2] == RGB
        and mismatch.file_shape[:2] == mismatch.model_shape[:2]
        and mismatch.file_shape[3] == mismatch.model_shape[3]
    ]


def inflate(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A kernel for RGB images as one for images of another number of channels.

    The first three channels are taken for red, green and blue, and each further one
    gets the mean of their kernels. With fewer than three, all share what the three had,
    so that a grey image gives the features that it gives as RGB.

    Args:
        kernel: [h, w, 3, F]
        channels: C

    Returns:
        [h, w, C, F]
    """
    if channels < RGB:
        share = kernel.sum(axis=2, keepdims=True) / channels
        return np.repeat(share, channels, axis=2)
    extra = np.repeat(kernel.mean(axis=2, keepdims=True), channels - RGB, axis=2)
    return np.concatenate([kernel, extra], axis=2)
