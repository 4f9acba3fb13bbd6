"""Masks and boxes painted into images, in plain NumPy and at native resolution.

Shapes: H W the image, N instances.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.drawing.colors import Color, indexed_color, to_uint8
from mrcnn.geometry.arrays import Array


def apply_mask(
    image: np.ndarray, mask: Array, color: Color, alpha: float = 0.5
) -> np.ndarray:
    """Tints the image where the mask is set, in place.

    Args:
        image: [H, W, 3] in 0..255
        mask: [H, W]
        color: of the tint, 0..1
        alpha: 0 leaves the image, 1 covers it

    Returns:
        The same image.
    """
    covered = np.asarray(mask).astype(bool)
    tint = np.asarray(color, "float64") * 255
    image[covered] = (1 - alpha) * image[covered] + alpha * tint
    return image


def draw_box(image: np.ndarray, box: Array, color: Color) -> np.ndarray:
    """Draws a box two pixels wide, just inside its edges and in place.

    Args:
        image: [H, W, 3]
        box: [4] pixels; parts outside the image are left out
        color: in the image's own units, as old callers hand it over

    Returns:
        The same image.
    """
    return draw_frame(image, box, color, 2)


def draw_frame(
    image: np.ndarray, box: Array, color: Array, thickness: int
) -> np.ndarray:
    """Draws a box with lines of any thickness, just inside its edges and in place.

    Args:
        image: [H, W, 3]
        box: [4] pixels; parts outside the image are left out
        color: in the image's own units
        thickness: of the lines, in pixels

    Returns:
        The same image.
    """
    height, width = image.shape[:2]
    y1, x1, y2, x2 = (round(float(edge)) for edge in box)
    top, left = max(y1, 0), max(x1, 0)
    bottom, right = min(y2, height), min(x2, width)
    if top >= bottom or left >= right:
        return image
    for step in range(thickness):
        for y in (y1 + step, y2 - 1 - step):
            if top <= y < bottom:
                image[y, left:right] = color
        for x in (x1 + step, x2 - 1 - step):
            if left <= x < right:
                image[top:bottom, x] = color
    return image


def overlay_masks(
    image: np.ndarray, masks: Array, colors: Sequence[Color] | None = None
) -> np.ndarray:
    """A copy of the image with tinted masks and their outlines.

    Args:
        image: [H, W, 3] uint8
        masks: [H, W, N]
        colors: one for each mask; by default those of `indexed_color`

    Returns:
        [H, W, 3] uint8
    """
    picture = np.array(image)
    for index in range(masks.shape[-1]):
        color = colors[index] if colors is not None else indexed_color(index)
        mask = np.asarray(masks[..., index]).astype(bool)
        apply_mask(picture, mask, color, alpha=0.4)
        picture[mask_outline(mask)] = to_uint8(color)
    return picture


def mask_outline(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask that touch its outside or the border. [H, W] -> bool [H, W]"""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def side_by_side(images: Sequence[np.ndarray], gap: int = 8) -> np.ndarray:
    """Images in one row on white, tops aligned. N times [H, W, 3] -> [H', W', 3]"""
    height = max(image.shape[0] for image in images)
    width = sum(image.shape[1] for image in images) + gap * (len(images) - 1)
    sheet = np.full((height, width, 3), 255, "uint8")
    left = 0
    for image in images:
        sheet[: image.shape[0], left : left + image.shape[1]] = image
        left += image.shape[1] + gap
    return sheet
