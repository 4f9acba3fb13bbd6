"""Opens a weights file of any kind, so that loading need not know which it is."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from mrcnn.weights.foreign import is_foreign, read_foreign
from mrcnn.weights.legacy_h5 import FileTensor, read_attributes, read_tensors
from mrcnn.weights.safe_h5 import StoredTensor, open_h5


class WeightsFile(NamedTuple):
    """An open file of weights."""

    path: str
    tensors: list[FileTensor]
    attributes: Mapping[str, object]
    """What the file says of itself; empty for files of other programs."""
    notes: tuple[str, ...] = ()
    """What there is to know of weights of another system."""


@contextmanager
def open_weights(path: str | os.PathLike) -> Iterator[WeightsFile]:
    """A file in matterport's layout as it is, one of another system converted.

    Raises:
        FileNotFoundError: where there is no such file.
        WeightsFileError: where the file is damaged, unsafe or of no known kind.
    """
    if is_foreign(path):
        weights = read_foreign(path)
        tensors = [_held(name, values) for name, values in weights.named.items()]
        # Names that stand for nothing here, so that the report lists them.
        tensors += [_held(name, np.zeros(0, "float32")) for name in weights.unknown]
        yield WeightsFile(weights.path, tensors, {}, weights.notes)
        return
    with open_h5(path) as file:
        yield WeightsFile(file.path, read_tensors(file), read_attributes(file))


def _held(name: str, values: np.ndarray) -> FileTensor:
    """A tensor that is in memory already."""
    stored = StoredTensor(name, values.shape, values.dtype, lambda: values)
    return FileTensor((name,), stored)
