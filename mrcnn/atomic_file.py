"""Files that appear whole or not at all."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced_file(path: str | os.PathLike, length: int = 0) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Args:
        path: the file to write or to replace; its folder exists
        length: bytes that will be written, where known

    Raises:
        OSError: where the folder is missing, read-only or too full. The old file, if
            any, is left as it was, and nothing else stays behind.
    """
    path = Path(path)
    if not path.parent.is_dir():
        message = f"No folder {path.parent} to write {path.name} into"
        raise FileNotFoundError(errno.ENOENT, message)
    _check_space(path, length)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    # So that the new name survives a power cut; not every system opens folders.
    with suppress(OSError):
        _flush_to_disk(path.parent)


def _check_space(path: Path, length: int) -> None:
    total, _, free = shutil.disk_usage(path.parent)
    if total and free < length:  # some network folders do not tell, and say 0 of 0
        raise OSError(
            errno.ENOSPC,
            f"Not enough room for {path}: {length} bytes to write, {free} free",
        )


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
