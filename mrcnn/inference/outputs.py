"""From the network's outputs to the instances of one image, in the image's own pixels.

Shapes: D detection slots, N instances, C classes with background, S side of a mask
patch, H W the image as loaded.
"""

import numpy as np

from mrcnn.geometry.boxes import clip_boxes, denormalize_boxes, normalize_boxes
from mrcnn.geometry.conventions import Convention
from mrcnn.geometry.masks import frame_patches
from mrcnn.inference.class_names import ClassNames
from mrcnn.inference.local_masks import PatchMasks
from mrcnn.inference.results import Instances, round_boxes

_BACKGROUND = 0


def unmold(
    detections: np.ndarray,
    mask_patches: np.ndarray | None,
    original_image_shape: tuple[int, ...],
    molded_shape: tuple[int, ...],
    window: np.ndarray,
    *,
    convention: Convention,
    mask_threshold: float = 0.5,
    paste_with_border: bool = False,
    class_names: ClassNames | None = None,
) -> Instances:
    """The instances that the network saw in one image.

    Rows of the background class are padding and left out, and so are boxes that have
    no area in whole pixels or that are not finite.

    Args:
        detections: [D, 6] (y1, x1, y2, x2, class id, score), boxes normalized by the
            molded image
        mask_patches: [rows, S, S, C] for all classes or [rows, S, S] for the
            detection's own, one row for each detection up to the last real one; None
            for instances without masks
        original_image_shape: (H, W) or more
        molded_shape: (height, width) or more
        window: [4] pixels of the molded image
        convention: of the network
        mask_threshold: share from which on a pixel belongs to the instance
        paste_with_border: whether mask patches are pasted as `frame_patches` says
        class_names: [C], see `Instances`

    Returns:
        [N] in the network's order, which is the best first
    """
    height, width = (int(side) for side in original_image_shape[:2])
    is_finite = np.isfinite(detections).all(axis=-1, keepdims=True)
    detections = np.where(is_finite, detections, 0)  # a row of zeros is padding
    boxes = boxes_in_original(
        detections[:, :4], (height, width), molded_shape, window, convention.edge_shift
    )
    class_ids = detections[:, 4].astype("int32")
    kept = np.flatnonzero((class_ids != _BACKGROUND) & _has_area(boxes))
    boxes, class_ids = boxes[kept], class_ids[kept]
    masks = None
    if mask_patches is not None:
        patches, paste_boxes = _patches_of_class(mask_patches, kept, class_ids), boxes
        if paste_with_border:
            patches, paste_boxes = frame_patches(patches, boxes)
        masks = PatchMasks(
            patches,
            paste_boxes,
            (height, width),
            threshold=mask_threshold,
            whole_pixel_paste=convention.whole_pixel_paste,
        )
    return Instances(
        boxes,
        class_ids,
        detections[kept, 5],
        (height, width),
        masks=masks,
        class_names=class_names,
    )


def boxes_in_original(
    boxes_norm: np.ndarray,
    original_image_shape: tuple[int, ...],
    molded_shape: tuple[int, ...],
    window: np.ndarray,
    edge_shift: int,
) -> np.ndarray:
    """Boxes normalized by the molded image, in pixels of the image as loaded.

    Args:
        boxes_norm: [D, 4]
        original_image_shape: (H, W) or more
        molded_shape: (height, width) or more
        window: [4] pixels of the molded image
        edge_shift: see `Convention`

    Returns:
        [D, 4] float32, cut off at the image's edges and not rounded
    """
    window_norm = normalize_boxes(window, molded_shape, edge_shift=edge_shift)
    corner = np.tile(window_norm[:2], 2)
    sides = np.tile(window_norm[2:] - window_norm[:2], 2)
    boxes_px = denormalize_boxes(
        (boxes_norm - corner) / sides, original_image_shape, edge_shift=edge_shift
    )
    height, width = original_image_shape[:2]
    return clip_boxes(boxes_px, np.array([0, 0, height, width])).astype("float32")


def _has_area(boxes: np.ndarray) -> np.ndarray:
    """Whether a box covers a whole pixel. [D, 4] -> bool [D]"""
    rounded = round_boxes(boxes)
    return np.all(rounded[:, 2:] > rounded[:, :2], axis=-1)


def _patches_of_class(
    mask_patches: np.ndarray, rows: np.ndarray, class_ids: np.ndarray
) -> np.ndarray:
    """[rows, S, S, C] or [rows, S, S] -> [N, S, S]"""
    of_class = (rows,) if mask_patches.ndim == 3 else (rows, ..., class_ids)
    return mask_patches[of_class].astype("float32")
