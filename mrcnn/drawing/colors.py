"""Colours that tell instances apart.

Shapes: N colours or instances. A colour is `(red, green, blue)` in 0..1.
"""

import colorsys
import random
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from mrcnn.geometry.arrays import Array

Color = tuple[float, float, float]

ColorChoice = Literal["instance", "class"] | Sequence[Any] | None
"""How instances get their colours: a rule, or one colour for each of them."""

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


def instance_colors(colors: ColorChoice, class_ids: Array) -> list[Color]:
    """One colour for each instance.

    Args:
        colors: "instance" or None for one by each instance's position, "class" for one
            by its class id, or a colour for each instance, see `to_color`
        class_ids: [N]

    Returns:
        [N]
    """
    if isinstance(colors, str) or colors is None:
        if colors not in ("instance", "class", None):
            raise ValueError(
                f"colors is {colors!r}, expected 'instance', 'class' or a list with "
                "a colour for each instance."
            )
        by_class = colors == "class"
        return [
            indexed_color(abs(int(class_id)) if by_class else index)
            for index, class_id in enumerate(class_ids)
        ]
    if len(colors) < len(class_ids):
        raise ValueError(
            f"{len(colors)} colours cannot colour {len(class_ids)} instances: give "
            "one for each."
        )
    return [to_color(color) for color in colors[: len(class_ids)]]


def to_color(color: Any) -> Color:
    """A colour however it is written.

    Args:
        color: (red, green, blue) in 0..1 or, if any is over 1, in 0..255, anything
            behind these is left out; or a name or "#rrggbb"
    """
    if isinstance(color, str):
        from matplotlib.colors import to_rgb

        return to_rgb(color)
    numbers = np.asarray(color, "float64").reshape(-1)[:3]
    if len(numbers) < 3:
        raise ValueError(f"{color!r} is no colour: expected red, green and blue.")
    red, green, blue = (numbers / 255 if numbers.max() > 1 else numbers).tolist()
    return red, green, blue


def to_uint8(color: Color) -> np.ndarray:
    """0..1 to 0..255. -> uint8 [3]"""
    return np.round(np.asarray(color, "float64") * 255).astype("uint8")


def readable_on(color: Color) -> str:
    """Black on light colours, white on dark ones."""
    # Shares of red, green and blue in brightness (ITU-R BT.601).
    red, green, blue = color
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"
