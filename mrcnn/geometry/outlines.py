"""Outlines of masks with few corners: for looking at, not for measuring.

Shapes: H W sides of the mask, P corners of one outline.
"""

import cv2
import numpy as np

from mrcnn.geometry.contours import trace_rings


def simple_outlines(mask: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Closed outlines of a mask's parts and of their holes, along pixels' edges.

    Filled by the even-odd rule, they cover the mask.

    Args:
        mask: [H, W] bool
        tolerance: how many pixels an outline may leave the true one to save corners
            (Douglas and Peucker 1973); an outline that would vanish keeps its corners

    Returns:
        int64 [P, 2] (x, y) each; none for an empty mask
    """
    return [_simplify(ring, tolerance) for ring in trace_rings(mask)]


def _simplify(ring: np.ndarray, tolerance: float) -> np.ndarray:
    corners = ring[:, None].astype("int32")
    simple = cv2.approxPolyDP(corners, tolerance, closed=True)[:, 0]
    return simple.astype("int64") if len(simple) > 2 else ring
