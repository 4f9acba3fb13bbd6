"""Mini-masks: ground-truth masks cut to their boxes and shrunk to one small shape.

Full masks of many instances take more memory than the images they belong to, so
batches carry mini-masks. Masks are bool; any number but 0 counts as set.

Shapes: H W sides of the image, N instances, h w sides of a mini-mask.
"""

import numpy as np

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.masks import (
    as_bool_masks,
    check_mask_boxes,
    mask_bounds,
    paste_masks,
)
from mrcnn.geometry.resizing import ImageResize
from mrcnn.geometry.sampling import bin_centers, pick_pixels

# A threshold that exactly one half does not reach.
MORE_THAN_HALF = float(np.nextafter(np.float32(0.5), np.float32(1)))


def minimize_masks(masks: Array, boxes: Array, mini_shape: Array) -> np.ndarray:
    """Masks cut to their boxes and resized to one small shape.

    Args:
        masks: [H, W, N]
        boxes: [N, 4] whole pixels; what lies outside the image is empty
        mini_shape: (height, width)

    Returns:
        [h, w, N] bool: set where more than half of the sampled value is set. A box
        without area is a ValueError.
    """
    masks = as_bool_masks(masks)
    boxes = check_mask_boxes(boxes, masks.shape[2])
    limits = np.array(masks.shape[:2] * 2)
    mini_masks = np.zeros((*mini_shape[:2], masks.shape[2]), bool)
    for index, box in enumerate(boxes):
        if not (box[2:] > box[:2]).all():
            raise ValueError(
                f"Instance {index} has box {box.tolist()}, which holds no pixel: "
                "remove instances without area before making mini-masks."
            )
        y1, x1, y2, x2 = np.clip(box, 0, limits).astype("int64")
        cut = masks[y1:y2, x1:x2, index]
        mini_masks[..., index] = _shrink(cut, box - [y1, x1, y1, x1], mini_shape)
    return mini_masks


def expand_masks(mini_masks: Array, boxes: Array, image_shape: Array) -> np.ndarray:
    """Mini-masks put back to where they were cut, the inverse of `minimize_masks`.

    Args:
        mini_masks: [h, w, N]
        boxes: [N, 4] whole pixels
        image_shape: (height, width) or more

    Returns:
        [H, W, N] bool, coarser than the masks once were. What leaves the image is cut
        off; a box without area gives an empty mask.
    """
    return paste_masks(
        np.moveaxis(as_bool_masks(mini_masks), -1, 0),
        boxes,
        image_shape,
        threshold=MORE_THAN_HALF,
        whole_pixel_paste=True,
    )


def mini_masks_resized(
    masks: Array, plan: ImageResize, mini_shape: Array
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and mini-masks after a resize, without ever making the resized masks.

    Each mini-mask is sampled from the mask as loaded, on the resized image's grid.

    Args:
        masks: [H, W, N] before the resize
        plan: of the image the masks belong to
        mini_shape: (height, width)

    Returns:
        boxes [N, 4] int32 in pixels of the resized image, at least one pixel wide, and
        mini-masks [h, w, N] bool. Both are zero for an instance that is empty or
        outside the crop.
    """
    masks, corner = _visible_part(as_bool_masks(masks), plan)
    bounds = mask_bounds(masks)
    boxes = np.zeros_like(bounds)
    mini_masks = np.zeros((*mini_shape[:2], len(bounds)), bool)
    zoom = np.array(plan.zoom * 2)
    offset = np.array(plan.shift * 2) + np.tile(corner, 2) * zoom
    for index in np.flatnonzero(bounds[:, 2]):
        y1, x1, y2, x2 = bounds[index]
        boxes[index] = _whole_box(bounds[index] * zoom + offset, plan.window)
        seen = (boxes[index] - offset) / zoom - [y1, x1, y1, x1]
        cut = masks[y1:y2, x1:x2, index]
        mini_masks[..., index] = _shrink(cut, seen, mini_shape)
    return boxes, mini_masks


def _shrink(mask: np.ndarray, box: Array, mini_shape: Array) -> np.ndarray:
    """A mini-mask of what lies in a box, zero outside the mask. -> bool [h, w]"""
    if not mask.size:
        return np.zeros(mini_shape[:2], bool)
    y1, x1, y2, x2 = box
    rows = bin_centers(y1, y2, mini_shape[0])
    columns = bin_centers(x1, x2, mini_shape[1])
    return pick_pixels(mask, rows, columns) > 0.5


def _visible_part(
    masks: np.ndarray, plan: ImageResize
) -> tuple[np.ndarray, tuple[int, int]]:
    """The masks' part inside the crop, and (y, x) of its corner."""
    if not plan.crop:
        return masks, (0, 0)
    y, x, height, width = plan.crop
    zoom_y, zoom_x = plan.zoom
    y1 = min(round(y / zoom_y), masks.shape[0] - 1)
    x1 = min(round(x / zoom_x), masks.shape[1] - 1)
    y2 = max(round((y + height) / zoom_y), y1 + 1)
    x2 = max(round((x + width) / zoom_x), x1 + 1)
    return masks[y1:y2, x1:x2], (y1, x1)


def _whole_box(box: np.ndarray, window: Array) -> np.ndarray:
    """The box in whole pixels, at least one each way, inside the window. -> [4]"""
    low, high = np.array(window[:2]), np.array(window[2:])
    start, end = np.rint(box[:2]), np.rint(box[2:])
    middle = np.floor((box[:2] + box[2:]) / 2)
    start = np.clip(np.where(end > start, start, middle), low, high - 1)
    return np.concatenate([start, np.clip(end, start + 1, high)])
