"""From the DATA that was typed to datasets."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrcnn.data.combined import CombinedDataset
from mrcnn.data.dataset import Dataset
from mrcnn.data.open_dataset import open_dataset

DATA_HELP = """\
DATA is a folder or a file of COCO json, VGG Image Annotator, labelme, Pascal VOC or
mask images; several are taken together."""

# Folders that say what part the data is, not what it shows.
_PARTS = ("train", "val", "valid", "validation", "test", "images", "annotations")


class TrainingData(NamedTuple):
    """What a network learns from, and what it is measured on, if anything."""

    train: Dataset
    val: Dataset | None
    val_paths: list[str]


def open_all(paths: Sequence[str], class_names: Sequence[str] | None) -> Dataset:
    """One dataset of all paths; a folder with `train` and `val` in it gives two."""
    parts = [part for path in paths for part in _splits(path) or [path]]
    datasets = [open_dataset(part, class_names) for part in parts]
    return datasets[0] if len(datasets) == 1 else Dataset.combine(datasets)


def open_for_training(
    paths: Sequence[str], val_paths: Sequence[str], class_names: Sequence[str] | None
) -> TrainingData:
    """Training and validation data with the same classes.

    Of a folder with `train` and `val` in it, `train` is trained on; `val` is for
    validation unless `val_paths` name something else.
    """
    splits = [_splits(path) or [path] for path in paths]
    train = open_all([split[0] for split in splits], class_names)
    chosen = list(val_paths) or [path for split in splits for path in split[1:]]
    if not chosen:
        return TrainingData(train, None, [])
    val = open_all(chosen, train.class_names[1:])
    return TrainingData(train, val, chosen)


def check_shows_objects(dataset: Dataset, paths: Sequence[str]) -> None:
    """Refuses data that teaches nothing: without images, or without an object in any.

    Stops at the first object. Images that cannot be read are left to training, which
    names or skips them.
    """
    if not dataset.num_images:
        raise ValueError(f"There is no image to train on in {', '.join(paths)}.")
    if not any(_shows_object(dataset, image_id) for image_id in dataset.image_ids):
        names = ", ".join(dataset.class_names[1:])
        raise ValueError(
            f"There is no object to train on: none of the {dataset.num_images} images "
            f"in {', '.join(paths)} shows any of {names}. `mrcnn inspect` lists the "
            "classes of the data."
        )


def check_exist(paths: Sequence[str]) -> None:
    """Refuses paths of nothing."""
    for path in paths:
        if not Path(path).exists():
            raise FileNotFoundError(f"There is no file or folder {path!r}.")


def name_of_data(path: str) -> str:
    """What a run on this data is called: the name of the folder that says the most.

    data/balloon/train and data/balloon/annotations/instances_train.json are "balloon".
    """
    full = Path(path).resolve()
    folder = full if full.is_dir() else full.parent
    names = [one.name for one in (folder, *folder.parents) if one.name]
    telling = [name for name in names if name.lower() not in _PARTS]
    words = re.sub(r"[^a-z0-9]+", "_", (telling or ["data"])[0].lower()).strip("_")
    return words or "data"


def set_channels(dataset: Dataset, channel_count: int) -> None:
    """Lets files of other than three channels be read as the config expects them."""
    parts = dataset.parts if isinstance(dataset, CombinedDataset) else []
    for part in [dataset, *parts]:
        part.channel_count = channel_count


def evenly(dataset: Dataset, limit: int | None) -> list[int] | None:
    """So many image ids, first and last among them; None for all."""
    if limit is None or limit >= dataset.num_images:
        return None
    places = np.linspace(0, dataset.num_images - 1, limit).round().astype(int)
    return [int(image_id) for image_id in dataset.image_ids[places]]


def _shows_object(dataset: Dataset, image_id: int) -> bool:
    """Whether an object is there, or may be: the image cannot be read."""
    try:
        return bool((np.asarray(dataset.load_mask(image_id)[1]) > 0).any())
    except (OSError, ValueError):
        return True


def _splits(path: str) -> list[str]:
    """The folders `train` and `val` in a folder that has both, or nothing."""
    splits = [Path(path) / "train", Path(path) / "val"]
    return [str(one) for one in splits] if all(s.is_dir() for s in splits) else []
