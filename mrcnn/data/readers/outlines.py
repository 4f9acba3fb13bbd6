"""Rectangles, circles and ellipses as polygons `[x, y, x, y, ...]` in pixels.

Pixel (0, 0) covers the square from 0 to 1, so a rectangle from 0 to 3 covers three
pixels.
"""

import math
from collections.abc import Sequence


def polygon(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Corners given as two lists."""
    return [float(value) for corner in zip(xs, ys, strict=True) for value in corner]


def rectangle(x1: float, y1: float, x2: float, y2: float) -> list[float]:
    """The rectangle between two opposite corners."""
    x1, x2 = sorted((float(x1), float(x2)))
    y1, y2 = sorted((float(y1), float(y2)))
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def ellipse(
    x: float, y: float, x_radius: float, y_radius: float, angle: float = 0.0
) -> list[float]:
    """An ellipse about (x, y), turned by an angle in radians from x towards y.

    Its polygon stays within 1/20 pixel of the curve.
    """
    longest = max(abs(x_radius), abs(y_radius), 1.0)
    count = max(12, math.ceil(math.pi / math.acos(1 - 0.05 / longest)))
    corners = []
    for i in range(count):
        turn = 2 * math.pi * i / count
        along, across = x_radius * math.cos(turn), y_radius * math.sin(turn)
        corners += [
            x + along * math.cos(angle) - across * math.sin(angle),
            y + along * math.sin(angle) + across * math.cos(angle),
        ]
    return corners
