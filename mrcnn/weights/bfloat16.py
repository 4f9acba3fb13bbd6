"""Brain floats, which NumPy does not have: the upper half of a float32."""

import numpy as np


def widen_bfloat16(bits: np.ndarray) -> np.ndarray:
    """The numbers that 16-bit patterns stand for. uint16 [...] -> float32 [...]"""
    return (bits.astype("uint32") << 16).view("float32")
