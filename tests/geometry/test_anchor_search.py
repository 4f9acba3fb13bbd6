import numpy as np
import pytest

from mrcnn.geometry.anchor_fit import AnchorGrid, AnchorShapes, best_anchor_ious
from mrcnn.geometry.anchor_search import (
    LEAST_CELLS,
    LEAST_STEP,
    MOST_CELLS,
    propose_anchors,
)
from mrcnn.geometry.anchors import feature_map_shapes

STRIDES = [4, 8, 16, 32, 64]
DEFAULT = AnchorShapes((32.0, 64.0, 128.0, 256.0, 512.0), (0.5, 1.0, 2.0))
GRID = AnchorGrid(feature_map_shapes((512, 512), STRIDES), STRIDES)


def boxes_of(rng, count, sides, ratios):
    """Boxes anywhere in the image, with sides and ratios drawn from two ranges."""
    side = 2 ** rng.uniform(*np.log2(sides), count)
    ratio = 2 ** rng.uniform(*np.log2(ratios), count)
    height, width = side / np.sqrt(ratio), side * np.sqrt(ratio)
    y, x = rng.uniform(50, 400, (2, count))
    return np.rint(np.stack([y, x, y + height, x + width], axis=1))


def recall(boxes, shapes, threshold):
    best = best_anchor_ious(boxes, shapes, GRID).max(axis=(1, 2))
    return (best >= threshold).mean()


def test_small_objects_get_smaller_anchors(rng):
    boxes = boxes_of(rng, 200, (12, 30), (0.8, 1.25))
    proposed = propose_anchors(boxes, DEFAULT, GRID)
    assert proposed.scales[0] < 25
    assert recall(boxes, DEFAULT, 0.5) < 0.6
    assert recall(boxes, proposed, 0.5) > 0.9


def test_long_objects_get_long_anchors(rng):
    boxes = boxes_of(rng, 200, (40, 120), (5, 8))
    proposed = propose_anchors(boxes, DEFAULT, GRID)
    assert max(proposed.ratios) > 4
    assert recall(boxes, proposed, 0.5) > recall(boxes, DEFAULT, 0.5) + 0.3


@pytest.mark.parametrize("sides", [(10, 60), (60, 300)])
def test_a_proposal_keeps_the_rules(rng, sides):
    boxes = boxes_of(rng, 150, sides, (0.3, 3))
    proposed = propose_anchors(boxes, DEFAULT, GRID, max_ratios=4)
    assert len(proposed.scales) == 5
    steps = np.array(proposed.scales[1:]) / proposed.scales[:-1]
    assert steps.min() >= LEAST_STEP
    cells = np.array(proposed.scales) / STRIDES
    assert cells.min() >= LEAST_CELLS
    assert cells.max() <= MOST_CELLS
    assert all(scale == round(scale) for scale in proposed.scales)
    assert 1 <= len(proposed.ratios) <= 4
    assert list(proposed.ratios) == sorted(set(proposed.ratios))
    assert recall(boxes, proposed, 0.5) >= recall(boxes, DEFAULT, 0.5)
    assert recall(boxes, proposed, 0.7) > recall(boxes, DEFAULT, 0.7)


def test_the_same_boxes_give_the_same_proposal(rng):
    boxes = boxes_of(rng, 20, (20, 200), (0.5, 2))
    first, second = (propose_anchors(boxes, DEFAULT, GRID) for _ in range(2))
    assert first == second


def test_anchors_that_fit_are_kept():
    # Squares on the very anchors of 64 pixels: nothing can be better.
    centers = np.arange(64, 448, 8)
    boxes = np.stack([centers - 32, centers - 32, centers + 32, centers + 32], axis=1)
    assert propose_anchors(boxes, DEFAULT, GRID) == DEFAULT


def test_without_objects_the_anchors_stay():
    assert propose_anchors(np.zeros((0, 4)), DEFAULT, GRID) == DEFAULT
    assert propose_anchors([[5, 5, 5, 9]], DEFAULT, GRID) == DEFAULT


def test_of_very_many_objects_a_choice_over_all_sizes_does(rng):
    boxes = np.tile(boxes_of(rng, 100, (12, 30), (0.8, 1.25)), (20, 1))
    shapes = np.tile(GRID.feature_shapes, (len(boxes), 1, 1))
    grid = GRID._replace(feature_shapes=shapes)
    proposed = propose_anchors(boxes, DEFAULT, grid)
    assert recall(boxes, proposed, 0.5) > 0.9
