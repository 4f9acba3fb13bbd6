"""matterport's `log`: a line about an array, printed."""

import numpy as np

from mrcnn.geometry.arrays import Array


def log(text: str, array: Array = None) -> None:
    """Prints a text, and with an array its shape, smallest and largest value, dtype."""
    if array is None:
        print(text)
        return
    array = np.asarray(array)
    lowest, highest = "", ""
    if array.size:
        lowest, highest = f"{array.min():10.5f}", f"{array.max():10.5f}"
    shape = str(array.shape)
    print(
        f"{text:<25}  shape: {shape:<20}  min: {lowest:>10}  max: {highest:>10}  "
        f"{array.dtype}"
    )
