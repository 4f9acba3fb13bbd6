"""What a PyTorch file says of its tensors, as data: views of storages.

A storage is a row of numbers; a tensor is an offset, a shape and strides into one. All
of that comes from the file and is checked against what the file holds before a number
is read.
"""

import math
import operator
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided

from mrcnn.weights.bfloat16 import widen_bfloat16
from mrcnn.weights.pickle_files import NUMPY_MAKERS
from mrcnn.weights.safe_h5 import StoredTensor, WeightsFileError
from mrcnn.weights.safe_pickle import (
    Makers,
    Name,
    UnsafePickleError,
    make_inert,
)

# Class of a storage -> NumPy's letters for its numbers; bfloat16 comes as its bits.
BFLOAT16 = "torch BFloat16Storage"
STORAGES = {
    "torch FloatStorage": "f4",
    "torch DoubleStorage": "f8",
    "torch HalfStorage": "f2",
    BFLOAT16: "u2",
    "torch LongStorage": "i8",
    "torch IntStorage": "i4",
    "torch ShortStorage": "i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}

MAX_DIMENSIONS = 16
MAX_SIDE = 2**31
MAX_NUMBER = 2**63  # PyTorch's own


class Numbers(Protocol):
    """The bytes of a file's storages."""

    order: Literal["<", ">"]
    """Of the bytes of a number, by the machine that wrote the file."""

    def length(self, key: str) -> int:
        """How many bytes the file has for a storage."""

    def read(self, key: str) -> bytes:
        """These bytes."""


class Storage(NamedTuple):
    """A row of numbers somewhere in the file, or a part of one."""

    numbers: Numbers
    kind: str
    key: str
    length: int
    start: int = 0

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers as they lie in the file."""
        return np.dtype(STORAGES[self.kind]).newbyteorder(self.numbers.order)


class TorchTensor(NamedTuple):
    """A view of a storage, which may still lead out of it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def stored(self, path: str) -> StoredTensor:
        """The view as a tensor of a file, once it is known to lie inside it."""
        if not self._is_inside():
            raise WeightsFileError(
                f"{path!r} is a view of shape {self.shape[:MAX_DIMENSIONS]}, strides "
                f"{self.strides[:MAX_DIMENSIONS]} and offset {self.offset} that does "
                f"not lie inside its {self.storage.length} numbers, for which the file "
                f"has {self.storage.numbers.length(self.storage.key)} bytes: the file "
                "is damaged or made up."
            )
        dtype = self.storage.dtype.newbyteorder("=")
        if self.storage.kind == BFLOAT16:
            dtype = np.dtype("float32")
        return StoredTensor(path, self.shape, dtype, self.read)

    def read(self) -> np.ndarray:
        """The values, bfloat16 as float32."""
        storage = self.storage
        row = np.frombuffer(storage.numbers.read(storage.key), storage.dtype)
        row = row[storage.start + self.offset :]
        values = np.zeros(self.shape, storage.dtype)
        if values.size:
            steps = [stride * storage.dtype.itemsize for stride in self.strides]
            values = as_strided(row, self.shape, steps, writeable=False)
        if storage.kind == BFLOAT16:
            return widen_bfloat16(values)
        return values.astype(storage.dtype.newbyteorder("="))

    def _is_inside(self) -> bool:
        """Whether the view stays in its storage, and repeats none of it."""
        storage = self.storage
        numbers = (*self.shape, *self.strides, self.offset, storage.start)
        if min(numbers) < 0 or max(numbers) > MAX_SIDE:
            return False
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMENSIONS:
            return False
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((side - 1) * stride for side, stride in steps)
        is_empty = 0 in self.shape
        end = (storage.start + storage.length) * storage.dtype.itemsize
        return (
            math.prod(self.shape) <= storage.length
            and (is_empty or last < storage.length)
            and end <= storage.numbers.length(storage.key)
        )


def find_storage(numbers: Numbers, reference: Any) -> Storage:
    """The storage that a pickle refers to.

    Args:
        numbers: of the file
        reference: ("storage", class, key, device, count), and in old files None or
            (key, start, count) of the part that is meant
    """
    what, kind, key, _, count, *part = reference
    if what != "storage":
        raise UnsafePickleError(
            f"The pickle refers to a {str(what)[:20]!r}: it holds a whole model, which "
            "is a program. Save the model's state_dict() instead."
        )
    if not isinstance(kind, Name) or kind.text not in STORAGES:
        raise UnsafePickleError("The pickle refers to a storage of an unknown class.")
    storage = Storage(numbers, kind.text, str(key), _as_integer(count))
    if part and part[0] is not None:
        _, start, count = part[0]
        return storage._replace(start=_as_integer(start), length=_as_integer(count))
    return storage


def _rebuild_tensor(
    storage: object, offset: Any, shape: Any, strides: Any, *_: object
) -> TorchTensor:
    if not isinstance(storage, Storage):
        raise UnsafePickleError("The pickle makes a tensor of something else.")
    sides = tuple(_as_integer(side) for side in shape)
    steps = tuple(_as_integer(stride) for stride in strides)
    return TorchTensor(storage, _as_integer(offset), sides, steps)


def _rebuild_parameter(tensor: object, *_: object) -> object:
    return tensor


def _as_integer(value: Any) -> int:
    number = operator.index(value)
    if abs(number) >= MAX_NUMBER:
        raise OverflowError("a number of a tensor is absurd")
    return number


TORCH_MAKERS: Makers = {
    **NUMPY_MAKERS,
    **dict.fromkeys(STORAGES, make_inert),
    "torch._utils _rebuild_tensor": _rebuild_tensor,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch Size": make_inert,
    "torch device": make_inert,
}
