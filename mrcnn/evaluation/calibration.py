"""Whether scores can be taken at their word: of detections at 0.8, are 80 % right?

After Guo et al. 2017, "On Calibration of Modern Neural Networks".

Shapes: K bins of scores.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.evaluation.matches import match_image
from mrcnn.evaluation.records import EvaluatedImage
from mrcnn.evaluation.scores import plain


@dataclass(frozen=True)
class Calibration:
    """Scores and how often they were right, in bins of equal width from 0 to 1."""

    edges: np.ndarray  # [K + 1]
    counts: np.ndarray  # int64 [K] detections
    num_right: np.ndarray  # int64 [K] of them that found an instance of their class
    mean_scores: np.ndarray  # [K], NaN for an empty bin

    @property
    def precisions(self) -> np.ndarray:
        """Share of a bin's detections that are right, NaN for an empty bin. [K]"""
        return np.where(
            self.counts > 0, self.num_right / np.maximum(self.counts, 1), np.nan
        )

    @property
    def expected_error(self) -> float:
        """Mean gap between a detection's score and its bin's precision, or NaN.

        Known as the expected calibration error (ECE).
        """
        total = self.counts.sum()
        gaps = np.nan_to_num(np.abs(self.precisions - self.mean_scores))
        return float((self.counts * gaps).sum() / total) if total else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and lists; None for NaN."""
        numbers = {
            "edges": self.edges,
            "counts": self.counts,
            "mean_scores": self.mean_scores,
            "precisions": self.precisions,
            "expected_error": self.expected_error,
        }
        return plain(numbers)


def calibrate(
    images: Iterable[EvaluatedImage],
    *,
    num_bins: int = 10,
    iou_threshold: float = 0.5,
    use_masks: bool = True,
) -> Calibration:
    """How often detections of each score are right; those inside crowds are left out.

    A score on the edge of two bins belongs to the upper one, except 1.
    """
    counts = np.zeros(num_bins, "int64")
    num_right = np.zeros(num_bins, "int64")
    sums = np.zeros(num_bins)
    for image in images:
        found = match_image(image, iou_threshold=iou_threshold, use_masks=use_masks)
        scores = found.scores[~found.is_ignored]
        is_right = found.matches[~found.is_ignored] >= 0
        # In single precision, as scores are: 0.7 then lies on its edge.
        bins = (scores.astype("float32") * num_bins).astype(int)
        bins = np.clip(bins, 0, num_bins - 1)
        counts += np.bincount(bins, minlength=num_bins)
        num_right += np.bincount(bins[is_right], minlength=num_bins)
        sums += np.bincount(bins, weights=scores, minlength=num_bins)
    mean_scores = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    edges = np.linspace(0, 1, num_bins + 1)
    return Calibration(edges, counts, num_right, mean_scores)
