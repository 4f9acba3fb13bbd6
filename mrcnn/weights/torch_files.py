"""PyTorch's .pth files, both forms, read without PyTorch and running nothing.

Since version 1.6 such a file is a zip archive: "<name>/data.pkl" holds the structure,
"<name>/data/<key>" the numbers of one storage. Before, it is a row of pickles (a magic
number, a version, the machine, the structure, the keys) with the storages behind.
"""

import functools
import io
import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from mrcnn.weights.foreign_files import ZIP_SIGNATURE
from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safe_pickle import load_pickle
from mrcnn.weights.torch_tensors import (
    TORCH_MAKERS,
    Storage,
    find_storage,
)

STRUCTURE = "data.pkl"

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001

# What a broken archive or structure can make Python's readers raise.
_DAMAGE = (
    *(zipfile.BadZipFile, struct.error, LookupError, OSError, EOFError),
    *(ValueError, TypeError, OverflowError, RuntimeError, MemoryError),
)


@contextmanager
def open_torch(path: str | os.PathLike) -> Iterator[Any]:
    """The value that was saved, tensors in it as `TorchTensor` to be read inside.

    Raises:
        UnsafePickleError: where it asks for anything but tensors and containers.
        WeightsFileError: where it is damaged or of another form.
    """
    with Path(path).open("rb") as file:
        with _damage_reported():
            is_archive = file.read(len(ZIP_SIGNATURE)) == ZIP_SIGNATURE
            archive = zipfile.ZipFile(file) if is_archive else None
            value = _read_archive(archive) if archive else _read_legacy(file)
        yield value


class ArchiveNumbers:
    """The storages of a zip archive."""

    def __init__(
        self, archive: zipfile.ZipFile, folder: str, order: Literal["<", ">"]
    ) -> None:
        self.order: Literal["<", ">"] = order
        self._archive = archive
        self._folder = folder
        self._read = functools.lru_cache(maxsize=1)(archive.read)

    def length(self, key: str) -> int:
        """How many bytes the file has for a storage."""
        return _find_entry(self._archive, f"{self._folder}data/{key}").file_size

    def read(self, key: str) -> bytes:
        """These bytes; views of one storage that follow each other read it once."""
        with _damage_reported():
            return self._read(_find_entry(self._archive, f"{self._folder}data/{key}"))


class TrailingNumbers:
    """The storages behind the pickles of an old file."""

    def __init__(self, file: BinaryIO) -> None:
        self.order: Literal["<", ">"] = "<"
        self._file = file
        self._end = os.fstat(file.fileno()).st_size
        self._items: dict[str, int] = {}  # bytes of one number
        self._places: dict[str, tuple[int, int]] = {}  # start and length in bytes
        self._read = functools.lru_cache(maxsize=1)(self._read_place)

    def refer(self, reference: object) -> Storage:
        """The storage that a pickle refers to, kept in mind for `locate`."""
        storage = find_storage(self, reference)
        self._items[storage.key] = storage.dtype.itemsize
        return storage

    def locate(self, keys: list[str]) -> None:
        """Finds the storages, which lie in the order of their keys from here on."""
        for key in keys:
            count = int.from_bytes(self._file.read(8), "little")
            length = count * self._items.get(key, 1)
            start = self._file.tell()
            if start + length > self._end:
                raise WeightsFileError("The file is cut off: its last numbers lack.")
            self._places[key] = (start, length)
            self._file.seek(start + length)

    def length(self, key: str) -> int:
        """How many bytes the file has for a storage."""
        return self._places.get(key, (0, 0))[1]

    def read(self, key: str) -> bytes:
        """These bytes; views of one storage that follow each other read it once."""
        return self._read(key)

    def _read_place(self, key: str) -> bytes:
        start, length = self._places[key]
        self._file.seek(start)
        return self._file.read(length)


def _read_archive(archive: zipfile.ZipFile) -> Any:
    names = [n for n in archive.namelist() if n.rpartition("/")[2] == STRUCTURE]
    if len(names) != 1:
        raise WeightsFileError("The file is a zip archive, but none of PyTorch.")
    folder = names[0].removesuffix(STRUCTURE)
    is_big = _read_note(archive, f"{folder}byteorder") == b"big"
    numbers = ArchiveNumbers(archive, folder, ">" if is_big else "<")
    structure = archive.read(_find_entry(archive, names[0]))
    return load_pickle(
        io.BytesIO(structure),
        TORCH_MAKERS,
        functools.partial(find_storage, numbers),
    )


def _read_note(archive: zipfile.ZipFile, name: str) -> bytes:
    """A short entry; nothing where there is none, as in files of earlier versions."""
    if name not in archive.namelist():
        return b""
    return archive.read(_find_entry(archive, name)).strip()


def _find_entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """An entry that lies in the archive as it is; PyTorch packs nothing."""
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise WeightsFileError(f"The file lacks its part {name!r}.") from None
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise WeightsFileError(
            f"The part {name!r} is packed or encrypted, as PyTorch never does. Load "
            "the file with PyTorch and save it again."
        )
    is_inside = entry.header_offset + entry.compress_size <= archive.start_dir
    if entry.file_size != entry.compress_size or not is_inside:
        raise WeightsFileError(f"The file is damaged: {name!r} has another length.")
    return entry


def _read_legacy(file: BinaryIO) -> Any:
    file.seek(0)
    if load_pickle(file, {}) != LEGACY_MAGIC:
        raise WeightsFileError("The file is a pickle, but none of PyTorch.")
    version, machine = load_pickle(file, {}), load_pickle(file, {})
    if version != LEGACY_VERSION or not isinstance(machine, dict):
        raise WeightsFileError(f"The file is of an unknown version ({version!r}).")
    numbers = TrailingNumbers(file)
    value = load_pickle(file, TORCH_MAKERS, numbers.refer)
    keys = load_pickle(file, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise WeightsFileError("The file is damaged: it has no list of its storages.")
    if machine.get("little_endian") is False:
        numbers.order = ">"
    numbers.locate(keys)
    return value


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turns whatever a broken archive or structure raises into one kind of error."""
    try:
        yield
    except WeightsFileError:
        raise
    except _DAMAGE as error:
        raise WeightsFileError(f"The file is damaged: {error}.") from error
