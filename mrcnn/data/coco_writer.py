"""Any Dataset written as COCO json, which other tools read.

Shapes: H W the image, N instances.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.data.annotation_files import PathLike
from mrcnn.data.dataset import Dataset
from mrcnn.data.image_files import read_image_shape
from mrcnn.data.mask_checks import checked_masks
from mrcnn.geometry.mask_coding import encode_rle, mask_to_polygons
from mrcnn.geometry.masks import mask_bounds


def write_coco(
    dataset: Dataset,
    path: PathLike,
    *,
    image_folder: PathLike | None = None,
    use_polygons: bool = True,
) -> None:
    """Write images, classes and masks of a prepared dataset as COCO json.

    Reading the file back gives equal masks. Category ids are the dataset's class ids,
    image ids its image ids plus 1. Crowds are marked and always written as RLE.

    Args:
        dataset: any prepared Dataset
        path: the json file; its folder is made if needed
        image_folder: where every image is written as PNG, as `load_image` gives it.
            Without it the images stay where they are and are referred to by their path
            from the json file, so each needs one
        use_polygons: write masks as polygons along the pixels' edges, which every tool
            reads; otherwise as compressed RLE, which is smaller for ragged masks
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id in map(int, dataset.image_ids):
        file, image_shape = _image_file(dataset, image_id, image_folder)
        images.append(
            {
                "id": image_id + 1,
                "file_name": Path(os.path.relpath(file, path.parent)).as_posix(),
                "height": image_shape[0],
                "width": image_shape[1],
            }
        )
        for entry in _instances(dataset, image_id, image_shape, use_polygons):
            annotations.append({"id": len(annotations) + 1, **entry})
    names = enumerate(dataset.class_names)
    categories = [{"id": i, "name": name} for i, name in names if i > 0]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content), encoding="utf-8")


def _image_file(
    dataset: Dataset, image_id: int, image_folder: PathLike | None
) -> tuple[Path, tuple[int, int]]:
    """The image's file, written where that is asked for, and its (H, W)."""
    if image_folder is not None:
        from PIL import Image

        file = Path(image_folder) / f"{image_id:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image = dataset.load_image(image_id)
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(pixels).save(file)
        return file, image.shape[:2]
    link = dataset.image_info[image_id]["path"]
    if link is None:
        raise ValueError(
            f"{dataset.describe_image(image_id)} has no file that COCO json could "
            "refer to. Say with image_folder= where to write the images."
        )
    return Path(link), read_image_shape(link)


def _instances(
    dataset: Dataset,
    image_id: int,
    image_shape: tuple[int, int],
    use_polygons: bool,
) -> Iterator[dict[str, Any]]:
    """Annotations of one image, without their own ids; empty masks are left out."""
    reference = dataset.describe_image(image_id)
    masks, class_ids = checked_masks(
        *dataset.load_mask(image_id), image_shape, dataset.num_classes, reference
    )
    for i, (y1, x1, y2, x2) in enumerate(mask_bounds(masks).tolist()):
        mask = masks[..., i]
        is_crowd = bool(class_ids[i] < 0)
        as_polygons = use_polygons and not is_crowd
        if mask.any():
            yield {
                "image_id": image_id + 1,
                "category_id": abs(int(class_ids[i])),
                "segmentation": (mask_to_polygons if as_polygons else encode_rle)(mask),
                "area": int(np.count_nonzero(mask)),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": int(is_crowd),
            }
