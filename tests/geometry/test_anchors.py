"""Anchors against graph paper and against two other systems."""

import numpy as np
import pytest

from mrcnn.geometry.anchors import (
    backbone_map_shapes,
    cell_anchors,
    feature_map_shapes,
    level_anchors,
    level_strides,
    pyramid_anchors,
)
from mrcnn.geometry.boxes import box_area, normalize_boxes

SCALES = (32, 64, 128, 256, 512)
STRIDES = (4, 8, 16, 32, 64)


def test_an_anchor_has_the_area_of_its_scale_and_its_ratio_of_width_to_height():
    # 16 * 4 == 8 * 8 and 16 / 4 == 4
    anchors = cell_anchors(8, [4, 1, 0.25], round_anchors=False)
    expected = [[-2, -8, 2, 8], [-4, -4, 4, 4], [-8, -2, 8, 2]]
    np.testing.assert_allclose(anchors, expected)
    np.testing.assert_allclose(box_area(anchors), [64] * 3)


def test_a_cell_goes_through_its_ratios_and_for_each_through_its_scales():
    anchors = cell_anchors([8, 16], [1, 4], round_anchors=False)
    sides = (anchors[:, 2:] - anchors[:, :2]).tolist()
    assert sides == [[8, 8], [16, 16], [4, 16], [8, 32]]


def test_rounding_moves_corners_to_whole_pixels():
    # 32 / sqrt(2) / 2 == 11.3 and 32 * sqrt(2) / 2 == 22.6
    anchors = cell_anchors(32, [0.5], round_anchors=True)
    np.testing.assert_array_equal(anchors, [[-23, -11, 23, 11]])


def test_a_level_goes_row_by_row_from_the_upper_left_corners_of_its_cells():
    anchors = level_anchors(2, [1], (2, 3), 10, round_anchors=False)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    rows = [[0, 0], [0, 10], [0, 20], [10, 0], [10, 10], [10, 20]]
    np.testing.assert_array_equal(centers, rows)


def test_the_anchors_of_a_cell_stand_together():
    anchors = level_anchors([2, 4], [1], (1, 2), 10, round_anchors=False)
    expected = [[-1, -1, 1, 1], [-2, -2, 2, 2], [-1, 9, 1, 11], [-2, 8, 2, 12]]
    np.testing.assert_array_equal(anchors, expected)


def test_strides_may_differ_along_the_axes():
    anchors = level_anchors(2, [1], (2, 2), (10, 7), round_anchors=False)
    np.testing.assert_array_equal(anchors[-1], [9, 6, 11, 8])


def test_an_anchor_stride_of_two_leaves_every_other_cell_out():
    every = level_anchors(2, [1], (4, 6), 10, round_anchors=False)
    some = level_anchors(2, [1], (4, 6), 10, 2, round_anchors=False)
    np.testing.assert_array_equal(
        some.reshape(2, 3, 4), every.reshape(4, 6, 4)[::2, ::2]
    )


def test_a_map_without_cells_has_no_anchors():
    assert level_anchors(2, [1, 2], (0, 5), 10, round_anchors=False).shape == (0, 4)


def test_the_pyramid_goes_level_by_level():
    pyramid = pyramid_anchors(
        (8, 16), [0.5, 1], [(4, 4), (2, 2)], (4, 8), round_anchors=False
    )
    fine = level_anchors(8, [0.5, 1], (4, 4), 4, round_anchors=False)
    coarse = level_anchors(16, [0.5, 1], (2, 2), 8, round_anchors=False)
    np.testing.assert_array_equal(pyramid, np.concatenate([fine, coarse]))
    assert pyramid.dtype == np.float64


def test_anchors_agree_with_the_plain_way():
    shapes, strides, scales, ratios = [(3, 5), (2, 3)], [4, 8], [10, 20], [0.5, 2]
    expected = []
    for (height, width), stride, scale in zip(shapes, strides, scales, strict=True):
        for y in range(height):
            for x in range(width):
                for ratio in ratios:
                    h, w = scale / ratio**0.5 / 2, scale * ratio**0.5 / 2
                    cy, cx = y * stride, x * stride
                    expected.append([cy - h, cx - w, cy + h, cx + w])
    result = pyramid_anchors(scales, ratios, shapes, strides, round_anchors=False)
    np.testing.assert_allclose(result, expected)


def test_a_missing_level_is_an_error_that_names_the_knobs():
    with pytest.raises(ValueError, match=r"'scales': 1.*RPN_ANCHOR_SCALES"):
        pyramid_anchors((8,), [1], [(4, 4), (2, 2)], (4, 8), round_anchors=False)


@pytest.mark.parametrize(
    ("image_shape", "expected"),
    [
        ((1024, 1024, 3), [[256, 256], [128, 128], [64, 64], [32, 32], [16, 16]]),
        ((64, 320), [[16, 80], [8, 40], [4, 20], [2, 10], [1, 5]]),
        ((224, 256, 3), [[56, 64], [28, 32], [14, 16], [7, 8], [4, 4]]),
    ],
)
def test_maps_have_a_cell_for_every_stride_begun(image_shape, expected):
    result = feature_map_shapes(image_shape, STRIDES)
    np.testing.assert_array_equal(result, expected)
    assert np.issubdtype(result.dtype, np.integer)


def test_level_strides_are_the_networks_where_sides_divide():
    shapes = feature_map_shapes((64, 320), STRIDES)
    expected = [[s, s] for s in STRIDES]
    np.testing.assert_array_equal(level_strides((64, 320), shapes), expected)


def test_level_strides_shrink_where_a_map_was_rounded_up():
    np.testing.assert_array_equal(level_strides((224, 256), [(4, 4)]), [[56, 64]])


def test_anchors_equal_matterports_exactly(golden_matterport):
    shapes = feature_map_shapes((256, 256, 3), STRIDES)
    anchors = pyramid_anchors(SCALES, [0.5, 1, 2], shapes, STRIDES, round_anchors=False)
    normalized = normalize_boxes(anchors, (256, 256), edge_shift=1)
    np.testing.assert_array_equal(
        normalized.astype("float32"), golden_matterport["anchors"]
    )


def test_rounded_anchors_equal_torchvisions(golden_torchvision):
    shapes = feature_map_shapes((224, 256), STRIDES)
    strides = level_strides((224, 256), shapes)
    # Its ratios are height over width.
    anchors = pyramid_anchors(SCALES, [2, 1, 0.5], shapes, strides, round_anchors=True)
    np.testing.assert_allclose(
        anchors[:, [1, 0, 3, 2]], golden_torchvision["anchors"], atol=1e-4
    )


def test_a_backbone_that_is_a_function_has_maps_of_its_own():
    def compute(image_shape):
        return [[image_shape[0] // 2, 7]]

    for backbone, expected in [("resnet50", [[8, 16]]), (compute, [[32, 7]])]:
        shapes = backbone_map_shapes((64, 128), [8], backbone, compute)
        assert shapes.tolist() == expected
        assert shapes.dtype == np.int64
