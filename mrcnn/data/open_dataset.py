"""A dataset from a path alone: the format is recognised by what the files hold."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mrcnn.data.annotation_files import PathLike, read_json, read_xml
from mrcnn.data.dataset import Dataset
from mrcnn.data.readers.coco import CocoDataset, is_coco
from mrcnn.data.readers.labelme import LabelmeDataset, is_labelme
from mrcnn.data.readers.mask_files import (
    MaskFilesDataset,
    is_id_maps,
    is_mask_folder,
)
from mrcnn.data.readers.via import ViaDataset
from mrcnn.data.readers.via_regions import is_via
from mrcnn.data.readers.voc import VocDataset, is_voc

Opener = Callable[[], Dataset]

_LOOKED_FOR = """\
- COCO: a json file with 'images', 'annotations' and 'categories'
- VGG Image Annotator 1, 2, 3: its json file, exported or a project
- labelme: json files with 'shapes' and 'imagePath', one for each image
- Pascal VOC: xml files, or a folder 'Annotations' with them
- mask files: NAME/images/NAME.png with NAME/masks/*.png, or 'images' and 'masks' with
  files of the same names"""


def open_dataset(path: PathLike, class_names: Sequence[str] | None = None) -> Dataset:
    """The prepared dataset at a path, in whatever known format it is.

    Args:
        path: a json file or a folder
        class_names: the classes in the order of their ids; instances of any other are
            left out. By default the data's own. Hand the training data's names to its
            validation data, so that class ids agree

    Returns:
        A `CocoDataset`, `ViaDataset`, `LabelmeDataset`, `VocDataset` or
        `MaskFilesDataset`. Where nothing or more than one dataset is found, a
        ValueError says what was looked for and found.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {os.fspath(path)!r}.")
    names = None if class_names is None else list(class_names)
    found = dict(_openers(path, names))
    if len(found) == 1:
        return next(iter(found.values()))()
    if not found:
        raise ValueError(
            f"No dataset was recognised in {str(path)!r}. {_hint(path)}Looked for:\n"
            f"{_LOOKED_FOR}"
        )
    raise ValueError(
        f"{str(path)!r} holds more than one dataset: {', '.join(found)}. Name one of "
        "them."
    )


def _openers(path: Path, names: list[str] | None) -> Iterator[tuple[str, Opener]]:
    """Name and opener of every dataset at a path."""
    if path.is_file():
        yield from _file_opener(path, read_json(path), names)
        return
    has_labelme = False
    for file in sorted(path.glob("*.json")):
        content = _json_or_none(file)
        if not is_labelme(content):
            yield from _file_opener(file, content, names)
        elif not has_labelme:
            # All the files of the folder together are one dataset.
            has_labelme = True
            yield f"{path} (labelme)", lambda: LabelmeDataset.from_path(path, names)
    if _has_voc(path):
        yield f"{path} (Pascal VOC)", lambda: VocDataset.from_path(path, None, names)
    for folder in (path, path / "stage1_train"):
        if is_id_maps(folder) or _has_mask_folders(folder):
            yield f"{folder} (mask files)", _masks_opener(folder, names)


def _file_opener(
    file: Path, content: object, names: list[str] | None
) -> Iterator[tuple[str, Opener]]:
    if is_coco(content):
        yield str(file), lambda: CocoDataset.from_path(file, None, names)
    elif is_via(content):
        yield str(file), lambda: ViaDataset.from_path(file, None, names)
    elif is_labelme(content):
        yield str(file), lambda: LabelmeDataset.from_path(file, names)


def _hint(path: Path) -> str:
    """Folders inside that hold a dataset, as `train` and `val` do."""
    folders = sorted(path.iterdir()) if path.is_dir() else []
    inside = [f.name for f in folders if f.is_dir() and any(_openers(f, None))]
    return f"Its folders {inside} hold datasets: name one. " if inside else ""


def _masks_opener(folder: Path, names: list[str] | None) -> Opener:
    if names is not None and len(names) != 1:
        raise ValueError(
            f"{str(folder)!r} holds mask files, which tell no classes apart, but "
            f"class_names names {len(names)}. Name one, or use "
            "MaskFilesDataset.load_id_maps with a class for each value."
        )
    name = names[0] if names else "object"
    return lambda: MaskFilesDataset.from_path(folder, name)


def _json_or_none(file: Path) -> object:
    try:
        return read_json(file)
    except (ValueError, OSError):
        return None


def _has_voc(folder: Path) -> bool:
    files = [*folder.glob("*.xml"), *(folder / "Annotations").glob("*.xml")]
    try:
        return bool(files) and is_voc(read_xml(files[0]))
    except ValueError:
        return False


def _has_mask_folders(folder: Path) -> bool:
    return folder.is_dir() and any(is_mask_folder(entry) for entry in folder.iterdir())
