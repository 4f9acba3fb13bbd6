"""From overlaps to average precision: matching, precision and recall, their area.

The part of evaluation that knows neither images nor files. Detections come best first
everywhere; `order_by_score` says what that means where scores are equal.

Shapes: D detections, G ground-truth instances.
"""

import numpy as np

from mrcnn.geometry.arrays import Array


def order_by_score(scores: Array) -> np.ndarray:
    """Indices that bring the best first; equal scores keep their order. [D] -> [D]"""
    return np.argsort(-np.asarray(scores, "float64"), kind="stable")


def match_detections(
    overlaps: Array, may_match: Array | None = None, *, iou_threshold: float
) -> np.ndarray:
    """The ground truth that each detection finds, the best detection choosing first.

    Args:
        overlaps: [D, G] IoU, best detection first
        may_match: bool [D, G], such as equality of classes; None for all
        iou_threshold: lowest IoU of a match

    Returns:
        int64 [D], column of the free ground truth that a detection overlaps most, or
        -1. Each column occurs at most once; of equal overlaps the first column wins.
    """
    overlaps = np.asarray(overlaps, "float64")
    if may_match is not None:
        overlaps = np.where(may_match, overlaps, -1.0)
    matches = np.full(len(overlaps), -1)
    if not overlaps.size:
        return matches
    is_free = np.ones(overlaps.shape[1], bool)
    for row, overlap in enumerate(overlaps):
        best = np.where(is_free, overlap, -1.0).argmax()
        if is_free[best] and overlap[best] >= max(iou_threshold, 0.0):
            matches[row] = best
            is_free[best] = False
    return matches


def precision_and_recall(is_true: Array, num_gt: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of the best detections, for every number of them.

    Args:
        is_true: bool [D], whether a detection found something, best first
        num_gt: how much there was to find

    Returns:
        precisions [D] and recalls [D]; recalls are 0 where there was nothing to find.
    """
    num_true = np.cumsum(np.asarray(is_true, bool))
    precisions = num_true / np.arange(1, len(num_true) + 1)
    return precisions, num_true / max(num_gt, 1)


def area_under_curve(
    precisions: Array, recalls: Array
) -> tuple[float, np.ndarray, np.ndarray]:
    """Average precision: the area under the best precision at each recall or a higher.

    Args:
        precisions: [D], best detection first
        recalls: [D], never falling

    Returns:
        the area, and the curve it lies under: precisions [D + 2], never rising, and
        recalls [D + 2] from 0 to 1
    """
    padded = np.concatenate([[0.0], precisions, [0.0]])
    envelope = _best_from_here(padded)
    recalls = np.concatenate([[0.0], recalls, [1.0]])
    area = float(np.sum(np.diff(recalls) * envelope[1:]))
    return area, envelope, recalls


def sampled_average_precision(is_true: Array, num_gt: int) -> float:
    """COCO's average precision at one IoU: the mean precision at 101 recalls.

    Args:
        is_true: bool [D], whether a detection found something, best first
        num_gt: how much there was to find

    Returns:
        a number in [0, 1]; 0 where there was nothing to find
    """
    precisions, recalls = precision_and_recall(is_true, num_gt)
    samples = np.linspace(0, 1, 101)
    rows = np.searchsorted(recalls, samples, side="left")
    # Recalls that are never reached have the precision 0 that stands at the end.
    return float(np.append(_best_from_here(precisions), 0.0)[rows].mean())


def _best_from_here(values: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(values[::-1])[::-1]
