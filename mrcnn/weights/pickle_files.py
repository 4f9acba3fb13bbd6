"""Pickles of NumPy arrays: the .pkl files of Detectron (Caffe2) and detectron2.

Arrays come in two steps, an empty one and then its shape, dtype and bytes. Both are
read here as data; arrays of objects, whose bytes are again a pickle, are refused.
"""

import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError
from mrcnn.weights.safe_pickle import (
    Makers,
    Name,
    UnsafePickleError,
    load_pickle,
    make_inert,
)

# Kinds and lengths of numbers; objects, text, records and dates are not among them.
NUMBER = r"[<>=|]?(?:[biu]1|[iu][248]|f[248])"
MAX_SIDE = 2**31
BYTE_ORDERS = ("<", ">", "=", "|")


class PickledDtype:
    """A dtype in the making: kind and length, and the byte order that follows."""

    def __init__(self, letters: object, *_: object) -> None:
        if not isinstance(letters, str) or not re.fullmatch(NUMBER, letters):
            raise UnsafePickleError(
                f"The pickle holds an array of {str(letters)[:20]!r}, expected numbers."
            )
        self.dtype = np.dtype(letters)

    def fill(self, state: Any) -> None:
        """Takes (version, byte order, ...)."""
        if state[1] not in BYTE_ORDERS:
            raise ValueError(f"no byte order {str(state[1])[:20]!r}")
        self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray:
    """An array in the making; empty until it is filled."""

    def __init__(self) -> None:
        self._values = np.zeros(0, "float32")

    def fill(self, state: Any) -> None:
        """Takes (version, shape, dtype, whether columns run first, bytes)."""
        _, shape, dtype, columns_first, content = state
        order = "F" if columns_first else "C"
        self._values = _as_array(content, dtype, shape, order)

    def stored(self, path: str) -> StoredTensor:
        """The array as a tensor of a file."""
        values = self._values
        return StoredTensor(path, values.shape, values.dtype, lambda: values)


def read_pickle(path: str | os.PathLike) -> Any:
    """The value of a pickle, in which arrays are `PickledArray`.

    Raises:
        UnsafePickleError: where it asks for anything but arrays and containers.
        WeightsFileError: where it is damaged.
    """
    with Path(path).open("rb") as file:
        return load_pickle(file, NUMPY_MAKERS)


def _reconstruct(cls: object, shape: object, letter: object) -> PickledArray:
    if cls != Name("numpy ndarray"):
        raise UnsafePickleError("The pickle makes an array of a class of its own.")
    return PickledArray()


def _from_buffer(
    content: object, dtype: object, shape: Any, order: object
) -> PickledArray:
    array = PickledArray()
    array.fill((1, shape, dtype, order == "F", content))
    return array


def _scalar(dtype: object, content: object) -> float | int | bool:
    return _as_array(content, dtype, (), "C").item()


def _encode(text: object, encoding: object = "utf-8") -> bytes:
    """Bytes, as Python 3 writes them into pickles that Python 2 can read."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError(f"The pickle encodes text as {str(encoding)[:20]!r}.")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    """What Python 3 calls for empty bytes in pickles that Python 2 can read."""
    return b""


def _as_array(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(dtype, PickledDtype):
        raise UnsafePickleError("The pickle holds an array without a dtype.")
    if isinstance(content, str):  # the byte string of Python 2
        content = content.encode("latin-1")
    if not isinstance(content, bytes | bytearray):
        raise UnsafePickleError(
            f"The pickle holds an array of {type(content).__name__}, expected bytes."
        )
    sides = tuple(int(side) for side in shape)
    if min(sides, default=0) < 0 or max(sides, default=0) > MAX_SIDE:
        raise WeightsFileError("The pickle holds an array of an impossible shape.")
    expected = math.prod(sides) * dtype.dtype.itemsize
    if len(content) != expected:
        raise WeightsFileError(
            f"The pickle holds an array of shape {sides} and {dtype.dtype}, which is "
            f"{expected} bytes, but {len(content)} bytes for it."
        )
    return np.frombuffer(content, dtype.dtype).reshape(sides, order=order)


# NumPy has moved its functions. A class is mentioned, never called.
NUMPY_MAKERS: Makers = {
    "numpy.core.multiarray _reconstruct": _reconstruct,
    "numpy._core.multiarray _reconstruct": _reconstruct,
    "numpy.core.multiarray scalar": _scalar,
    "numpy._core.multiarray scalar": _scalar,
    "numpy.core.numeric _frombuffer": _from_buffer,
    "numpy._core.numeric _frombuffer": _from_buffer,
    "numpy ndarray": make_inert,
    "numpy dtype": PickledDtype,
    "_codecs encode": _encode,
    "__builtin__ bytes": _no_bytes,
}
