"""Rois at random around the ground truth, for training the heads without an RPN.

Shapes: N instances, R rois.
"""

import numpy as np

from mrcnn.geometry.arrays import Array

# The share of rois that lie near an instance; the rest lie anywhere.
_SHARE_NEAR = 0.9


def random_rois(
    image_shape: Array, boxes: Array, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Boxes of random place and shape, most of them near an instance.

    Args:
        image_shape: (height, width) or more
        boxes: [N, 4] pixels
        count: R
        rng: draws them

    Returns:
        int32 [R, 4] pixels inside the image, at least one pixel high and wide. Nine of
        ten are shared out evenly among the instances, and lie within the instance's
        box enlarged by its own sides; without instances, all lie anywhere.
    """
    boxes = np.reshape(boxes, (-1, 4)).astype("int64")
    limits = np.array(image_shape[:2], "int64")
    low = np.zeros((count, 2), "int64")
    high = np.tile(limits, (count, 1))  # [R, 2]
    if len(boxes):
        near = boxes[np.arange(int(count * _SHARE_NEAR)) % len(boxes)]
        sides = near[:, 2:] - near[:, :2]
        low[: len(near)] = np.clip(near[:, :2] - sides, 0, limits - 1)
        high[: len(near)] = np.clip(near[:, 2:] + sides, 1, limits)
    high = np.maximum(high, low + 1)
    # Two of the range's edges, without the same twice.
    start = rng.integers(low, high, endpoint=True)
    end = rng.integers(low, high)
    end += end >= start
    corners = np.minimum(start, end), np.maximum(start, end)
    return np.concatenate(corners, axis=1).astype("int32")
