"""Which objects the anchors of a Config can match, and anchors that would match more.

Shapes: N objects, L levels, T ratios.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.anchor_fit import AnchorGrid, AnchorShapes, best_anchor_ious
from mrcnn.geometry.anchor_search import propose_anchors
from mrcnn.geometry.anchors import backbone_map_shapes, level_strides
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.conventions import rounds_anchors

THRESHOLDS = (0.5, 0.7)
"""IoU at which an object is found, and at which an anchor learns it."""


class SideClass(NamedTuple):
    """Objects of like side, and the shares of them that have an anchor."""

    low: float
    high: float
    num_objects: int
    recalls: tuple[float, ...]
    """One for each threshold."""


class AnchorReport(NamedTuple):
    """How well the anchors of a Config fit the objects of a dataset."""

    shapes: AnchorShapes
    strides: tuple[float, ...]

    ious: np.ndarray
    """[N, L, T]: the best of every object with each scale and ratio."""

    sides: np.ndarray
    """[N] square root of the objects' areas, pixels of the molded image."""

    proposed: AnchorShapes
    proposed_ious: np.ndarray
    """[N]: the best of every object with the proposed anchors."""

    def recall(self, threshold: float) -> float:
        """Share of the objects that some anchor overlaps so much; 0 without objects."""
        return _share(self.best_ious >= threshold)

    def proposed_recall(self, threshold: float) -> float:
        """The same for the proposed anchors."""
        return _share(self.proposed_ious >= threshold)

    def num_matched(self, threshold: float) -> np.ndarray:
        """Objects that each scale and ratio can match. -> [L, T]"""
        return (self.ious >= threshold).sum(axis=0)

    @property
    def best_ious(self) -> np.ndarray:
        """Of every object with any anchor. -> [N]"""
        return self.ious.max(axis=(1, 2), initial=0.0)

    @property
    def is_kept(self) -> bool:
        """Whether the proposal is to keep the anchors as they are."""
        return self.proposed == self.shapes

    def by_side(self) -> list[SideClass]:
        """Recall of objects by octaves of their side, smallest first."""
        octaves = np.floor(np.log2(np.maximum(self.sides, 1))).astype(int)
        return [
            SideClass(
                2.0**octave,
                2.0 ** (octave + 1),
                int((octaves == octave).sum()),
                tuple(
                    _share(self.best_ious[octaves == octave] >= t) for t in THRESHOLDS
                ),
            )
            for octave in np.unique(octaves)
        ]

    def config_lines(self) -> list[str]:
        """The proposal as the two lines of a Config."""
        scales = ", ".join(f"{scale:g}" for scale in self.proposed.scales)
        ratios = ", ".join(f"{ratio:g}" for ratio in self.proposed.ratios)
        return [f"RPN_ANCHOR_SCALES = ({scales})", f"RPN_ANCHOR_RATIOS = [{ratios}]"]

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain values that JSON can hold."""
        return {
            "scales": list(self.shapes.scales),
            "ratios": list(self.shapes.ratios),
            "strides": list(self.strides),
            "recall": {str(t): self.recall(t) for t in THRESHOLDS},
            "matched": {str(t): self.num_matched(t).tolist() for t in THRESHOLDS},
            "by_side": [side._asdict() for side in self.by_side()],
            "proposed_scales": list(self.proposed.scales),
            "proposed_ratios": list(self.proposed.ratios),
            "proposed_recall": {str(t): self.proposed_recall(t) for t in THRESHOLDS},
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def report_anchors(boxes: Array, image_shapes: Array, config: Config) -> AnchorReport:
    """The anchor report of objects in molded images.

    Args:
        boxes: [N, 4] in pixels of the molded image
        image_shapes: [N, 2] of the molded images that the objects are in
        config: whose anchors to look at, and whose images they are
    """
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    shapes = AnchorShapes(
        tuple(float(scale) for scale in config.RPN_ANCHOR_SCALES),
        tuple(float(ratio) for ratio in config.RPN_ANCHOR_RATIOS),
    )
    grid = anchor_grid(config, np.asarray(image_shapes).reshape(-1, 2))
    if config.FEATURES != "pyramid":
        # All scales on one map are as many levels that are alike.
        grid = grid.take_levels([0] * len(shapes.scales))
    proposed = propose_anchors(boxes, shapes, grid)
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    return AnchorReport(
        shapes,
        tuple(float(stride) for stride in grid.feature_strides),
        best_anchor_ious(boxes, shapes, grid),
        sides,
        proposed,
        best_anchor_ious(boxes, proposed, grid).max(axis=(1, 2), initial=0.0),
    )


def anchor_grid(config: Config, image_shapes: np.ndarray) -> AnchorGrid:
    """Where the anchors of molded images stand. [N, 2] -> one grid for each"""
    distinct, rows = np.unique(image_shapes, axis=0, return_inverse=True)
    strides = config.BACKBONE_STRIDES
    backbone = config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE
    maps = [backbone_map_shapes(shape, strides, *backbone) for shape in distinct]
    feature_shapes = np.asarray(maps, "int64").reshape(-1, len(strides), 2)
    steps = [
        level_strides(*pair) for pair in zip(distinct, feature_shapes, strict=True)
    ]
    steps = np.reshape(steps, feature_shapes.shape)[rows.reshape(-1)]
    return AnchorGrid(
        feature_shapes[rows.reshape(-1)],
        strides,
        config.RPN_ANCHOR_STRIDE,
        rounds_anchors(config.ROUND_ANCHORS, config.GEOMETRY or "aligned"),
        steps if config.ANCHOR_STRIDES_FROM_MAPS else None,
        config.ANCHOR_OFFSET,
    )


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if flags.size else 0.0


def _lines(report: AnchorReport) -> Iterator[str]:
    if not len(report.sides):
        yield "Anchors: no objects to match."
        return
    head = "".join(f"  IoU {threshold:.1f}" for threshold in THRESHOLDS)
    yield f"Anchors: objects of {len(report.sides)} that some anchor can match"
    yield f"  {'scale x ratio':<15}{'stride':>7}{head}   best for"
    best = report.ious.reshape(len(report.ious), -1).argmax(axis=1)
    best_of = np.bincount(best, minlength=report.ious[0].size)
    best_of = best_of.reshape(report.ious.shape[1:])  # [L, T]
    matched = [report.num_matched(threshold) for threshold in THRESHOLDS]
    for level, scale in enumerate(report.shapes.scales):
        for index, ratio in enumerate(report.shapes.ratios):
            counts = "".join(f"{count[level, index]:>9}" for count in matched)
            stride = f"{report.strides[level]:g}"
            name = f"{scale:g} x {ratio:g}"
            yield f"  {name:<15}{stride:>7}{counts}{best_of[level, index]:>11}"
    yield f"  {'side of object':<15}{'count':>7}{head}"
    for side in report.by_side():
        name, shares = f"{side.low:g}..{side.high:g} px", _percents(side.recalls)
        yield f"  {name:<15}{side.num_objects:>7}{shares}"
    total = _percents([report.recall(threshold) for threshold in THRESHOLDS])
    yield f"  {'all':<15}{len(report.sides):>7}{total}"
    if report.is_kept:
        yield "No other scales and ratios fit clearly better: keep these."
        return
    yield "Anchors that fit better, to paste into your Config:"
    yield from (f"    {line}" for line in report.config_lines())
    recalls = _percents([report.proposed_recall(t) for t in THRESHOLDS])
    yield f"  {'all, with these':<15}{len(report.sides):>7}{recalls}"


def _percents(shares: Any) -> str:
    return "".join(f"{share:>9.1%}" for share in shares)
