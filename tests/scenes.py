"""The drawing board: shapes drawn with NumPy, and scenes of them with their truth.

A drawn mask is exact by construction, so what a function makes of it can be judged
without another program's opinion.

Shapes: N instances, P points.
"""

from typing import NamedTuple

import numpy as np

from mrcnn.geometry.arrays import Array


class Scene(NamedTuple):
    """An image and everything there is to know about it."""

    image: np.ndarray  # uint8 [H, W, 3]
    boxes: np.ndarray  # int32 [N, 4] pixels
    class_ids: np.ndarray  # int32 [N]
    masks: np.ndarray  # bool [H, W, N]


def rectangle_scene(image_shape: Array, boxes: Array, class_ids: Array) -> Scene:
    """Filled rectangles on grey, each class in a colour of its own."""
    boxes = np.asarray(boxes, "int32").reshape(-1, 4)
    class_ids = np.asarray(class_ids, "int32")
    image = np.full((*image_shape[:2], 3), 128, "uint8")
    masks = np.zeros((*image_shape[:2], len(boxes)), bool)
    for i, ((y1, x1, y2, x2), class_id) in enumerate(
        zip(boxes, class_ids, strict=True)
    ):
        masks[y1:y2, x1:x2, i] = True
        image[y1:y2, x1:x2] = class_color(class_id)
    return Scene(image, boxes, class_ids, masks)


def class_color(class_id: int) -> tuple[int, int, int]:
    """A strong colour that no other class below eight has."""
    bits = int(class_id) % 8
    return (255 * (bits & 1), 255 * (bits >> 1 & 1), 255 * (bits >> 2 & 1))


def random_shape(rng: np.random.Generator, shortest: int, longest: int) -> np.ndarray:
    """An ellipse, a blob or a turned bar inside a frame. -> bool [H, W]

    Its longer side measures between `shortest` and `longest` pixels, and it lies
    anywhere on the pixel grid, not only on whole pixels.
    """
    side = rng.uniform(shortest, longest)
    center = side / 2 + 4 + rng.uniform(0, 1, 2)
    angle = rng.uniform(0, np.pi)
    kind = rng.integers(3)
    if kind == 0:
        radii = side / 2 * np.array([1, rng.uniform(0.4, 1)])
        return draw_ellipse(round(side) + 10, center, radii, angle)
    if kind == 1:
        return draw_blob(rng, round(side) + 10, center, side / 2)
    return draw_bar(
        round(side) + 10, center, side * np.array([0.9, rng.uniform(0.25, 0.6)]), angle
    )


def draw_ellipse(
    side: int, center: Array, radii: Array, angle: float = 0.0
) -> np.ndarray:
    """Pixels whose centre lies in the ellipse. -> bool [side, side]"""
    along, across = _turned_grid(side, center, angle)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def draw_bar(side: int, center: Array, sides: Array, angle: float = 0.0) -> np.ndarray:
    """Pixels whose centre lies in the rectangle. -> bool [side, side]"""
    along, across = _turned_grid(side, center, angle)
    return (np.abs(along) <= sides[0] / 2) & (np.abs(across) <= sides[1] / 2)


def draw_blob(
    rng: np.random.Generator, side: int, center: Array, radius: float
) -> np.ndarray:
    """A round outline with a few soft bumps. -> bool [side, side]"""
    y, x = _turned_grid(side, center, 0.0)
    direction = np.arctan2(y, x)
    outline = np.ones_like(direction)
    for waves in (2, 3, 5):
        outline += 0.12 * np.sin(waves * direction + rng.uniform(0, 2 * np.pi))
    return np.hypot(y, x) <= radius * outline / 1.36


def _turned_grid(
    side: int, center: Array, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:side, :side] + 0.5
    y, x = y - center[0], x - center[1]
    return (
        y * np.cos(angle) - x * np.sin(angle),
        y * np.sin(angle) + x * np.cos(angle),
    )
