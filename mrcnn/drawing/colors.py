"""Colours that tell instances apart.

Shapes: N colours. A colour is `(red, green, blue)` in 0..1.
"""

import colorsys
import random

import numpy as np

Color = tuple[float, float, float]

# The share of a turn that is hardest to approximate by fractions: hues of
# consecutive indices stay far apart, however many there are.
_GOLDEN_TURN = (5**0.5 - 1) / 2


def random_colors(count: int, bright: bool = True) -> list[Color]:
    """Colours evenly spread over the hues, in random order.

    Args:
        count: how many
        bright: full brightness, or 70 % for white backgrounds

    Returns:
        A list of `count` colours, shuffled with Python's `random`.
    """
    brightness = 1.0 if bright else 0.7
    hues = [index / count for index in range(count)]
    colors = [colorsys.hsv_to_rgb(hue, 1.0, brightness) for hue in hues]
    random.shuffle(colors)
    return colors


def indexed_color(index: int) -> Color:
    """The same colour for the same index in every picture, neighbours far apart."""
    hue = (0.58 + index * _GOLDEN_TURN) % 1.0
    # Two alternating tones keep hues apart that come close after many indices.
    saturation, brightness = [(0.85, 0.95), (0.65, 1.0)][index % 2]
    return colorsys.hsv_to_rgb(hue, saturation, brightness)


def to_uint8(color: Color) -> np.ndarray:
    """0..1 to 0..255. -> uint8 [3]"""
    return np.round(np.asarray(color, "float64") * 255).astype("uint8")
