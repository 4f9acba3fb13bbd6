"""One spelling for NumPy arrays and tensors.

`array_namespace` gives the module that an array's functions live in: `numpy`, or
`keras.ops` for tensors, eager and symbolic alike. Files of this room write each
formula once, over the functions that both modules share; the few that they do not
share stand here. Keras is imported when the first tensor comes by, not before.

Shapes: N rows, K chosen rows; `...` is any number of leading axes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
"""A NumPy array, or an eager or symbolic tensor; docstrings give the shape."""

_NUMPY_TYPES = (np.ndarray, np.generic, list, tuple, int, float, type(None))


def array_namespace(*arrays: Array) -> Any:
    """`keras.ops` if any of the arrays is a tensor, else `numpy`."""
    if all(isinstance(array, _NUMPY_TYPES) for array in arrays):
        return np
    from keras import ops

    return ops


def as_float(array: Array) -> Array:
    """The array with a floating dtype, lists included. [...] -> [...]

    Floats keep their precision; all else becomes float64 in NumPy and float32 in a
    tensor.
    """
    return as_floats(array)[0]


def as_floats(*arrays: Array) -> tuple[Array, ...]:
    """All arrays with one floating dtype: the widest of those that have one.

    Where one is a tensor, all become tensors, and only the tensors decide the dtype:
    NumPy's double precision does not spread.
    """
    if array_namespace(*arrays) is np:
        return _numpy_floats(arrays)
    from keras import backend, ops

    tensors = [array for array in arrays if array_namespace(array) is not np]
    dtype = backend.result_type(*(tensor.dtype for tensor in tensors), float)
    return tuple(
        ops.cast(array, dtype)
        if array_namespace(array) is not np
        else ops.convert_to_tensor(array, dtype)
        for array in arrays
    )


def cast(array: Array, dtype: str) -> Array:
    """The array with another dtype. [...] -> [...]"""
    xp = array_namespace(array)
    return np.asarray(array).astype(dtype) if xp is np else xp.cast(array, dtype)


def top_k(values: Array, k: int) -> tuple[Array, Array]:
    """The k largest values of the last axis and their indices, largest first.

    Args:
        values: [..., N]
        k: at most N

    Returns:
        values [..., K] and int32 indices [..., K]. Among equals, the first row wins.
    """
    xp = array_namespace(values)
    if xp is not np:
        return xp.top_k(values, k)
    # A stable ascending sort of the negated values keeps equals in order.
    indices = np.argsort(-np.asarray(values, "float64"), axis=-1, kind="stable")
    indices = indices[..., :k].astype("int32")
    return np.take_along_axis(values, indices, axis=-1), indices


def take_rows(rows: Array, indices: Array) -> Array:
    """Rows by index, leading axes in step. [..., N, F], [..., K] -> [..., K, F]"""
    xp = array_namespace(rows, indices)
    return xp.take_along_axis(rows, indices[..., None], axis=-2)


def take_values(values: Array, indices: Array) -> Array:
    """Values by index, leading axes in step. [..., N], [..., K] -> [..., K]"""
    xp = array_namespace(values, indices)
    return xp.take_along_axis(values, indices, axis=-1)


def if_any(
    flags: Array, do: Callable[[], Array], otherwise: Callable[[], Array]
) -> Array:
    """What one of two functions gives; the other is not computed.

    Where a network is put together from Keras' symbolic tensors, both are computed.

    Args:
        flags: bool [...]; `do` answers if any of them is set
        do: -> array
        otherwise: -> array of the same shape and dtype
    """
    xp = array_namespace(flags)
    if xp is np:
        return do() if np.any(flags) else otherwise()
    from keras import KerasTensor

    if isinstance(flags, KerasTensor):
        # A condition would hide from the network what its branches start from.
        return xp.where(xp.any(flags), do(), otherwise())
    return xp.cond(xp.any(flags), do, otherwise)


def _numpy_floats(arrays: tuple[Array, ...]) -> tuple[np.ndarray, ...]:
    dtypes = [getattr(array, "dtype", np.dtype("int64")) for array in arrays]
    floating = [dtype for dtype in dtypes if np.issubdtype(dtype, np.floating)]
    dtype = np.result_type(*floating) if floating else np.dtype("float64")
    return tuple(np.asarray(array, dtype) for array in arrays)
