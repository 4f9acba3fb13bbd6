"""Detections of many images as one COCO json, and as images of numbers.

The json is a dataset like any other: it names the images and the classes, and what was
found are its annotations, each with its score. So it opens in tools for annotation and
with `open_dataset`; its list "annotations" is what pycocotools' `loadRes` takes.

Shapes: H W the image, N instances.
"""

import json
import os
from typing import Any

import numpy as np

from mrcnn.atomic_file import replaced_file
from mrcnn.inference.class_names import ClassNames, name_of
from mrcnn.inference.results import Instances


class CocoFile:
    """Collects detections image by image; `write` makes the file."""

    def __init__(self, num_classes: int, class_names: ClassNames | None) -> None:
        """An empty file, whose categories are the classes 1 to `num_classes` - 1."""
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.categories = [
            {"id": class_id, "name": name_of(class_id, class_names)}
            for class_id in range(1, num_classes)
        ]

    def add(self, file_name: str, instances: Instances, **facts: Any) -> None:
        """One image and what was found in it.

        Args:
            file_name: path of the image as the json shall state it
            instances: [N]
            facts: what else the json shall say of the image
        """
        image_id = len(self.images) + 1
        height, width = instances.image_shape
        image = {"id": image_id, "file_name": file_name}
        self.images.append({**image, "height": height, "width": width, **facts})
        areas = instances.areas().tolist()
        for result, area in zip(instances.to_coco(image_id), areas, strict=True):
            first = {"id": len(self.annotations) + 1}
            self.annotations.append({**first, **result, "area": area, "iscrowd": 0})

    def write(self, path: str | os.PathLike) -> None:
        """Writes the json, whole or not at all; an older file is replaced."""
        content = {
            "images": self.images,
            "annotations": self.annotations,
            "categories": self.categories,
        }
        with replaced_file(path) as temporary:
            text = json.dumps(content, ensure_ascii=False)
            temporary.write_text(text, encoding="utf-8")


def id_map(instances: Instances) -> np.ndarray:
    """An image whose pixels say which instance they belong to. -> uint16 [H, W]

    0 is no instance, 1 the first and so on in the order of the instances. Where masks
    overlap, the instance of the higher score is seen.
    """
    ids = np.zeros(instances.image_shape, "uint16")
    for index in np.argsort(instances.scores, kind="stable").tolist():
        ids[instances.mask(index)] = index + 1
    return ids
