"""All that evaluation knows about a model on a dataset, computed when asked for.

Shapes: C classes with background.
"""

from functools import cached_property
from typing import Any

import numpy as np

from mrcnn.evaluation.calibration import Calibration, calibrate
from mrcnn.evaluation.coco import CocoEvaluator
from mrcnn.evaluation.confusion import Hits, confusion_matrix, count_hits
from mrcnn.evaluation.error_kinds import ERROR_KINDS, ErrorReport, find_errors
from mrcnn.evaluation.records import EvaluatedImage
from mrcnn.evaluation.scores import CocoScores, format_table, number, plain


class Evaluation:
    """Detections held against ground truth; `print` shows the numbers.

    All but COCO's box numbers compare masks, or boxes for detections without masks.

    Attributes:
        class_names: [C], the background first
        images: every image's ground truth and detections, in the order of image ids
        use_masks: whether masks are compared
        score_threshold: of the confusion matrix and the hits
        iou_threshold: of the confusion matrix, the hits and the calibration
        min_confidence: of the detections that were handed in, if that is known
    """

    def __init__(
        self,
        evaluator: CocoEvaluator,
        *,
        score_threshold: float = 0.5,
        iou_threshold: float = 0.5,
        min_confidence: float | None = None,
    ) -> None:
        self._evaluator = evaluator
        self.class_names = evaluator.class_names
        self.images: list[EvaluatedImage] = evaluator.images
        self.use_masks = evaluator.has_masks
        self.score_threshold = score_threshold
        self.iou_threshold = iou_threshold
        self.min_confidence = min_confidence

    @cached_property
    def coco(self) -> CocoScores:
        """COCO's numbers, over all classes and per class."""
        return self._evaluator.summarize()

    @cached_property
    def hits(self) -> Hits:
        """Precision, recall and F1 at the score threshold."""
        return count_hits(self.images, len(self.class_names), **self._thresholds())

    @cached_property
    def confusion(self) -> np.ndarray:
        """True class by detected class at the score threshold, int64 [C, C]."""
        return confusion_matrix(
            self.images, len(self.class_names), **self._thresholds()
        )

    @cached_property
    def calibration(self) -> Calibration:
        """How far scores can be taken at their word."""
        return calibrate(
            self.images, iou_threshold=self.iou_threshold, use_masks=self.use_masks
        )

    @cached_property
    def errors(self) -> ErrorReport:
        """Mistakes by kind and what each kind costs."""
        return find_errors(self.images, len(self.class_names), use_masks=self.use_masks)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON; None for NaN."""
        numbers = {
            "class_names": self.class_names,
            "coco": self.coco.to_dict(),
            "hits": self.hits.to_dict(),
            "confusion": self.confusion,
            "calibration": self.calibration.to_dict(),
            "errors": self.errors.to_dict(),
        }
        return plain(numbers)

    def __str__(self) -> str:
        parts = [str(self.coco), self._shown_hits(), self._shown_errors()]
        if self.min_confidence is not None:
            parts.append(
                f"Of detections from a confidence of {self.min_confidence:g} up."
            )
        return "\n\n".join(parts)

    def _shown_hits(self) -> str:
        total = self.hits.over_all()
        return (
            f"At score {self.score_threshold:g} and IoU {self.iou_threshold:g}: "
            f"precision {number(total.precision[0])}, "
            f"recall {number(total.recall[0])}, F1 {number(total.f1[0])}; "
            f"calibration error {number(self.calibration.expected_error)}"
        )

    def _shown_errors(self) -> str:
        errors = self.errors
        rows = [
            [kind, str(errors.counts[kind]), number(errors.costs[kind])]
            for kind in ERROR_KINDS
        ]
        return format_table(["error", "count", "costs AP50"], rows)

    def _thresholds(self) -> dict[str, Any]:
        return {
            "score_threshold": self.score_threshold,
            "iou_threshold": self.iou_threshold,
            "use_masks": self.use_masks,
        }
