"""Rois and the targets of the heads in NumPy, under matterport's names and parameters.

Random numbers follow NumPy's global state.

Shapes: R rois, T of them that heads train on, G gt slots, H W the molded image, S side
of a mask patch, K classes with background.
"""

from typing import Any

import numpy as np

from mrcnn.data.random_rois import random_rois
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import encode_boxes
from mrcnn.geometry.masks import mask_through_box
from mrcnn.geometry.matching import (
    NEUTRAL,
    POSITIVE,
    match_rois,
    sample_matches,
    without_crowded,
)


def generate_random_rois(
    image_shape: Array, count: int, gt_class_ids: Array, gt_boxes: Array
) -> np.ndarray:
    """Boxes of which nine in ten lie near a gt box; see `random_rois`.

    Args:
        image_shape: (height, width) or more
        count: how many
        gt_class_ids: [N], 0 for padding
        gt_boxes: [N, 4] pixels

    Returns:
        int32 [count, 4] pixels
    """
    rng = np.random.default_rng(np.random.randint(2**31))
    boxes = np.reshape(gt_boxes, (-1, 4))[np.asarray(gt_class_ids) != 0]
    return random_rois(image_shape, boxes, count, rng)


def build_detection_targets(
    rpn_rois: Array, gt_class_ids: Array, gt_boxes: Array, gt_masks: Array, config: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the heads should answer for one image, a random draw of its rois.

    Args:
        rpn_rois: [R, 4] pixels, unused rows zero
        gt_class_ids: [G] 0 for padding, negative for crowds
        gt_boxes: [G, 4] pixels
        gt_masks: [H, W, G], or mini-masks where `USE_MINI_MASK` says so
        config: thresholds, T = `TRAIN_ROIS_PER_IMAGE` and the shape of the masks

    Returns:
        rois: int32 [T, 4], positives first, then negatives, then rows of zeros
        class_ids: int32 [T], 0 but for positives
        bboxes: float32 [T, K, 4] deltas in units of `BBOX_STD_DEV`, in the row of the
            class of a positive
        masks: float32 [T, S, S, K] zeros and ones, likewise
    """
    # A row of padding, so that there is one to draw.
    rois = np.pad(np.reshape(rpn_rois, (-1, 4)), [(0, 1), (0, 0)])
    gt_class_ids, gt_boxes = np.asarray(gt_class_ids), np.reshape(gt_boxes, (-1, 4))
    rois = without_crowded(
        rois, gt_boxes, gt_class_ids, crowd_cover=config.ROI_CROWD_COVER
    )
    match, gt_indices = match_rois(
        rois,
        gt_boxes,
        gt_class_ids,
        positive_iou=config.ROI_POSITIVE_IOU,
        negative_iou_low=config.ROI_NEGATIVE_IOU_LOW,
        negative_iou_high=config.ROI_NEGATIVE_IOU_HIGH,
        crowd_iou=config.CROWD_IOU,
    )
    count = config.TRAIN_ROIS_PER_IMAGE
    indices, drawn = sample_matches(
        match,
        np.random.random_sample(len(rois)),
        count=count,
        positive_share=config.ROI_POSITIVE_RATIO,
    )
    rois = np.where(drawn[:, None] != NEUTRAL, rois[indices], 0).astype("int32")
    class_ids = np.zeros(count, "int32")
    bboxes = np.zeros((count, config.NUM_CLASSES, 4), "float32")
    masks = np.zeros((count, *config.MASK_SHAPE, config.NUM_CLASSES), "float32")
    for row in np.flatnonzero(drawn == POSITIVE):
        instance = gt_indices[indices[row]]
        box, class_id = gt_boxes[instance], gt_class_ids[instance]
        class_ids[row] = class_id
        deltas = encode_boxes(box, rois[row].astype("float64"))
        bboxes[row, class_id] = deltas / config.BBOX_STD_DEV
        mask = np.asarray(gt_masks)[..., instance]
        roi = rois[row]
        if config.USE_MINI_MASK:
            roi = _box_in_mini_mask(roi, box, mask)
        share = mask_through_box(mask, roi, config.MASK_SHAPE)  # [S, S]
        masks[row, ..., class_id] = share >= 0.5
    return rois, class_ids, bboxes, masks


def _box_in_mini_mask(roi: np.ndarray, box: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The roi in pixels of the mini-mask of a box. [4], [4], [h, w] -> [4]"""
    zoom = np.array(mask.shape) / (box[2:] - box[:2])
    return (roi - np.tile(box[:2], 2)) * np.tile(zoom, 2)
