"""Opens an HDF5 file from a stranger and hands out its tensors, running nothing.

The file is walked once before anything is read. Links that lead elsewhere, data kept
in other files, tensors that cannot be numbers and shapes that the file cannot hold
are refused; so is a file that is no HDF5, with a word on what it looks like. A model
stored beside the weights is never deserialised.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from mrcnn.weights.foreign_files import describe_file

MAX_ENTRIES = 100_000
MAX_ELEMENTS = 2**31
MAX_ATTRIBUTE_BYTES = 2**20

# Deflate, the tightest filter allowed, packs no more than 1032 bytes into one.
MAX_PACKING = 1032

# A filter outside this list makes HDF5 look for a plug-in library and run it.
FILTERS = (
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_LZF,
)


class WeightsFileError(ValueError):
    """A weights file that is damaged, foreign or unsafe to read."""


class StoredTensor(NamedTuple):
    """A tensor that still lies in its file; `read` is valid while the file is open."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]


class SafeH5:
    """The groups and tensors of an open file, by their path without leading slash."""

    def __init__(self, file: h5py.File, path: str) -> None:
        self.path = path
        self._length = os.path.getsize(path)
        self._groups: dict[str, h5py.Group] = {}
        self._datasets: dict[str, h5py.Dataset] = {}
        with _damage_reported(path):
            self._walk(file)

    def group_names(self, parent: str = "") -> list[str]:
        """Names of the groups directly inside a group."""
        paths = [path.rpartition("/") for path in self._groups if path]
        return [name for above, _, name in paths if above == parent]

    def dataset_paths(self, group: str = "") -> list[str]:
        """Paths of all datasets inside a group, at any depth."""
        prefix = f"{group}/" if group else ""
        return [path for path in self._datasets if path.startswith(prefix)]

    def has_group(self, path: str) -> bool:
        """Whether the file holds a group of this path."""
        return path in self._groups

    def tensor(self, path: str) -> StoredTensor:
        """A checked tensor, unread; one that is missing or unsafe is an error."""
        if path not in self._datasets:
            raise self._error(f"lists the tensor {path!r} but does not hold it")
        dataset = self._datasets[path]
        with _damage_reported(self.path):
            self._check_dataset(path, dataset)
            return StoredTensor(
                path, dataset.shape, dataset.dtype, lambda: self._read(dataset)
            )

    def has_attribute(self, group: str, name: str) -> bool:
        """Whether a group has an attribute of this name, readable or not."""
        with _damage_reported(self.path):
            return name in self._groups[group].attrs

    def attribute(self, group: str, name: str) -> object | None:
        """An attribute of a group: str, list or number; None where there is none.

        Text of variable length counts as none: HDF5 walks in circles for ever over a
        damaged one. Neither Keras nor `legacy_h5` writes such text.
        """
        with _damage_reported(self.path):
            attributes = self._groups[group].attrs
            if name not in attributes:
                return None
            stored = attributes.get_id(name)
            if stored.dtype.kind == "O":
                return None
            if math.prod(stored.shape) * stored.dtype.itemsize > MAX_ATTRIBUTE_BYTES:
                raise self._error(f"has an attribute {name!r} of shape {stored.shape}")
            return _plain(attributes[name])

    def _read(self, dataset: h5py.Dataset) -> np.ndarray:
        with _damage_reported(self.path):
            return dataset[()]

    def _walk(self, root: h5py.Group) -> None:
        """Lists every group and dataset; refuses whatever leads out or round."""
        waiting = deque([("", root)])
        seen = {root}
        while waiting:
            path, group = waiting.popleft()
            self._groups[path] = group
            for name in group:
                inner = f"{path}/{name}" if path else name
                self._check_link(group, name, inner)
                item = group[name]
                if isinstance(item, h5py.Group):
                    if item in seen:
                        raise self._error(f"holds the group {inner!r} twice")
                    seen.add(item)
                    waiting.append((inner, item))
                elif isinstance(item, h5py.Dataset):
                    self._datasets[inner] = item
            if len(self._groups) + len(self._datasets) > MAX_ENTRIES:
                raise self._error(f"holds more than {MAX_ENTRIES} entries")

    def _check_link(self, group: h5py.Group, name: str | bytes, path: str) -> None:
        if isinstance(name, bytes):  # what h5py makes of a name that is no text
            raise self._error(f"is damaged: it holds the name {name!r}")
        link = group.id.links.get_info(name.encode())
        if link.type != h5py.h5l.TYPE_HARD:
            raise self._error(
                f"holds the link {path!r}, which may lead to another file. A weights "
                "file needs no links: do not trust it, or copy the tensors themselves"
            )

    def _check_dataset(self, path: str, dataset: h5py.Dataset) -> None:
        """Refuses what cannot be a tensor, before its bytes are touched."""
        if dataset.is_virtual or dataset.external:
            raise self._error(f"keeps the data of {path!r} in another file")
        if dataset.shape is None or dataset.dtype.kind not in "fiu":
            raise self._error(f"stores {dataset.dtype} in {path!r}, expected numbers")
        creation = dataset.id.get_create_plist()
        filters = [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]
        if not set(filters) <= set(FILTERS):
            raise self._error(f"packs {path!r} with an unknown filter ({filters})")
        self._check_length(path, dataset, packed=bool(filters))

    def _check_length(self, path: str, dataset: h5py.Dataset, *, packed: bool) -> None:
        """Refuses a shape larger than what the stored bytes can hold."""
        elements = math.prod(dataset.shape)
        declared = elements * dataset.dtype.itemsize
        stored = min(dataset.id.get_storage_size(), self._length)
        chunk = math.prod(dataset.chunks or ())
        possible = stored * (MAX_PACKING if packed else 1)
        if declared > possible or chunk > max(2 * elements, 2**20):
            raise self._error(
                f"declares {path!r} with shape {dataset.shape} ({declared} bytes) "
                f"but stores {stored} bytes for it"
            )
        if elements > MAX_ELEMENTS:
            raise self._error(f"holds {path!r} of {elements} numbers: too large")

    def _error(self, problem: str) -> WeightsFileError:
        return WeightsFileError(f"{self.path} {problem}.")


@contextmanager
def open_h5(path: str | os.PathLike) -> Iterator[SafeH5]:
    """The file's contents, checked; a `WeightsFileError` says what is wrong with it.

    Raises:
        FileNotFoundError: where there is no such file.
        WeightsFileError: where it is no HDF5 file, damaged, or unsafe.
    """
    path = os.fspath(path)
    if Path(path).is_dir():
        raise WeightsFileError(f"{path} is a folder, expected an .h5 file.")
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no weights file {path}.")
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsFileError(f"{path} {describe_file(path)}") from error
    with file:
        yield SafeH5(file, path)


@contextmanager
def _damage_reported(path: str) -> Iterator[None]:
    """Turns whatever HDF5 raises over broken structures into one kind of error."""
    try:
        yield
    except WeightsFileError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsFileError(
            f"{path} is damaged ({error}). Copy or download it again."
        ) from error


def _plain(value: object) -> object:
    """Bytes and arrays of an attribute as str and lists."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value
