"""Writes PyTorch's files, and files that only look like them, without PyTorch."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

KINDS = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class View(NamedTuple):
    """What the structure of a file says of a tensor, true or not."""

    key: str
    length: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    kind: str = "FloatStorage"
    what: str = "storage"


def write_torch(path: Path, state: Mapping[str, np.ndarray]) -> Path:
    """A zip archive with a storage for each tensor."""
    views, numbers = {}, {}
    for index, (name, values) in enumerate(state.items()):
        steps = [stride // values.itemsize for stride in np.empty_like(values).strides]
        kind = KINDS[values.dtype.name]
        views[name] = View(str(index), values.size, values.shape, tuple(steps), 0, kind)
        numbers[str(index)] = values.tobytes()
    return write_archive(path, structure(views), numbers)


def write_archive(
    path: Path,
    content: bytes,
    numbers: Mapping[str, bytes],
    *,
    compression: int = zipfile.ZIP_STORED,
    order: str = "little",
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", order)
        for key, values in numbers.items():
            archive.writestr(f"archive/data/{key}", values)
    return path


def write_legacy(path: Path, content: bytes, numbers: Mapping[str, bytes]) -> Path:
    """The form of before version 1.6, float32 alone."""
    file = io.BytesIO()
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    for value in (0x1950A86A20F9469CFC6C, 1001, machine):
        pickle.dump(value, file, 2)
    file.write(content)
    pickle.dump(list(numbers), file, 2)
    for values in numbers.values():
        file.write((len(values) // 4).to_bytes(8, "little") + values)
    path.write_bytes(file.getvalue())
    return path


def structure(views: Mapping[str, View]) -> bytes:
    """The pickle of a dict of tensors, program step by program step."""
    steps = [b"\x80\x02}("]
    for name, view in views.items():
        steps += [_text(name), b"ctorch._utils\n_rebuild_tensor_v2\n(", b"("]
        steps += [_text(view.what), f"ctorch\n{view.kind}\n".encode()]
        steps += [_text(view.key), _text("cpu"), _number(view.length), b"tQ"]
        steps += [_number(view.offset), _tuple(view.shape), _tuple(view.strides)]
        steps += [b"\x89}tR"]
    return b"".join([*steps, b"u."])


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + len(encoded).to_bytes(4, "little") + encoded


def _number(number: int) -> bytes:
    encoded = pickle.encode_long(number)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def _tuple(numbers: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(_number(number) for number in numbers) + b"t"
