"""matterport's measures of one image's detections, under its names and parameters.

They look at one image with all of its classes together. The AP that papers report ranks
the detections of all images, class by class: that is `mrcnn.evaluation.coco`.

Ground truth with a negative class id is a crowd: it need not be found, and detections
inside it count neither as right nor as wrong. Rows whose box is all zero are padding.

Shapes: H W the image, N predictions, M ground-truth instances, both without padding.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mrcnn.compat.boxes import compute_overlaps
from mrcnn.compat.masks import compute_overlaps_masks
from mrcnn.evaluation.average_precision import (
    area_under_curve,
    match_detections,
    order_by_score,
    precision_and_recall,
)
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import TINY, is_padding
from mrcnn.geometry.mask_coding import encode_rle, rle_iou


def compute_matches(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which prediction found which instance of its class.

    Args:
        gt_boxes: [M or more, 4]
        gt_class_ids: [M or more]
        gt_masks: [H, W, M or more]
        pred_boxes: [N or more, 4]
        pred_class_ids: [N or more]
        pred_scores: [N or more]
        pred_masks: [H, W, N or more]
        iou_threshold: lowest IoU of masks for a match
        score_threshold: another lowest IoU, as in matterport

    Returns:
        gt_match: float [M], the prediction that found an instance, or -1
        pred_match: float [N], the instance that a prediction found, or -1
        overlaps: [N, M] IoU of masks

        Predictions are in the order of their scores, best first, and equal scores in
        the order given. Each instance is found at most once.
    """
    image = _Image.of(
        [gt_boxes, gt_class_ids, gt_masks],
        [pred_boxes, pred_class_ids, pred_scores, pred_masks],
    )
    matches = image.matches(max(iou_threshold, score_threshold))
    gt_match = np.full(len(image.gt_class_ids), -1.0)
    found = np.flatnonzero(matches >= 0)
    gt_match[matches[found]] = found
    return gt_match, matches.astype("float64"), image.overlaps


def compute_ap(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
    iou_threshold: float = 0.5,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Average precision of one image, its classes ranked together.

    Args:
        gt_boxes: see `compute_matches`, as are the others
        gt_class_ids: [M or more]
        gt_masks: [H, W, M or more]
        pred_boxes: [N or more, 4]
        pred_class_ids: [N or more]
        pred_scores: [N or more]
        pred_masks: [H, W, N or more]
        iou_threshold: lowest IoU of masks for a match

    Returns:
        the area under the curve, 0 for an image without instances; the curve's
        precisions [N + 2], never rising, and recalls [N + 2], from 0 to 1, both
        without predictions inside crowds; overlaps [N, M], see `compute_matches`
    """
    image = _Image.of(
        [gt_boxes, gt_class_ids, gt_masks],
        [pred_boxes, pred_class_ids, pred_scores, pred_masks],
    )
    return *image.curve(iou_threshold), image.overlaps


def compute_ap_range(
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    iou_thresholds: Sequence[float] | np.ndarray | None = None,
    verbose: int = 1,
) -> float:
    """Mean of `compute_ap` over IoU thresholds.

    Args:
        gt_box: see `compute_matches`, as are the others
        gt_class_id: [M or more]
        gt_mask: [H, W, M or more]
        pred_box: [N or more, 4]
        pred_class_id: [N or more]
        pred_score: [N or more]
        pred_mask: [H, W, N or more]
        iou_thresholds: by default 0.5 to 0.95 in steps of 0.05
        verbose: 1 prints the value at each threshold and the mean
    """
    if iou_thresholds is None:
        iou_thresholds = np.linspace(0.5, 0.95, 10)
    thresholds = np.asarray(iou_thresholds, "float64").reshape(-1)
    if not len(thresholds):
        raise ValueError("iou_thresholds is empty: give one IoU at least, or None.")
    image = _Image.of(
        [gt_box, gt_class_id, gt_mask],
        [pred_box, pred_class_id, pred_score, pred_mask],
    )
    aps = [image.curve(threshold)[0] for threshold in thresholds]
    mean = float(np.mean(aps))
    if verbose:
        for threshold, ap in zip(thresholds, aps, strict=True):
            print(f"AP @{threshold:.2f}:\t {ap:.3f}")
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(
    pred_boxes: Array, gt_boxes: Array, iou: float
) -> tuple[float, np.ndarray]:
    """Share of the ground-truth boxes that are some prediction's nearest box.

    Args:
        pred_boxes: [N, 4]
        gt_boxes: [M, 4]
        iou: lowest IoU for a prediction to count

    Returns:
        the share, 0 without boxes, and the indices of predictions that count
    """
    pred_boxes = np.reshape(pred_boxes, (-1, 4))
    gt_boxes = np.reshape(gt_boxes, (-1, 4))
    if not len(pred_boxes) or not len(gt_boxes):
        return 0.0, np.zeros(0, "int64")
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    positive_ids = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = set(overlaps[positive_ids].argmax(axis=1).tolist())
    return len(found) / len(gt_boxes), positive_ids


class _Image(NamedTuple):
    """One image without padding, predictions best first."""

    gt_class_ids: np.ndarray  # [M]
    pred_class_ids: np.ndarray  # [N]
    overlaps: np.ndarray  # [N, M] IoU
    crowd_cover: np.ndarray  # [N] share of a prediction in a crowd of its class

    @classmethod
    def of(cls, gt: Sequence[Any], pred: Sequence[Any]) -> "_Image":
        """Boxes, class ids and masks; boxes, class ids, scores and masks."""
        gt_class_ids, gt_masks = _without_padding(*gt)
        pred_class_ids, scores, masks = _without_padding(*pred)
        order = order_by_score(scores)
        pred_class_ids, masks = pred_class_ids[order], masks[..., order]
        overlaps = np.zeros((len(order), len(gt_class_ids)))
        cover = np.zeros(len(order))
        if overlaps.size:
            overlaps = compute_overlaps_masks(masks, gt_masks)
            cover = _crowd_cover(masks, pred_class_ids, gt_masks, gt_class_ids)
        return cls(gt_class_ids, pred_class_ids, overlaps, cover)

    def matches(self, iou_threshold: float) -> np.ndarray:
        """The instance that each prediction found, or -1. [N]"""
        is_same = self.pred_class_ids[:, None] == self.gt_class_ids
        return match_detections(self.overlaps, is_same, iou_threshold=iou_threshold)

    def curve(self, iou_threshold: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Average precision, precisions and recalls."""
        is_true = self.matches(iou_threshold) >= 0
        counts = is_true | (self.crowd_cover < max(iou_threshold, TINY))
        num_gt = np.count_nonzero(self.gt_class_ids > 0)
        return area_under_curve(*precision_and_recall(is_true[counts], num_gt))


def _without_padding(boxes: Array, *others: Array) -> list[np.ndarray]:
    """Vectors and masks [H, W, any] without the rows whose box is all zero.

    What is as long as the boxes loses the same rows; of what is not, the first are
    taken.
    """
    boxes = np.reshape(boxes, (-1, 4))
    kept = np.flatnonzero(~is_padding(boxes))
    trimmed = []
    for values in map(np.asarray, others):
        has_all_rows = values.shape[-1] == len(boxes)
        rows = kept if has_all_rows else slice(len(kept))
        trimmed.append(values[..., rows])
    return trimmed


def _crowd_cover(
    masks: np.ndarray,
    class_ids: np.ndarray,
    gt_masks: np.ndarray,
    gt_class_ids: np.ndarray,
) -> np.ndarray:
    """Largest share of each prediction in a crowd of its class, 0 for none. [N]"""
    crowds = np.flatnonzero(gt_class_ids < 0)
    if not len(crowds):
        return np.zeros(len(class_ids))
    rles = [encode_rle(masks[..., i] > 0.5) for i in range(len(class_ids))]
    crowd_rles = [encode_rle(gt_masks[..., i] > 0.5) for i in crowds]
    cover = rle_iou(rles, crowd_rles, np.ones(len(crowds)))
    is_same = class_ids[:, None] == -gt_class_ids[crowds]
    return np.where(is_same, cover, 0).max(axis=1)
