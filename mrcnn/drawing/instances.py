"""Instances painted into their image, at native resolution and without matplotlib.

Shapes: N instances, H W the image.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.drawing.colors import ColorChoice, instance_colors, to_uint8
from mrcnn.drawing.instance_parts import (
    ClassNames,
    captions_of,
    painting_order,
    parts_of,
)
from mrcnn.drawing.overlays import apply_mask, draw_frame, mask_outline
from mrcnn.drawing.pictures import as_picture
from mrcnn.drawing.tags import paint_tags
from mrcnn.geometry.masks import mask_bounds


def draw_instances(
    image: Any,
    result: Any,
    *,
    class_names: ClassNames | None = None,
    captions: Sequence[str | None] | None = None,
    colors: ColorChoice = "instance",
    show_masks: bool = True,
    show_boxes: bool = True,
    show_labels: bool = True,
    alpha: float = 0.45,
) -> np.ndarray:
    """The image with its instances drawn in.

        result = model.detect([image])[0]
        Image.fromarray(draw_instances(image, result)).save("found.png")

    Args:
        image: [H, W] or [H, W, C], or a path, as handed to `detect`
        result: what `detect` gives for one image; or a dict with rois, class_ids,
            scores and masks, of which all but either rois or masks may be missing
        class_names: by class id, the background first; by default those of the result
        captions: [N] texts in place of class name and score
        colors: "instance" tells instances apart, "class" gives each class one colour
            in all pictures; or a list with a colour for each instance
        show_masks: tint the masks
        show_boxes: draw the boxes
        show_labels: write class names and scores; the last ones are left out where
            there is no room
        alpha: 0 leaves masks clear, 1 covers the image

    Returns:
        [H, W, 3] uint8; the image itself stays as it is. Instances whose box is all
        zero are padding and not drawn.
    """
    picture = as_picture(image)
    parts = parts_of(result, picture.shape)
    ids = parts.class_ids if parts.class_ids is not None else np.zeros(len(parts.boxes))
    chosen_colors = instance_colors(colors, ids)
    texts = captions_of(parts, class_names, captions)
    shown = np.flatnonzero(parts.boxes.any(axis=1)).tolist()
    thickness = line_thickness(picture.shape)
    for index in painting_order(parts.boxes, shown):
        color = chosen_colors[index]
        if show_masks and parts.mask_of is not None:
            _paint_mask(picture, parts.mask_of(index), color, alpha)
        if show_boxes:
            draw_frame(picture, parts.boxes[index], to_uint8(color), thickness)
    if show_labels:
        paint_tags(
            picture,
            parts.boxes[shown],
            [texts[index] for index in shown],
            [chosen_colors[index] for index in shown],
        )
    return picture


def line_thickness(picture_shape: tuple[int, ...]) -> int:
    """Pixels across a line that is seen in a picture of this shape."""
    height, width = picture_shape[:2]
    return max(round((height * width) ** 0.5 / 360), 1)


def _paint_mask(
    picture: np.ndarray, mask: np.ndarray, color: tuple, alpha: float
) -> None:
    """Tints a mask and draws its outline, in place."""
    thickness = (line_thickness(picture.shape) + 1) // 2
    y1, x1, y2, x2 = mask_bounds(mask[..., None])[0]
    part, mask = picture[y1:y2, x1:x2], mask[y1:y2, x1:x2]
    apply_mask(part, mask, color, alpha)
    # Half as thick as the box, so that small masks keep their inside.
    for _ in range(thickness):
        outline = mask_outline(mask)
        part[outline] = to_uint8(color)
        mask = mask & ~outline
