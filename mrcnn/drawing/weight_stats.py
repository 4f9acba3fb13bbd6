"""A table of a network's weights that shows which are broken.

The network comes as its layers, so nothing of Keras is needed here.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

# Weights beyond this come of a training that got out of hand.
_LARGEST = 1000


def weight_table(layers: Iterable[Any]) -> list[list[str]]:
    """A row for each weight: its name, with a warning if need be, and its statistics.

    Args:
        layers: Keras layers

    Returns:
        rows of name, shape, least, greatest value and deviation, the header first
    """
    rows = [["weight name", "shape", "min", "max", "std"]]
    for layer in layers:
        for weight, values in zip(layer.weights, layer.get_weights(), strict=True):
            # A wrapper and its layer share a name, which is told once.
            parts = dict.fromkeys([layer.name, *weight.path.split("/")])
            rows.append(_row("/".join(parts), np.asarray(values, "float64")))
    return rows


def _row(name: str, values: np.ndarray) -> list[str]:
    shape = str(tuple(values.shape))
    if not values.size:
        return [name, shape, "", "", ""]
    low, high = values.min(), values.max()
    with np.errstate(invalid="ignore"):
        numbers = [f"{low:+.4f}", f"{high:+.4f}", f"{values.std():.4f}"]
    return [name + _warning(name, low, high), shape, *numbers]


def _warning(name: str, low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "  *** not finite"
    # Kernels begin random. What begins at zero or one may well have stayed there.
    if low == high and "kernel" in name.rsplit("/", 1)[-1]:
        return "  *** dead?"
    return "  *** overflow?" if max(-low, high) > _LARGEST else ""
