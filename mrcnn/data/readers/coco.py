"""COCO json: the format that most tools can write.

One file holds all images and instances. Segmentations are polygons, compressed RLE
(text) or uncompressed RLE (lists of counts); a crowd gets a negative class id.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mrcnn.data.annotation_files import PathLike, find_image, read_json
from mrcnn.data.annotations import AnnotationDataset, stated_shape
from mrcnn.data.image_files import image_shape_or_none
from mrcnn.data.readers.outlines import rectangle


class CocoDataset(AnnotationDataset):
    """A Dataset that reads COCO json."""

    @classmethod
    def from_path(
        cls,
        path: PathLike,
        image_folder: PathLike | None = None,
        class_names: Sequence[str] | None = None,
    ) -> "CocoDataset":
        """The prepared dataset of one json file, all images of it; see `load_coco`."""
        dataset = cls()
        dataset.load_coco(path, image_folder, class_names, all_images=True)
        dataset.prepare()
        return dataset

    def load_coco(
        self,
        annotations: PathLike | dict[str, Any],
        image_folder: PathLike | None = None,
        class_ids: Iterable[int | str] | None = None,
        *,
        all_images: bool = False,
        source: str = "coco",
    ) -> None:
        """Add the images and classes of a COCO json.

        Images without a file are left out and counted in a warning; those without
        instances are kept. An instance without a segmentation gets its filled box.

        Args:
            annotations: the json file, or what it holds
            image_folder: where the images lie; by default it is looked for about the
                json file
            class_ids: category ids or names of the classes to load, in the order that
                they shall have, and then only images that show one of them; by default
                all categories, by id, and all images. A name that the file lacks
                becomes a class without instances, so that several files can agree
            all_images: whether images that show none of `class_ids` are loaded too, as
                images without instances
            source: name that classes and images get as their source
        """
        content, origin = _content(annotations)
        images = {image["id"]: image for image in content["images"]}
        image_folder = image_folder or _guess_folder(annotations, images.values())
        category_ids = self._add_categories(content["categories"], class_ids, source)
        found = content.get("annotations", [])
        known = {category["id"] for category in content["categories"]}
        strays = sum(one.get("category_id") not in known for one in found)
        self.left_out["instances of unknown categories"] += strays
        by_image = self._sort_annotations(found, images, category_ids)
        takes_all = class_ids is None or all_images
        wanted = images if takes_all else sorted(by_image)
        paths = {}
        for image_id in wanted:
            path = find_image(images[image_id]["file_name"], [image_folder])
            if path is not None:
                paths[image_id] = path
        _check_found(paths, list(wanted), images, image_folder)
        self.left_out["images without a file"] += len(wanted) - len(paths)
        for image_id, path in paths.items():
            self._add_coco_image(source, images[image_id], path, by_image[image_id])
        self.left_out = +self.left_out
        self.report_left_out(origin)

    def image_reference(self, image_id: int) -> str:
        """The image's address if the file states one, otherwise its path."""
        return self._info(image_id).get("url") or super().image_reference(image_id)

    def _add_categories(
        self,
        categories: list[dict[str, Any]],
        class_ids: Iterable[int | str] | None,
        source: str,
    ) -> set[Any]:
        """Add the classes. -> category ids that are loaded"""
        names = {category["id"]: category["name"] for category in categories}
        ids = {name: category_id for category_id, name in names.items()}
        chosen = sorted(names) if class_ids is None else list(class_ids)
        for key in chosen:
            category_id = ids.get(key, key) if isinstance(key, str) else key
            name = names.get(category_id, category_id)
            if not isinstance(name, str):
                raise ValueError(
                    f"The file has no category {key}; it has {names}. Choose among "
                    "its ids or names."
                )
            self._check_known(source, category_id, name)
            self.add_class(source, category_id, name)
        return {ids.get(key, key) for key in chosen} & set(names)

    def _check_known(self, source: str, category_id: Any, name: str) -> None:
        for info in self.class_info:
            is_same = (info["source"], info["id"]) == (source, category_id)
            if is_same and info["name"] != name:
                raise ValueError(
                    f"Category {category_id} is {name!r} in this file and "
                    f"{info['name']!r} in one loaded before. Give the files different "
                    "source= names, or load them apart and use Dataset.combine."
                )

    def _sort_annotations(
        self,
        annotations: list[dict[str, Any]],
        images: dict[Any, dict[str, Any]],
        category_ids: set[Any],
    ) -> dict[Any, list[dict[str, Any]]]:
        """Usable annotations by image id."""
        by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in annotations:
            category_id = annotation.get("category_id")
            if category_id not in category_ids:
                continue
            if annotation.get("image_id") not in images:
                self.left_out["instances of unknown images"] += 1
                continue
            if not annotation.get("segmentation"):
                if not annotation.get("bbox"):
                    self.left_out["instances without segmentation and box"] += 1
                    continue
                x, y, width, height = annotation["bbox"]
                outline = rectangle(x, y, x + width, y + height)
                annotation = {**annotation, "segmentation": [outline]}
            by_image[annotation["image_id"]].append(annotation)
        return by_image

    def _add_coco_image(
        self,
        source: str,
        image: dict[str, Any],
        path: Path,
        annotations: list[dict[str, Any]],
    ) -> None:
        image_shape: tuple[int, int] | None
        if "height" in image and "width" in image:
            image_shape = int(image["height"]), int(image["width"])
        else:
            image_shape = image_shape_or_none(path)
        self.add_image(
            source,
            image["id"],
            str(path),
            annotations=annotations,
            url=image.get("coco_url") or "",
            **stated_shape(image_shape),
        )


def is_coco(content: Any) -> bool:
    """Whether a json's content is COCO's."""
    return isinstance(content, dict) and {"images", "categories"} <= content.keys()


def _content(annotations: PathLike | dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What the file holds, and what to call it."""
    if isinstance(annotations, dict):
        content, origin = annotations, "COCO annotations"
    else:
        content, origin = read_json(annotations), os.fspath(annotations)
    if not is_coco(content):
        found = list(content)[:5] if isinstance(content, dict) else type(content)
        raise ValueError(
            f"{origin} is not COCO: expected an object with 'images', 'categories' "
            f"and 'annotations', found {found}."
        )
    for kind, key in (("images", "file_name"), ("categories", "name")):
        for entry in content[kind]:
            if not {"id", key} <= entry.keys():
                raise ValueError(
                    f"{origin} has an entry {entry} in {kind!r} without 'id' or "
                    f"{key!r}. Complete or remove it."
                )
    return content, origin


def _guess_folder(
    annotations: PathLike | dict[str, Any], images: Iterable[dict[str, Any]]
) -> PathLike:
    """The folder about the json file that holds the most of its first images."""
    if isinstance(annotations, dict):
        return "."
    path = Path(annotations)
    split = path.stem.split("_")[-1]
    folders = [
        parent / name
        for parent in (path.parent, path.parent.parent)
        for name in ("", "images", split, f"images/{split}")
    ]
    names = [image["file_name"] for image in list(images)[:20]]
    # The first of the best: `max` keeps order among equals.
    return max(
        folders,
        key=lambda folder: sum((folder / name).is_file() for name in names),
    )


def _check_found(
    paths: dict[Any, Path],
    wanted: list[Any],
    images: dict[Any, dict[str, Any]],
    image_folder: PathLike,
) -> None:
    if wanted and not paths:
        first = images[wanted[0]]["file_name"]
        raise FileNotFoundError(
            f"None of the {len(wanted)} images lies in {os.fspath(image_folder)!r}; "
            f"the first one looked for is {first!r}. Say where they are with "
            "image_folder=."
        )
    shared = [path for path, count in Counter(paths.values()).items() if count > 1]
    if shared:
        raise ValueError(
            f"Several images lead to the one file {str(shared[0])!r}. If their names "
            "carry folders, name the folder above those with image_folder=; otherwise "
            "remove the doubled entries."
        )
