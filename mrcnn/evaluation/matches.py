"""Which detection of an image found which instance: the ground of all error counts.

Shapes: D detections, G ground-truth instances that are no crowds.
"""

from typing import NamedTuple

import numpy as np

from mrcnn.evaluation.average_precision import match_detections, order_by_score
from mrcnn.evaluation.records import EvaluatedImage


class ImageMatches(NamedTuple):
    """One image's detections, best first, and what they found."""

    rows: np.ndarray  # [D] of the image's detections
    class_ids: np.ndarray  # [D]
    scores: np.ndarray  # [D]
    columns: np.ndarray  # [G] of the image's ground truth
    gt_class_ids: np.ndarray  # [G]
    overlaps: np.ndarray  # [D, G] IoU
    matches: np.ndarray  # [D] position in `columns`, or -1
    is_ignored: np.ndarray  # bool [D], found nothing but lies in a crowd


def match_image(
    image: EvaluatedImage,
    *,
    iou_threshold: float,
    score_threshold: float = 0.0,
    across_classes: bool = False,
    use_masks: bool = True,
) -> ImageMatches:
    """Detections matched with ground truth, each once, the best choosing first.

    Args:
        image: see `EvaluatedImage`
        iou_threshold: lowest IoU of a match
        score_threshold: detections below it are left out
        across_classes: whether a detection may match an instance of another class
        use_masks: whether masks are compared, or boxes
    """
    gt, found = image.gt, image.detections
    rows = order_by_score(found.scores)
    # In single precision, as scores are: 0.7 is then not below 0.7.
    is_kept = found.scores[rows].astype("float32") >= np.float32(score_threshold)
    rows = rows[is_kept]
    overlaps = image.overlaps(use_masks=use_masks)[rows]  # [D, all]
    is_same = found.class_ids[rows][:, None] == gt.class_ids  # [D, all]
    may_match = np.ones_like(is_same) if across_classes else is_same

    columns = np.flatnonzero(~gt.is_crowd)
    # Where one object is labelled twice, overlaps are equal and the class decides.
    preference = overlaps + 1e-9 * is_same
    matches = match_detections(
        preference[:, columns], may_match[:, columns], iou_threshold=iou_threshold
    )
    lies_in_crowd = (overlaps >= iou_threshold) & may_match & gt.is_crowd
    return ImageMatches(
        rows=rows,
        class_ids=found.class_ids[rows],
        scores=found.scores[rows],
        columns=columns,
        gt_class_ids=gt.class_ids[columns],
        overlaps=overlaps[:, columns],
        matches=matches,
        is_ignored=(matches < 0) & lies_in_crowd.any(axis=1),
    )
