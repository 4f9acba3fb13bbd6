"""Safetensors: a length, a table of contents in JSON, and the numbers.

Read after the format's own description: every tensor's place must hold as many bytes
as its shape and dtype say, and the places must fill the file without gap or overlap.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mrcnn.weights.bfloat16 import widen_bfloat16
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError

HEAD_LENGTH = 8
MAX_DIMENSIONS = 16
MAX_SIDE = 2**48
MAX_TABLE = 100_000_000  # bytes, the format's own limit

# Names of dtypes -> NumPy's letters; bfloat16 comes as its bits.
BFLOAT16 = "BF16"
DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", BFLOAT16: "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}


@contextmanager
def open_safetensors(path: str | os.PathLike) -> Iterator[dict[str, StoredTensor]]:
    """The tensors of a file by name, to be read inside.

    Raises:
        WeightsFileError: where the file is damaged, cut off or made up.
    """
    with Path(path).open("rb") as file:
        yield _read_table(file)


def _read_table(file: BinaryIO) -> dict[str, StoredTensor]:
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(HEAD_LENGTH), "little")
    if length > min(MAX_TABLE, size - HEAD_LENGTH):
        raise WeightsFileError(
            f"The file says that its table of contents has {length} bytes, but the "
            f"whole file has {size}: it is cut off or no safetensors file."
        )
    try:
        table = json.loads(file.read(length), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise WeightsFileError(f"The table of contents is damaged: {error}.") from error
    if not isinstance(table, dict):
        raise WeightsFileError(
            "The table of contents is damaged: it is no JSON object."
        )
    table.pop("__metadata__", None)
    start = HEAD_LENGTH + length
    places = {name: _find_place(name, entry) for name, entry in table.items()}
    _check_places(places, size - start)
    return {
        name: _as_tensor(file, name, table[name], start + places[name][0])
        for name in table
    }


def _find_place(name: str, entry: Any) -> tuple[int, int]:
    """Begin and end of a tensor's bytes, which its shape and dtype must agree with."""
    try:
        dtype, shape = entry["dtype"], entry["shape"]
        begin, end = entry["data_offsets"]
        is_whole = all(type(number) is int for number in (*shape, begin, end))
        is_known = dtype in DTYPES
        sides = (*shape, begin, end)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsFileError(f"The entry of {name!r} is damaged: {error}.") from error
    if not is_known:
        raise WeightsFileError(
            f"{name!r} is stored as {str(dtype)[:20]!r}; known are {', '.join(DTYPES)}."
        )
    is_possible = is_whole and len(shape) <= MAX_DIMENSIONS
    if not is_possible or min(sides) < 0 or max(sides) > MAX_SIDE:
        raise WeightsFileError(f"The entry of {name!r} is damaged.")
    if end - begin != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise WeightsFileError(
            f"{name!r} of shape {tuple(shape)} and {dtype} has {end - begin} bytes."
        )
    return begin, end


def _check_places(places: Mapping[str, tuple[int, int]], size: int) -> None:
    reached = 0
    for begin, end in sorted(places.values()):
        if begin != reached:
            raise WeightsFileError("The tensors overlap or leave gaps in the file.")
        reached = end
    if reached != size:
        raise WeightsFileError(
            f"The tensors take {reached} bytes, but {size} follow: the file is cut off "
            "or holds something else."
        )


def _as_tensor(
    file: BinaryIO, name: str, entry: dict[str, Any], start: int
) -> StoredTensor:
    is_bfloat16 = entry["dtype"] == BFLOAT16
    dtype, shape = np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"])

    def read() -> np.ndarray:
        file.seek(start)
        content = file.read(math.prod(shape) * dtype.itemsize)
        values = np.frombuffer(content, dtype).reshape(shape)
        if is_bfloat16:
            return widen_bfloat16(values)
        return values

    return StoredTensor(name, shape, np.dtype("f4") if is_bfloat16 else dtype, read)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name occurs twice")
    return entries
