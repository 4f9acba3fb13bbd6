"""Image and video files named by paths, folders and patterns.

Each gets a name of its own, for the files that are written about it.
"""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mrcnn.data.annotation_files import IMAGE_SUFFIXES
from mrcnn.inference.videos import CODECS, is_video


class ImageFile(NamedTuple):
    """A file to look at."""

    path: Path

    name: str
    """Without ending and unique among those found together, such as "street/0017"."""

    is_video: bool


def find_images(
    words: Iterable[str | os.PathLike], *, recursive: bool = False
) -> list[ImageFile]:
    """The files that paths, folders and patterns stand for, each of them once.

    Args:
        words: files of any ending; folders, of which the images and videos are taken;
            or patterns such as "photos/*.jpg", where `**` goes through folders
        recursive: whether folders inside folders are looked through

    Raises:
        FileNotFoundError: where a word stands for nothing.
    """
    found: dict[str, tuple[Path, str]] = {}
    for path_or_pattern in words:
        word = os.fspath(path_or_pattern)
        matches = list(_matches(word, recursive))
        if not matches:
            raise FileNotFoundError(_missing(word, recursive))
        for path, name in matches:
            found.setdefault(os.path.realpath(path), (path, name))
    return _named(list(found.values()))


def _matches(word: str, recursive: bool) -> Iterator[tuple[Path, str]]:
    """(path, name) of what one word stands for, by name."""
    path = Path(word)
    if path.is_dir():
        for file in sorted(path.rglob("*") if recursive else path.iterdir()):
            if file.is_file() and _is_taken(file):
                yield file, file.relative_to(path).with_suffix("").as_posix()
    elif path.is_file():
        yield path, path.stem
    else:
        for match in sorted(glob.glob(word, recursive=True)):
            if Path(match).is_file():
                yield Path(match), Path(match).stem


def _is_taken(file: Path) -> bool:
    known = file.suffix.lower() in IMAGE_SUFFIXES or file.suffix.lower() in CODECS
    return known and not file.name.startswith(".")


def _named(found: list[tuple[Path, str]]) -> list[ImageFile]:
    """Files with names that differ, also where case does not count."""
    used: set[str] = set()
    files = []
    for path, name in found:
        unique, count = name, 1
        while unique.lower() in used:
            count += 1
            unique = f"{name}_{count}"
        used.add(unique.lower())
        files.append(ImageFile(path, unique, is_video(path)))
    return files


def _missing(word: str, recursive: bool) -> str:
    if not Path(word).is_dir():
        return f"There is no image, folder or match for {word!r}."
    inside = "" if recursive else " Folders inside are left out unless recursive."
    endings = ", ".join(sorted({*IMAGE_SUFFIXES, *CODECS}))
    return f"{word!r} holds no image or video ({endings}).{inside}"
