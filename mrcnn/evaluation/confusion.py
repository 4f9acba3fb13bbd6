"""Right and wrong at one score threshold: confusion matrix, precision, recall, F1.

What a user of detections meets, who must choose a threshold, where average precision
looks at all of them. Detections inside crowds count neither as right nor as wrong.

Shapes: C classes with background.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.evaluation.matches import match_image
from mrcnn.evaluation.records import EvaluatedImage
from mrcnn.evaluation.scores import plain


def confusion_matrix(
    images: Iterable[EvaluatedImage],
    num_classes: int,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
    use_masks: bool = True,
) -> np.ndarray:
    """How often an instance of one class was detected as another.

    Detections and instances are matched by overlap alone, the best score first.

    Returns:
        int64 [C, C], true class by detected class. Row 0 holds detections that match
        no instance, column 0 instances that no detection matches; [0, 0] is 0.
    """
    matrix = np.zeros((num_classes, num_classes), "int64")
    for image in images:
        found = match_image(
            image,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            across_classes=True,
            use_masks=use_masks,
        )
        is_match = found.matches >= 0
        true_ids = found.gt_class_ids[found.matches[is_match]]
        np.add.at(matrix, (true_ids, found.class_ids[is_match]), 1)
        np.add.at(matrix[0], found.class_ids[~is_match & ~found.is_ignored], 1)
        np.add.at(
            matrix[:, 0], np.delete(found.gt_class_ids, found.matches[is_match]), 1
        )
    return matrix


@dataclass(frozen=True)
class Hits:
    """How many detections of each class were right. The background's entry is 0."""

    score_threshold: float
    iou_threshold: float
    num_right: np.ndarray  # int64 [C], detections that found an instance of their class
    num_found: np.ndarray  # int64 [C], detections outside crowds
    num_gt: np.ndarray  # int64 [C], instances that are no crowds

    @property
    def precision(self) -> np.ndarray:
        """Share of the detections that are right, NaN without detections. [C]"""
        return _share(self.num_right, self.num_found)

    @property
    def recall(self) -> np.ndarray:
        """Share of the instances that were found, NaN without instances. [C]"""
        return _share(self.num_right, self.num_gt)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of both, NaN without detections and instances. [C]"""
        return _share(2 * self.num_right, self.num_found + self.num_gt)

    def over_all(self) -> "Hits":
        """The sum over all classes, [1] in place of [C]."""
        sums = (
            np.array([counts.sum()])
            for counts in (self.num_right, self.num_found, self.num_gt)
        )
        return Hits(self.score_threshold, self.iou_threshold, *sums)

    def to_dict(self) -> dict[str, Any]:
        """Over all classes and of each, as plain numbers; None for NaN."""
        total = self.over_all()
        numbers = {
            "score_threshold": self.score_threshold,
            "iou_threshold": self.iou_threshold,
            "precision": total.precision[0],
            "recall": total.recall[0],
            "f1": total.f1[0],
            "per_class": {
                "precision": self.precision,
                "recall": self.recall,
                "f1": self.f1,
            },
        }
        return plain(numbers)


def count_hits(
    images: Iterable[EvaluatedImage],
    num_classes: int,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
    use_masks: bool = True,
) -> Hits:
    """Precision, recall and F1 of each class at one score threshold and IoU."""
    counts = np.zeros((3, num_classes), "int64")
    for image in images:
        found = match_image(
            image,
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            use_masks=use_masks,
        )
        class_ids = (
            found.class_ids[found.matches >= 0],
            found.class_ids[~found.is_ignored],
            found.gt_class_ids,
        )
        counts += [np.bincount(ids, minlength=num_classes) for ids in class_ids]
    return Hits(score_threshold, iou_threshold, *counts)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
