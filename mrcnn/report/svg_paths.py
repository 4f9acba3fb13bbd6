"""Boxes and masks in the coordinates of a page's drawings.

A drawing lies over a picture of any size, so it has units of its own: its longer side
measures `VIEW_SIDE` of them.

Shapes: H W the image, P corners of an outline.
"""

import numpy as np

from mrcnn.geometry.mask_coding import Rle, decode_rle
from mrcnn.geometry.masks import mask_bounds
from mrcnn.geometry.outlines import simple_outlines

VIEW_SIDE = 1000
_TOLERANCE = 1.2  # units that an outline may leave the true one,
_STAIR = 1.0  # or pixels, which smooths the steps of a slanted edge
_SPECK = 3  # units; smaller parts are left out where there are larger ones


def view_scale(image_shape: tuple[int, int]) -> float:
    """Units of the drawing for one pixel of an image."""
    return VIEW_SIDE / max(image_shape)


def view_box(box: np.ndarray, image_shape: tuple[int, int]) -> list[int]:
    """A box [4] in pixels as x, y, width and height in units; none for NaN."""
    if not np.isfinite(box).all():
        return []
    y1, x1, y2, x2 = np.round(box * view_scale(image_shape)).astype(int).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def view_path(rle: Rle) -> str:
    """The outlines of a mask as an SVG path, to be filled by the even-odd rule."""
    mask = decode_rle(rle)
    scale = view_scale(mask.shape)
    y1, x1, y2, x2 = mask_bounds(mask[..., None])[0].tolist()
    outlines = simple_outlines(mask[y1:y2, x1:x2], max(_TOLERANCE / scale, _STAIR))
    corners = [np.round(np.add(o, (x1, y1)) * scale).astype(int) for o in outlines]
    large = [o for o in corners if np.ptp(o, axis=0).max() >= _SPECK]
    return "".join(map(_closed_path, large or corners))


def _closed_path(corners: np.ndarray) -> str:
    """[P, 2] (x, y) -> "m3 4l5-2 3 1z": the first corner, then steps"""
    (x, y), steps = corners[0].tolist(), np.diff(corners, axis=0)
    moved = steps[steps.any(axis=1)].ravel().tolist()
    numbers = " ".join(map(str, moved)).replace(" -", "-")
    # Behind "z" the pen is back at the start, so every outline begins anew.
    return f"M{x} {y}l{numbers}z" if moved else f"M{x} {y}h1v1h-1z"
