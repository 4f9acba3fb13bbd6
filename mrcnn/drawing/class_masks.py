"""The masks of an image class by class.

Shapes: N instances, H W the image.
"""

from typing import Any

import numpy as np

from mrcnn.drawing.colors import indexed_color, to_uint8
from mrcnn.drawing.figures import show_images
from mrcnn.drawing.instance_parts import ClassNames, class_text
from mrcnn.drawing.pictures import as_picture
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.masks import as_bool_masks


def show_class_masks(
    image: Any, masks: Array, class_ids: Array, class_names: ClassNames, limit: int
) -> None:
    """The image, and beside it the masks of the classes that cover most of it.

    Args:
        image: [H, W] or [H, W, C]
        masks: [H, W, N]
        class_ids: [N]; instances of class 0 are left out
        class_names: by class id
        limit: how many classes to show
    """
    picture = as_picture(image)
    masks, class_ids = as_bool_masks(masks), np.asarray(class_ids, int).reshape(-1)
    if len(class_ids) != masks.shape[-1]:
        raise ValueError(f"{len(class_ids)} class ids for {masks.shape[-1]} masks.")
    images, titles = [picture], [f"H × W = {picture.shape[0]} × {picture.shape[1]}"]
    areas = {
        class_id: masks[..., class_ids == class_id].sum()
        for class_id in np.unique(class_ids[class_ids != 0]).tolist()
    }
    for class_id in sorted(areas, key=lambda key: -areas[key])[:limit]:
        indices = np.flatnonzero(class_ids == class_id)
        images.append(_colored(masks, indices))
        count = f" ({len(indices)})" if len(indices) > 1 else ""
        titles.append(class_text(class_id, class_names) + count)
    show_images(images, titles, columns=limit + 1)


def _colored(masks: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Each mask in its colour on black. [H, W, N] -> uint8 [H, W, 3]"""
    picture = np.zeros((*masks.shape[:2], 3), "uint8")
    for index in indices.tolist():
        picture[masks[..., index]] = to_uint8(indexed_color(index))
    return picture
