"""Masks that are images: one file per object, or one file per image with numbers.

Shapes: H W the image, N instances.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mrcnn.data.annotation_files import (
    PathLike,
    check_folder,
    find_image,
    list_images,
)
from mrcnn.data.annotations import AnnotationDataset
from mrcnn.data.image_files import read_ids, read_pixels


class MaskFilesDataset(AnnotationDataset):
    """A Dataset that reads masks from image files."""

    @classmethod
    def from_path(
        cls, path: PathLike, class_name: str = "object"
    ) -> "MaskFilesDataset":
        """The prepared dataset of a folder of either layout, with a single class."""
        dataset = cls()
        if is_id_maps(Path(path)):
            folders = Path(path) / "images", Path(path) / "masks"
            dataset.load_id_maps(*folders, classes=class_name)
        else:
            dataset.load_mask_folders(path, class_name=class_name)
        dataset.prepare()
        return dataset

    def load_mask_folders(
        self, folder: PathLike, *, class_name: str = "object", source: str = "masks"
    ) -> None:
        """Add images whose objects have a mask file each.

        Args:
            folder: holds `NAME/images/NAME.png` and `NAME/masks/*.png` for each image.
                In a mask, the object is what is brighter than half the brightest pixel
            class_name: the class of all objects
            source: name that classes and images get as their source
        """
        root = check_folder(folder, "NAME/images and NAME/masks")
        entries = [entry for entry in sorted(root.iterdir()) if is_mask_folder(entry)]
        if not entries:
            raise ValueError(
                f"{os.fspath(folder)!r} holds no folders with 'images' and 'masks' in "
                "them: expected NAME/images/NAME.png and NAME/masks/*.png."
            )
        class_id = self.add_class_names(source, [class_name])[class_name]
        for entry in entries:
            images = list_images(entry / "images")
            if len(images) != 1:
                raise ValueError(
                    f"{str(entry / 'images')!r} holds {len(images)} images, but one is "
                    "expected, to which all the masks beside belong."
                )
            masks = [str(path) for path in list_images(entry / "masks")]
            self.add_image(
                source, entry.name, str(images[0]), masks=masks, mask_class=class_id
            )

    def load_id_maps(
        self,
        image_folder: PathLike,
        mask_folder: PathLike,
        *,
        classes: str | Mapping[int, str] = "object",
        values_per_class: int = 1,
        ignored_values: Collection[int] = (),
        source: str = "masks",
    ) -> None:
        """Add images that have one file of numbers each: a pixel says which instance.

        Args:
            image_folder: the images; those without a mask file are left out
            mask_folder: files of the same stem. Zero is background, and every other
                value is one instance
            classes: the class of all instances, or names by value. Values that the
                mapping lacks are ignored
            values_per_class: with a mapping, the value divided by this is looked up:
                1000 where 26001 and 26002 are two instances of class 26
            ignored_values: values that are no instance, such as a border of 255
            source: name that classes and images get as their source
        """
        masks = check_folder(mask_folder, "mask images")
        images = list_images(check_folder(image_folder, "images"))
        rule = _ValueRule(
            self._class_ids_by_value(source, classes),
            values_per_class,
            frozenset([0, *ignored_values]),
        )
        found = [(path, find_image(path.name, [masks])) for path in images]
        for path, mask in found:
            if mask is not None:
                self.add_image(
                    source,
                    path.stem,
                    str(path),
                    id_map=str(mask),
                    rule=rule,
                )
        missing = sum(mask is None for _, mask in found)
        if missing == len(images):
            raise FileNotFoundError(
                f"None of the {len(images)} images in {os.fspath(image_folder)!r} has "
                f"a mask of the same name in {os.fspath(mask_folder)!r}."
            )
        if missing:
            self.left_out["images without a mask file"] += missing
            self.report_left_out(os.fspath(image_folder))

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Masks from the image's mask files. -> bool [H, W, N], int32 [N]

        Empty masks are left out.
        """
        info = self._info(image_id)
        if "id_map" in info:
            return self._split_id_map(info)
        masks = [_read_mask(path) for path in info["masks"]]
        masks = [mask for mask in masks if mask.any()]
        if not masks:
            return np.zeros((0, 0, 0), bool), np.zeros(0, "int32")
        shapes = {mask.shape for mask in masks}
        if len(shapes) > 1:
            raise ValueError(
                f"The mask files of {self.describe_image(image_id)} have different "
                f"shapes: {sorted(shapes)}. Make all of them as large as the image."
            )
        key = f"{info['source']}.{info['mask_class']}"
        class_id = self.map_source_class_id(key)
        class_ids = np.full(len(masks), class_id, "int32")
        return np.moveaxis(np.stack(masks), 0, -1), class_ids

    def _class_ids_by_value(
        self, source: str, classes: str | Mapping[int, str]
    ) -> int | dict[int, int]:
        if isinstance(classes, str):
            return self.add_class_names(source, [classes])[classes]
        class_ids = self.add_class_names(source, list(dict.fromkeys(classes.values())))
        return {value: class_ids[name] for value, name in classes.items()}

    def _split_id_map(self, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        id_map = read_ids(info["id_map"])
        values, class_ids = [], []
        for value in np.unique(id_map).tolist():
            class_id = info["rule"].class_id(value)
            if class_id is not None:
                values.append(value)
                key = f"{info['source']}.{class_id}"
                class_ids.append(self.map_source_class_id(key))
        masks = id_map == np.array(values, "int32")[:, None, None]  # [N, H, W]
        return np.moveaxis(masks, 0, -1), np.array(class_ids, "int32")


class _ValueRule(NamedTuple):
    """What the values of an id map mean."""

    classes: int | dict[int, int]
    values_per_class: int
    no_instances: frozenset[int]

    def class_id(self, value: int) -> int | None:
        """Class id at the source; None for a value that is no instance."""
        if value in self.no_instances:
            return None
        if isinstance(self.classes, int):
            return self.classes
        return self.classes.get(value // self.values_per_class)


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder holds one image and its masks."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def is_id_maps(folder: Path) -> bool:
    """Whether the folders `images` and `masks` in a folder hold pairs of files."""
    if not is_mask_folder(folder):
        return False
    images = list_images(folder / "images")
    return any(find_image(path.name, [folder / "masks"]) for path in images)


def _read_mask(path: str) -> np.ndarray:
    """The mask of one file. -> bool [H, W]"""
    pixels = read_pixels(path)
    if pixels.ndim == 3:
        pixels = pixels[..., :3].max(axis=-1)  # [H, W]
    # Half of the brightest: 0/1 and 0/255 alike, and JPEG's noise stays out.
    return pixels > pixels.max() / 2
