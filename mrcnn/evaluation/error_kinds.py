"""What kind of mistakes a model makes, and the average precision that each kind costs.

After Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection
Errors". A false detection is of the first kind that fits, by its IoU:

- misplaced: between 0.1 and 0.5 with an instance of its class
- misclassified: at least 0.5 with an instance of another class
- duplicate: at least 0.5 with an instance of its class that a better one found
- background: at most 0.1 with any instance
- both: the rest, between 0.1 and 0.5 with an instance of another class

An instance is missed if neither a right detection nor one that is misplaced or
misclassified belongs to it. The cost of a kind is what AP at IoU 0.5 gains when an
oracle mends that kind alone: the best misplaced or misclassified detection of an
instance that nothing found becomes right, other false detections vanish, missed
instances need not be found.

Shapes: C classes with background, D detections of all images or of one, G instances.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mrcnn.evaluation.average_precision import (
    order_by_score,
    sampled_average_precision,
)
from mrcnn.evaluation.matches import ImageMatches, match_image
from mrcnn.evaluation.records import EvaluatedImage, ImageId
from mrcnn.evaluation.scores import plain

FOREGROUND_IOU = 0.5
BACKGROUND_IOU = 0.1

MISCLASSIFIED = "misclassified"
MISPLACED = "misplaced"
BOTH = "both"
DUPLICATE = "duplicate"
BACKGROUND = "background"
MISSED = "missed"
ERROR_KINDS = (MISCLASSIFIED, MISPLACED, BOTH, DUPLICATE, BACKGROUND, MISSED)


class Mistake(NamedTuple):
    """One error and where to see it."""

    kind: str  # of ERROR_KINDS
    image_id: ImageId
    detection: int | None  # index into the image's detections; None if missed
    gt: int | None  # index into the image's ground truth; None if there is none near


@dataclass(frozen=True)
class ErrorReport:
    """All mistakes with their number and cost by kind.

    Attributes:
        ap50: average precision at IoU 0.5 as COCO defines it, NaN without instances
        mistakes: by image, detections before missed instances, best detection first
        counts: by kind
        costs: AP at IoU 0.5 that each kind costs; they do not add up
        false_detection_cost: AP gained if all false detections came last
        missed_instance_cost: AP gained if whatever is not found need not be
    """

    ap50: float
    mistakes: list[Mistake]
    counts: dict[str, int]
    costs: dict[str, float]
    false_detection_cost: float
    missed_instance_cost: float

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the single mistakes; None for NaN."""
        numbers = {
            "ap50": self.ap50,
            "counts": self.counts,
            "costs": self.costs,
            "false_detection_cost": self.false_detection_cost,
            "missed_instance_cost": self.missed_instance_cost,
        }
        return plain(numbers)


def find_errors(
    images: Iterable[EvaluatedImage], num_classes: int, *, use_masks: bool = True
) -> ErrorReport:
    """The mistakes in all images; detections inside crowds are none."""
    tally = _Tally(num_classes)
    for image in images:
        found = match_image(image, iou_threshold=FOREGROUND_IOU, use_masks=use_masks)
        tally.add(image.image_id, found)
    points = tally.points()
    ap = _mean_ap(points, tally.num_gt, tally.num_gt)
    costs = {
        kind: _gain(ap, points.mended(kind), tally.num_gt, tally.num_gt)
        for kind in ERROR_KINDS[:-1]
    }
    needed = tally.num_gt - tally.num_missed
    costs[MISSED] = _gain(ap, points, needed, tally.num_gt)
    right = np.bincount(points.class_ids[points.is_right], minlength=num_classes)
    kinds = [mistake.kind for mistake in tally.mistakes]
    return ErrorReport(
        ap50=ap,
        mistakes=tally.mistakes,
        counts={kind: kinds.count(kind) for kind in ERROR_KINDS},
        costs=costs,
        false_detection_cost=_gain(
            ap, points.right_first(), tally.num_gt, tally.num_gt
        ),
        missed_instance_cost=_gain(ap, points, right, tally.num_gt),
    )


class _Points(NamedTuple):
    """The detections of all images that count, as AP sees them."""

    class_ids: np.ndarray  # [D]
    scores: np.ndarray  # [D]
    is_right: np.ndarray  # bool [D]
    kinds: np.ndarray  # str [D], "" where right
    mended_class_ids: np.ndarray  # [D], 0 where mending lets the detection vanish

    def mended(self, kind: str) -> "_Points":
        """With all mistakes of one kind mended."""
        is_kind = self.kinds == kind
        mended = self._replace(
            class_ids=np.where(is_kind, self.mended_class_ids, self.class_ids),
            is_right=self.is_right | is_kind,
        )
        kept = mended.class_ids > 0
        return _Points(*(values[kept] for values in mended))

    def right_first(self) -> "_Points":
        """With scores that put every right detection before every false one."""
        return self._replace(scores=self.is_right.astype("float64"))


class _Tally:
    """Collects points and mistakes image by image."""

    def __init__(self, num_classes: int) -> None:
        self.mistakes: list[Mistake] = []
        self.num_gt = np.zeros(num_classes, "int64")
        self.num_missed = np.zeros(num_classes, "int64")
        self._points: list[_Points] = []

    def add(self, image_id: ImageId, found: ImageMatches) -> None:
        kinds, causes = _classify(found)
        mended, is_missed = _mend(found, kinds, causes)
        for row in np.flatnonzero(kinds != ""):
            gt = None if causes[row] < 0 else int(found.columns[causes[row]])
            mistake = Mistake(str(kinds[row]), image_id, int(found.rows[row]), gt)
            self.mistakes.append(mistake)
        for gt in found.columns[is_missed].tolist():
            self.mistakes.append(Mistake(MISSED, image_id, None, gt))
        np.add.at(self.num_gt, found.gt_class_ids, 1)
        np.add.at(self.num_missed, found.gt_class_ids[is_missed], 1)
        points = _Points(
            found.class_ids, found.scores, found.matches >= 0, kinds, mended
        )
        self._points.append(_Points(*(v[~found.is_ignored] for v in points)))

    def points(self) -> _Points:
        nothing = np.zeros(0, "int64")
        empty = _Points(nothing, nothing, nothing > 0, nothing.astype("U1"), nothing)
        columns = zip(empty, *self._points, strict=True)
        return _Points(*(np.concatenate(values) for values in columns))


def _classify(found: ImageMatches) -> tuple[np.ndarray, np.ndarray]:
    """Kind of each detection, "" where right or ignored, and the instance it means.

    -> str [D], int [D] position in `found.columns` or -1
    """
    is_same = found.class_ids[:, None] == found.gt_class_ids  # [D, G]
    # A column of nothing spares all questions about images without instances.
    none = np.zeros((len(found.rows), 1))
    same = np.hstack([np.where(is_same, found.overlaps, 0), none])
    other = np.hstack([np.where(is_same, 0, found.overlaps), none])
    nearest_same, nearest_other = same.argmax(axis=1), other.argmax(axis=1)  # [D]
    same, other = same.max(axis=1), other.max(axis=1)  # [D]

    rules = {
        MISPLACED: (same >= BACKGROUND_IOU) & (same < FOREGROUND_IOU),
        MISCLASSIFIED: other >= FOREGROUND_IOU,
        DUPLICATE: same >= FOREGROUND_IOU,
        BACKGROUND: np.maximum(same, other) <= BACKGROUND_IOU,
    }
    kinds = np.select(list(rules.values()), list(rules), default=BOTH)
    causes = np.where(np.isin(kinds, (MISPLACED, DUPLICATE)), nearest_same, -1)
    causes = np.where(np.isin(kinds, (MISCLASSIFIED, BOTH)), nearest_other, causes)
    is_false = (found.matches < 0) & ~found.is_ignored
    return np.where(is_false, kinds, ""), np.where(is_false, causes, -1)


def _mend(
    found: ImageMatches, kinds: np.ndarray, causes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What mending makes of each detection, and the instances that stay missed.

    -> int [D] class id for those that become right, 0 for those that vanish; bool [G]
    """
    mended = np.zeros(len(kinds), "int64")
    is_open = np.ones(len(found.columns), bool)
    is_open[found.matches[found.matches >= 0]] = False
    for row in np.flatnonzero(np.isin(kinds, (MISPLACED, MISCLASSIFIED))):
        if is_open[causes[row]]:
            is_open[causes[row]] = False
            mended[row] = found.gt_class_ids[causes[row]]
    return mended, is_open


def _gain(
    ap: float, points: _Points, num_needed: np.ndarray, num_gt: np.ndarray
) -> float:
    # AP samples recall, so mending a mistake can seem to lose a little.
    return max(_mean_ap(points, num_needed, num_gt) - ap, 0.0)


def _mean_ap(points: _Points, num_needed: np.ndarray, num_gt: np.ndarray) -> float:
    """Mean AP over the classes that have instances; NaN if none has.

    A class that needs nothing any more and has no detection is left out.
    """
    aps = []
    for class_id in np.flatnonzero(num_gt):
        of_class = points.class_ids == class_id
        if num_needed[class_id] or of_class.any():
            best_first = order_by_score(points.scores[of_class])
            is_right = points.is_right[of_class][best_first]
            aps.append(sampled_average_precision(is_right, num_needed[class_id]))
    if not aps:
        # Either there was nothing to find, or all that is left is perfect.
        return 1.0 if num_gt.any() else float("nan")
    return float(np.mean(aps))
