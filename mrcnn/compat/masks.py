"""matterport's mask functions under their old names and argument orders.

Shapes: H W sides of an image, N M instances, h w sides of a mini-mask.
"""

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.masks import (
    mask_bounds,
    mask_through_box,
    pairwise_mask_iou,
    paste_masks,
)
from mrcnn.geometry.mini_masks import expand_masks, minimize_masks
from mrcnn.geometry.resizing import ImageResize, resize_masks


def extract_bboxes(mask: Array) -> np.ndarray:
    """Boxes around masks. [H, W, N] -> int32 [N, 4], zeros for an empty mask"""
    return mask_bounds(mask)


def minimize_mask(bbox: Array, mask: Array, mini_shape: Array) -> np.ndarray:
    """Mini-masks. [N, 4], [H, W, N], (h, w) -> bool [h, w, N]"""
    return minimize_masks(mask, bbox, mini_shape)


def expand_mask(bbox: Array, mini_mask: Array, image_shape: Array) -> np.ndarray:
    """Full masks of mini-masks. [N, 4], [h, w, N], (H, W) -> bool [H, W, N]"""
    return expand_masks(mini_mask, bbox, image_shape)


def mold_mask(mask: Array, config: Config) -> np.ndarray:
    """What the mask head should put out for a mask and its own box.

    [H, W] -> float32 of `MASK_SHAPE`, zeros and ones
    """
    box = mask_bounds(np.asarray(mask)[..., None])[0]
    covered = mask_through_box(np.asarray(mask) != 0, box, config.MASK_SHAPE)
    return (covered >= 0.5).astype("float32")


def unmold_mask(mask: Array, bbox: Array, image_shape: Array) -> np.ndarray:
    """The full mask of a mask patch in matterport's geometry.

    [S, S] in [0, 1], [4] pixels, (H, W) -> bool [H, W]
    """
    masks = paste_masks(
        np.asarray(mask)[None],
        np.asarray(bbox)[None],
        image_shape,
        threshold=0.5,
        whole_pixel_paste=True,
    )
    return masks[..., 0]


def compute_overlaps_masks(masks1: Array, masks2: Array) -> np.ndarray:
    """IoU of every mask with every other; values over 0.5 count as set.

    [H, W, N], [H, W, M] -> [N, M], zeros for empty masks
    """
    return pairwise_mask_iou(np.asarray(masks1) > 0.5, np.asarray(masks2) > 0.5)


def resize_mask(
    mask: Array,
    scale: float,
    padding: list[tuple[int, int]],
    crop: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """Masks resized with what `resize_image` returned for their image.

    [H, W, N] -> bool [H', W', N] on the grid of the resized image
    """
    return resize_masks(mask, ImageResize(np.shape(mask), scale, padding, crop))
