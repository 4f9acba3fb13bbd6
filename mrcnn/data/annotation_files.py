"""Files that annotations come in: reading them, and finding the images they name."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif")

PathLike = str | os.PathLike


def read_json(path: PathLike) -> Any:
    """What a json file holds; a ValueError that names the file if it is not json."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        return json.loads(text)
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {os.fspath(path)!r}.") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} is not a json file: {error}.") from error


def read_xml(path: PathLike) -> ElementTree.Element:
    """Root of an xml file; a ValueError that names the file if it is not xml."""
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{os.fspath(path)!r} is not an xml file: {error}.") from error


def find_image(name: str, folders: Iterable[PathLike]) -> Path | None:
    """The image file of a name as an annotation states it, or None.

    Annotations travel between machines, so the name may carry folders of another one,
    or a Windows path: after the name itself, its last part is looked for, and after
    that any image file with the same stem.
    """
    name = name.replace("\\", "/")
    last = Path(name).name
    others = [Path(last).stem + suffix for suffix in IMAGE_SUFFIXES]
    for folder in folders:
        for candidate in (name, last, *others):
            path = os.path.join(folder, candidate)
            if os.path.isfile(path):
                return Path(path)
    return None


def list_images(folder: PathLike) -> list[Path]:
    """Image files that lie in a folder, by name."""
    return sorted(
        path for path in Path(folder).iterdir() if path.suffix.lower() in IMAGE_SUFFIXES
    )


def check_folder(folder: PathLike, holds: str) -> Path:
    """The folder as a Path; an error that says what it should hold if it is none."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(folder)!r}; expected a folder of {holds}."
        )
    return Path(folder)
