"""COCO's numbers from the curves that its evaluation leaves behind.

Shapes: T IoU thresholds, R recalls, K classes without background, A ranges of area
(all, small, medium, large), L limits on detections.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mrcnn.evaluation.scores import Numbers

_SIZES = ("small", "medium", "large")
_ALL = 0  # position of the range of all areas, before those of the sizes


class Curves(NamedTuple):
    """Precision and recall; -1 where there is no instance."""

    precision: np.ndarray  # [T, R, K, A, L]
    recall: np.ndarray  # [T, K, A, L]


def twelve_numbers(curves: Curves, max_detections: Sequence[int]) -> Numbers:
    """COCO's numbers over all classes; see `CocoScores`."""
    numbers = _precisions(curves.precision)
    for position, limit in enumerate(max_detections):
        numbers[f"AR{limit}"] = _mean(curves.recall[..., _ALL, position])
    for position, size in enumerate(_SIZES, 1):
        numbers[f"AR_{size}"] = _mean(curves.recall[..., position, -1])
    return numbers


def class_numbers(curves: Curves, position: int) -> Numbers:
    """The numbers of one class, by its position in K; see `ClassScores`."""
    numbers = _precisions(curves.precision[:, :, position])
    recall = curves.recall[:, position, :, -1]  # [T, A]
    numbers["AR"] = _mean(recall[:, _ALL])
    for area, size in enumerate(_SIZES, 1):
        numbers[f"AR_{size}"] = _mean(recall[:, area])
    return numbers


def precisions_at_50(curves: Curves, position: int) -> np.ndarray:
    """One class's precision at IoU 0.5 by recall, NaN without instances. [R]"""
    curve = curves.precision[0, :, position, _ALL, -1]
    return np.where(curve < 0, np.nan, curve)


def _precisions(precision: np.ndarray) -> Numbers:
    """[T, R, ..., A, L] -> six numbers"""
    precision = precision[..., -1]  # [T, R, ..., A]
    numbers = {
        "AP": _mean(precision[..., _ALL]),
        "AP50": _mean(precision[0, ..., _ALL]),
        "AP75": _mean(precision[5, ..., _ALL]),
    }
    for position, size in enumerate(_SIZES, 1):
        numbers[f"AP_{size}"] = _mean(precision[..., position])
    return numbers


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else float("nan")
