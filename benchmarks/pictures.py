"""Pictures that cost nothing to make, for us and for peers alike.

Shapes: H W an image, N objects.
"""

from typing import NamedTuple

import numpy as np


class Example(NamedTuple):
    """A picture and what is in it."""

    image: np.ndarray  # uint8 [H, W, 3]
    class_ids: np.ndarray  # int32 [N]
    boxes: np.ndarray  # int32 [N, 4] (y1, x1, y2, x2)
    masks: np.ndarray  # bool [H, W, N]


def blocks(height: int, width: int) -> np.ndarray:
    """32 x 32 rectangles in colours, in many of which something may be seen.

    -> uint8 [H, W, 3]
    """
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (32, 32, 3)).astype("uint8")
    return np.kron(colors, np.ones((height // 32, width // 32, 1), "uint8"))


def rectangles(seed: int, side: int, num_objects: int, num_classes: int) -> Example:
    """Noise, with rectangles of one of `num_classes` classes for objects."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, side - side // 3, (num_objects, 2))
    sides = rng.integers(side // 12, side // 3, (num_objects, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1).astype("int32")
    masks = np.zeros((side, side, num_objects), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, index] = True
    return Example(
        rng.integers(0, 256, (side, side, 3), "uint8"),
        rng.integers(1, num_classes + 1, num_objects).astype("int32"),
        boxes,
        masks,
    )
