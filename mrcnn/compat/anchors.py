"""Anchors and RPN targets under matterport's names and parameters.

Shapes: L levels, A anchors over all levels, G gt boxes, K anchors in the RPN's loss.
"""

from typing import Any

import numpy as np

from mrcnn.geometry.anchors import feature_map_shapes, level_anchors, pyramid_anchors
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import encode_boxes
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.geometry.matching import NEUTRAL, POSITIVE, match_anchors, sample_matches

ROUND_ANCHORS = CONVENTIONS["matterport"].round_anchors


def generate_anchors(
    scales: Array,
    ratios: Array,
    shape: Array,
    feature_stride: int,
    anchor_stride: int,
) -> np.ndarray:
    """Anchors of one level in pixels, float64 [A, 4]. See `level_anchors`."""
    return level_anchors(
        scales,
        ratios,
        shape,
        feature_stride,
        anchor_stride,
        round_anchors=ROUND_ANCHORS,
    )


def generate_pyramid_anchors(
    scales: Array,
    ratios: Array,
    feature_shapes: Array,
    feature_strides: Array,
    anchor_stride: int,
) -> np.ndarray:
    """Anchors of all levels in pixels, float64 [A, 4]. See `pyramid_anchors`."""
    return pyramid_anchors(
        scales,
        ratios,
        feature_shapes,
        feature_strides,
        anchor_stride,
        round_anchors=ROUND_ANCHORS,
    )


def compute_backbone_shapes(config: Any, image_shape: Array) -> np.ndarray:
    """Cells of each level's map for a molded image shape, int64 [L, 2].

    Where `config.BACKBONE` is a function, `config.COMPUTE_BACKBONE_SHAPE` answers.
    """
    if callable(config.BACKBONE):
        return config.COMPUTE_BACKBONE_SHAPE(image_shape)
    return feature_map_shapes(image_shape, config.BACKBONE_STRIDES)


def build_rpn_targets(
    image_shape: Array,
    anchors: Array,
    gt_class_ids: Array,
    gt_boxes: Array,
    config: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """What the RPN should answer for one image, a random draw of K anchors.

    Draws from NumPy's global random state.

    Args:
        image_shape: of the molded image; matching does not depend on it
        anchors: [A, 4] pixels
        gt_class_ids: [G], negative for crowds
        gt_boxes: [G, 4] pixels
        config: thresholds, K and the spread of the deltas

    Returns:
        rpn_match: int32 [A] POSITIVE, NEGATIVE or NEUTRAL, K of them not neutral
        rpn_bbox: float64 [K, 4] deltas in units of `RPN_BBOX_STD_DEV`; row i belongs
            to the i-th positive anchor, the rows after them are zero
    """
    count = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    gt_boxes = np.reshape(gt_boxes, (-1, 4))
    match, gt_indices = match_anchors(
        anchors,
        gt_boxes,
        np.asarray(gt_class_ids, "int64"),
        positive_iou=config.RPN_POSITIVE_IOU,
        negative_iou=config.RPN_NEGATIVE_IOU,
        crowd_iou=config.CROWD_IOU,
        forced_iou=config.RPN_FORCED_MIN_IOU,
        forced_keep_own=config.RPN_FORCED_KEEP_OWN,
    )
    indices, drawn = sample_matches(
        match,
        np.random.random_sample(len(anchors)),
        count=count,
        positive_share=config.RPN_POSITIVE_RATIO,
    )
    is_used = drawn != NEUTRAL
    rpn_match = np.full(len(anchors), NEUTRAL, "int32")
    rpn_match[indices[is_used]] = drawn[is_used]

    positives = np.flatnonzero(rpn_match == POSITIVE)
    deltas = encode_boxes(gt_boxes[gt_indices[positives]], anchors[positives])
    rpn_bbox = np.zeros((count, 4))
    rpn_bbox[: len(positives)] = deltas / config.RPN_BBOX_STD_DEV
    return rpn_match, rpn_bbox
