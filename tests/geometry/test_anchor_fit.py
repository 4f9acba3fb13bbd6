import numpy as np
import pytest

from mrcnn.geometry.anchor_fit import (
    AnchorGrid,
    AnchorShapes,
    best_anchor_ious,
    fit_score,
)
from mrcnn.geometry.anchors import feature_map_shapes, level_anchors
from mrcnn.geometry.boxes import pairwise_iou

SHAPES = AnchorShapes((16.0, 32.0, 64.0), (0.5, 1.0, 2.0))
STRIDES = [4, 8, 16]


def grid_of(image_shape, **options):
    shapes = feature_map_shapes(image_shape, STRIDES)
    return AnchorGrid(shapes, STRIDES, **options)


def brute_force(boxes, shapes, grid):
    """Every box with every anchor there is. -> [N, L, T]"""
    best = np.zeros((len(boxes), len(shapes.scales), len(shapes.ratios)))
    for level, scale in enumerate(shapes.scales):
        for index, ratio in enumerate(shapes.ratios):
            anchors = level_anchors(
                scale,
                [ratio],
                grid.feature_shapes[level],
                grid.feature_strides[level],
                grid.anchor_stride,
                round_anchors=grid.round_anchors,
            )
            best[:, level, index] = pairwise_iou(boxes, anchors).max(axis=1)
    return best


def random_boxes(rng, count, height, width):
    """Whole boxes of all sizes, some over the edges, some of a single pixel."""
    start = rng.uniform(-10, [height, width], (count, 2))
    sides = 2 ** rng.uniform(0, 7.5, (count, 2))
    return np.rint(np.concatenate([start, start + np.maximum(sides, 1)], axis=1))


def test_an_anchor_on_its_own_place_fits_wholly():
    ious = best_anchor_ious([[24, 24, 40, 40]], SHAPES, grid_of((64, 64)))
    assert ious.shape == (1, 3, 3)
    # 16 x 16 in the middle of 32 x 32, and of 64 x 64.
    np.testing.assert_allclose(ious[0, :, 1], [1, 256 / 1024, 256 / 4096])


def test_a_box_between_two_centres_takes_the_nearer():
    shapes, grid = AnchorShapes((16.0,), (1.0,)), AnchorGrid(np.array([[8, 8]]), [8])
    # Moved 3 down and 1 right from the anchor about (16, 16): 13 x 15 pixels shared.
    ious = best_anchor_ious([[11, 9, 27, 25]], shapes, grid)
    assert ious[0, 0, 0] == pytest.approx(13 * 15 / (2 * 256 - 13 * 15))


@pytest.mark.parametrize("round_anchors", [True, False])
@pytest.mark.parametrize("anchor_stride", [1, 2])
@pytest.mark.parametrize("image_shape", [(128, 192), (64, 64), (100, 130)])
def test_it_is_the_maximum_over_all_anchors(
    rng, image_shape, anchor_stride, round_anchors
):
    grid = grid_of(
        image_shape, anchor_stride=anchor_stride, round_anchors=round_anchors
    )
    boxes = random_boxes(rng, 300, *image_shape)
    expected = brute_force(boxes, SHAPES, grid)
    found = best_anchor_ious(boxes, SHAPES, grid)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert expected.max() > 0.5


def test_each_box_can_have_an_image_of_its_own_shape(rng):
    boxes = random_boxes(rng, 2, 64, 64) + 100
    small, large = (grid_of(shape).feature_shapes for shape in ((64, 64), (256, 256)))
    both = AnchorGrid(np.stack([small, large]), STRIDES)
    ious = best_anchor_ious(boxes, SHAPES, both)
    for row, shapes in enumerate((small, large)):
        alone = best_anchor_ious(boxes[row], SHAPES, AnchorGrid(shapes, STRIDES))
        np.testing.assert_array_equal(ious[row], alone[0])


def test_a_level_alone_is_that_level_of_all(rng):
    boxes, grid = random_boxes(rng, 20, 128, 128), grid_of((128, 128))
    alone = best_anchor_ious(
        boxes, AnchorShapes((32.0,), SHAPES.ratios), grid.take_levels([1])
    )
    np.testing.assert_array_equal(
        alone[:, 0], best_anchor_ious(boxes, SHAPES, grid)[:, 1]
    )


def test_no_boxes_and_boxes_without_area():
    grid = grid_of((64, 64))
    assert best_anchor_ious(np.zeros((0, 4)), SHAPES, grid).shape == (0, 3, 3)
    assert not best_anchor_ious([[0, 0, 0, 0], [9, 9, 5, 20]], SHAPES, grid).any()


def test_the_score_is_the_mean_of_two_shares_and_the_mean():
    ious = [0.4, 0.5, 0.6, 0.9]
    assert fit_score(ious) == pytest.approx((3 / 4 + 1 / 4 + 2.4 / 4) / 3)
    assert fit_score([]) == 0
    assert fit_score(ious, 0.75) == fit_score(ious)
    assert fit_score(ious, 0.76) < fit_score([0.0] * 4)
