"""How well anchors fit objects.

The best anchor of a shape is the one whose centre lies nearest to the object's: along
each axis the overlap falls with the distance of the centres, and the IoU of boxes of
fixed sides rises with both overlaps. So one anchor of each shape and level is enough
to look at, and the result is that of all anchors.

Shapes: N boxes, L levels, T ratios.
"""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.geometry.anchors import cell_anchors
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import pairwise_iou

# Boxes that are worked on at once, for the sake of memory.
_PART = 20_000


class AnchorShapes(NamedTuple):
    """The two knobs that say what anchors look like."""

    scales: tuple[float, ...]
    """One for each level."""

    ratios: tuple[float, ...]
    """Width over height."""


class AnchorGrid(NamedTuple):
    """Where anchors stand, whatever they look like."""

    feature_shapes: np.ndarray
    """[L, 2], or [N, L, 2] where boxes belong to images of different shapes."""

    feature_strides: Array
    """[L] pixels from cell to cell."""

    anchor_stride: int = 1
    """Cells from one anchor to the next."""

    round_anchors: bool = True
    """See `Convention`."""

    steps: np.ndarray | None = None
    """[..., L, 2] as `feature_shapes`: (y, x) pixels from cell to cell of each image,
    where these are not the strides."""

    offset: float = 0.0
    """See `pyramid_anchors`."""

    def take_levels(self, indices: list[int]) -> "AnchorGrid":
        """The same with the levels of these indices, in their order."""
        return self._replace(
            feature_shapes=self.feature_shapes[..., indices, :],
            feature_strides=np.asarray(self.feature_strides)[indices],
            steps=None if self.steps is None else self.steps[..., indices, :],
        )

    def take_boxes(self, rows: Any) -> "AnchorGrid":
        """The same for some of the boxes."""
        if self.feature_shapes.ndim == 2:
            return self
        return self._replace(
            feature_shapes=self.feature_shapes[rows],
            steps=None if self.steps is None else self.steps[rows],
        )


def best_anchor_ious(boxes: Array, shapes: AnchorShapes, grid: AnchorGrid) -> Array:
    """The highest IoU of every box with the anchors of each level and ratio.

    Args:
        boxes: [N, 4] in pixels of the molded image
        shapes: of the anchors
        grid: of the anchors

    Returns:
        [N, L, T] in [0, 1]; a box without area overlaps nothing.
    """
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    around = cell_anchors(
        shapes.scales, shapes.ratios, round_anchors=grid.round_anchors
    )  # [T * L, 4]
    around = np.moveaxis(around.reshape(len(shapes.ratios), -1, 4), 0, 1)  # [L, T, 4]
    parts = [slice(start, start + _PART) for start in range(0, len(boxes), _PART)]
    ious = [_best_of_part(boxes[p], around, grid.take_boxes(p)) for p in parts]
    return np.concatenate([np.zeros((0, *around.shape[:2])), *ious])


def fit_score(best_ious: Array, least_recall: float = 0.0) -> float:
    """How well boxes are served by their best anchors.

    The mean of three: the shares of boxes with an IoU of 0.5 and of 0.7, at which they
    are found and learnt, and the mean IoU, which tells near misses from far ones.

    Args:
        best_ious: [N]
        least_recall: share of boxes that shall have 0.5; less costs more than could be
            gained by it

    Returns:
        At most 1; 0 for no boxes.
    """
    best_ious = np.asarray(best_ious)
    if not best_ious.size:
        return 0.0
    found, learnt = (best_ious >= 0.5).mean(), (best_ious >= 0.7).mean()
    missing = max(least_recall - found, 0.0)
    return float((found + learnt + best_ious.mean()) / 3 - 100 * missing)


def _best_of_part(
    boxes: np.ndarray, around: np.ndarray, grid: AnchorGrid
) -> np.ndarray:
    """The same with anchors about the origin, [L, T, 4], for a few boxes."""
    strides = np.asarray(grid.feature_strides)[:, None]  # [L, 1]
    cell = strides if grid.steps is None else grid.steps
    step, start = cell * grid.anchor_stride, cell * grid.offset
    counts = -(-np.asarray(grid.feature_shapes) // grid.anchor_stride)  # [..., L, 2]
    middles = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2  # [N, 1, 2]
    indices = np.clip(np.rint((middles - start) / step), 0, counts - 1)
    nearest = start + indices * step  # [N, L, 2]
    anchors = np.tile(nearest, 2)[:, :, None] + around  # [N, L, T, 4]
    return pairwise_iou(anchors, boxes[:, None, None])[..., 0]
