"""Which anchors would fit a set of objects better: proposals for the anchor knobs.

Shapes: N boxes, L levels, T ratios, V candidates.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mrcnn.geometry.anchor_fit import (
    AnchorGrid,
    AnchorShapes,
    best_anchor_ious,
    fit_score,
)
from mrcnn.geometry.arrays import Array

# Sides that an anchor may have in proposals, in cells of its level: below, the next
# centre is too far away; above, finer levels than needed do the work.
LEAST_CELLS, MOST_CELLS = 2, 16
LEAST_RATIO, MOST_RATIO = 0.1, 10.0

# Least scale of a level over that of the level before, a quarter of an octave.
LEAST_STEP = 2.0**0.25

# What one more ratio, and with it a fifth to a half more anchors, has to gain.
WORTH_A_RATIO = 0.01

# Factors by which the search tries to move a scale or a ratio.
_STEPS = tuple(2.0**power for power in (-1, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 1))
_MAX_ROUNDS = 8
_MAX_BOXES = 1000


def propose_anchors(
    boxes: Array, shapes: AnchorShapes, grid: AnchorGrid, *, max_ratios: int = 5
) -> AnchorShapes:
    """Scales and ratios that serve the boxes at least as well as the present ones.

    Scales are whole pixels, one for each level and clearly rising. There
    are as few ratios as do nearly as well as more. No fewer boxes than before have an
    anchor of IoU 0.5, and of such proposals the one with the best `fit_score` is
    looked for.

    Args:
        boxes: [N, 4] in pixels of the molded image; of very many, a choice is used
        shapes: the present ones
        grid: of the anchors
        max_ratios: at most so many

    Returns:
        The proposal; the present shapes where no others are clearly better, and where
        there are no boxes. The same boxes always give the same proposal.
    """
    boxes, grid = _some_of(np.asarray(boxes, "float64").reshape(-1, 4), grid)
    if not len(boxes):
        return shapes
    present = best_anchor_ious(boxes, shapes, grid).max(axis=(1, 2))
    search = _Search(boxes, grid, float((present >= 0.5).mean()))
    chosen, score = shapes, fit_score(present)
    for start in [shapes, *_starts(boxes, shapes, grid, max_ratios)]:
        candidate, candidate_score = search.climb(start)
        added = len(candidate.ratios) - len(chosen.ratios)
        if candidate_score - score >= WORTH_A_RATIO * max(added, 0.5):
            chosen, score = candidate, candidate_score
    return chosen


class _Search(NamedTuple):
    """A search uphill: one scale or ratio after the other, to where the score is best.

    A state of it is a pair of shapes and their score.
    """

    boxes: np.ndarray
    grid: AnchorGrid
    least_recall: float

    def climb(self, shapes: AnchorShapes) -> tuple[AnchorShapes, float]:
        score = self.score(self.ious(shapes).max(axis=(1, 2)))
        for _ in range(_MAX_ROUNDS):
            before = score
            for level in range(len(shapes.scales)):
                shapes, score = self.move_scale(shapes, level)
            for index in range(len(shapes.ratios)):
                shapes, score = self.move_ratio(shapes, index)
            if score <= before:
                break
        return shapes._replace(ratios=tuple(sorted(set(shapes.ratios)))), score

    def move_scale(
        self, shapes: AnchorShapes, level: int
    ) -> tuple[AnchorShapes, float]:
        scales = shapes.scales
        stride = self.grid.feature_strides[level]
        below = scales[level - 1] * LEAST_STEP if level else 0
        above = scales[level + 1] / LEAST_STEP if level + 1 < len(scales) else np.inf
        low, high = max(LEAST_CELLS * stride, below), min(MOST_CELLS * stride, above)
        values = [float(np.rint(scales[level] * step)) for step in _STEPS]
        values = [scales[level], *(value for value in values if low <= value <= high)]
        # One level for each value.
        grid = self.grid.take_levels([level] * len(values))
        moved = shapes._replace(scales=tuple(values))
        ious = best_anchor_ious(self.boxes, moved, grid).max(axis=2)
        others = np.delete(self.ious(shapes), level, axis=1)
        best, score = self.best_of(ious, others)
        return shapes._replace(scales=_replaced(scales, level, values[best])), score

    def move_ratio(
        self, shapes: AnchorShapes, index: int
    ) -> tuple[AnchorShapes, float]:
        ratios = shapes.ratios
        values = [ratios[index], *(_round_ratio(ratios[index] * s) for s in _STEPS)]
        ious = self.ious(shapes._replace(ratios=tuple(values))).max(axis=1)
        others = np.delete(self.ious(shapes), index, axis=2)
        best, score = self.best_of(ious, others)
        return shapes._replace(ratios=_replaced(ratios, index, values[best])), score

    def best_of(self, ious: np.ndarray, others: np.ndarray) -> tuple[int, float]:
        """The candidate that scores best beside the other anchors; of equals the first.

        Args:
            ious: [N, V] best of every box with the anchors of each candidate
            others: [N, L, T] with the anchors that stay

        Returns:
            its index and its score
        """
        rest = others.max(axis=(1, 2), initial=0.0)[:, None]
        scores = [self.score(column) for column in np.maximum(rest, ious).T]
        best = int(np.argmax(scores))
        return best, scores[best]

    def ious(self, shapes: AnchorShapes) -> np.ndarray:
        return best_anchor_ious(self.boxes, shapes, self.grid)

    def score(self, best_ious: np.ndarray) -> float:
        return fit_score(best_ious, self.least_recall)


def _some_of(boxes: np.ndarray, grid: AnchorGrid) -> tuple[np.ndarray, AnchorGrid]:
    """Boxes with area, and no more than the search needs, evenly over the sizes."""
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = np.flatnonzero((sides > 0).all(axis=1))
    kept = kept[np.argsort(np.prod(sides[kept], axis=1), kind="stable")]
    if len(kept) > _MAX_BOXES:
        kept = kept[np.linspace(0, len(kept) - 1, _MAX_BOXES).astype(int)]
    return boxes[kept], grid.take_boxes(kept)


def _starts(
    boxes: np.ndarray, shapes: AnchorShapes, grid: AnchorGrid, max_ratios: int
) -> Iterator[AnchorShapes]:
    """Where the search begins: ratios spread over those of the boxes, few to many,
    beside the present scales and beside scales spread likewise.
    """
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    spread = np.quantile(np.sqrt(height * width), _middles(len(shapes.scales)))
    scales: list[float] = []
    for scale, stride in zip(spread, grid.feature_strides, strict=True):
        low, high = LEAST_CELLS * stride, MOST_CELLS * stride
        least = np.ceil(scales[-1] * LEAST_STEP) if scales else 0
        scales.append(float(max(np.clip(np.rint(scale), low, high), least)))
    for count in range(1, max_ratios + 1):
        ratios = np.quantile(width / height, _middles(count))
        rounded = tuple(_round_ratio(ratio) for ratio in ratios)
        yield AnchorShapes(shapes.scales, rounded)
        yield AnchorShapes(tuple(scales), rounded)


def _middles(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


def _round_ratio(ratio: float) -> float:
    return float(np.clip(np.round(ratio, 2), LEAST_RATIO, MOST_RATIO))


def _replaced(values: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    return (*values[:index], value, *values[index + 1 :])
