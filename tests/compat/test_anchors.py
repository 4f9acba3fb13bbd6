"""matterport's anchor functions and RPN targets: its parameters and numbers."""

from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.compat.anchors import (
    build_rpn_targets,
    compute_backbone_shapes,
    generate_anchors,
    generate_pyramid_anchors,
)
from mrcnn.geometry.boxes import decode_boxes, normalize_boxes
from mrcnn.geometry.matching import NEGATIVE, NEUTRAL, POSITIVE

SCALES = (32, 64, 128, 256, 512)
STRIDES = [4, 8, 16, 32, 64]
IMAGE_SHAPE = (64, 64, 3)


def config_with(**knobs):
    defaults = {
        "BACKBONE": "resnet50",
        "BACKBONE_STRIDES": STRIDES,
        "RPN_TRAIN_ANCHORS_PER_IMAGE": 8,
        "RPN_POSITIVE_IOU": 0.7,
        "RPN_NEGATIVE_IOU": 0.3,
        "RPN_POSITIVE_RATIO": 0.5,
        "CROWD_IOU": 0.001,
        "RPN_FORCED_MIN_IOU": 0.0,
        "RPN_FORCED_KEEP_OWN": False,
        "RPN_BBOX_STD_DEV": np.array([0.1, 0.1, 0.2, 0.2]),
    }
    return SimpleNamespace(**{**defaults, **knobs})


@pytest.fixture
def anchors():
    """A chessboard of 16 x 16 boxes that cover 64 x 64 pixels."""
    return generate_anchors(16, [1], (4, 4), 16, 1) + 8.0


def test_anchors_of_a_level_are_not_rounded():
    anchors = generate_anchors([8], [0.5], (1, 2), 4, 1)
    high, wide = 8 / 0.5**0.5 / 2, 8 * 0.5**0.5 / 2
    expected = [[-high, -wide, high, wide], [-high, 4 - wide, high, 4 + wide]]
    np.testing.assert_allclose(anchors, expected)


def test_a_level_goes_through_ratios_then_scales():
    anchors = generate_anchors([8, 16], [1, 4], (1, 1), 4, 1)
    sides = (anchors[:, 2:] - anchors[:, :2]).tolist()
    assert sides == [[8, 8], [16, 16], [4, 16], [8, 32]]


def test_the_pyramid_equals_matterports_exactly(golden_matterport):
    shapes = compute_backbone_shapes(config_with(), (256, 256, 3))
    anchors = generate_pyramid_anchors(SCALES, [0.5, 1, 2], shapes, STRIDES, 1)
    normalized = normalize_boxes(anchors, (256, 256), edge_shift=1)
    np.testing.assert_array_equal(
        normalized.astype("float32"), golden_matterport["anchors"]
    )


def test_map_shapes_follow_the_strides():
    shapes = compute_backbone_shapes(config_with(), (64, 320, 3))
    expected = [[16, 80], [8, 40], [4, 20], [2, 10], [1, 5]]
    np.testing.assert_array_equal(shapes, expected)


def test_a_backbone_of_ones_own_brings_its_map_shapes():
    config = config_with(
        BACKBONE=lambda image: image,
        COMPUTE_BACKBONE_SHAPE=lambda shape: [[shape[0] // 2, shape[1] // 2]],
    )
    assert compute_backbone_shapes(config, (64, 32, 3)) == [[32, 16]]


def test_targets_of_one_object(anchors):
    gt_boxes = np.array([[16, 16, 32, 36]])  # anchor 5, four pixels wider
    config = config_with()
    match, deltas = build_rpn_targets(
        IMAGE_SHAPE, anchors, np.array([1]), gt_boxes, config
    )
    assert match.dtype == np.int32
    assert match.shape == (16,)
    assert deltas.dtype == np.float64
    assert deltas.shape == (8, 4)
    assert np.flatnonzero(match == POSITIVE).tolist() == [5]
    assert (match == NEGATIVE).sum() == 7
    assert (match == NEUTRAL).sum() == 8
    expected = [0, (26 - 24) / 16 / 0.1, 0, np.log(20 / 16) / 0.2]
    np.testing.assert_allclose(deltas[0], expected, atol=1e-12)
    assert not deltas[1:].any()


def test_row_i_of_the_deltas_belongs_to_the_i_th_positive_anchor(anchors):
    gt_boxes = np.array([[48, 48, 64, 60], [16, 0, 32, 14], [0, 0, 16, 15]])
    config = config_with()
    match, deltas = build_rpn_targets(
        IMAGE_SHAPE, anchors, np.array([1, 2, 3]), gt_boxes, config
    )
    positives = np.flatnonzero(match == POSITIVE)
    assert positives.tolist() == [0, 4, 15]
    boxes = decode_boxes(deltas[:3] * config.RPN_BBOX_STD_DEV, anchors[positives])
    np.testing.assert_allclose(boxes, gt_boxes[::-1], atol=1e-9)


def test_a_forced_anchor_leads_to_the_box_that_took_it():
    anchors = np.array([[0.0, 0, 10, 10], [0, 0, 10, 9]])
    gt_boxes = np.array([[0, 0, 10, 8], [0, 9, 10, 10]])
    config = config_with()
    _, deltas = build_rpn_targets(
        IMAGE_SHAPE, anchors, np.array([1, 2]), gt_boxes, config
    )
    boxes = decode_boxes(deltas[:2] * config.RPN_BBOX_STD_DEV, anchors)
    np.testing.assert_allclose(boxes, gt_boxes[::-1], atol=1e-9)


@pytest.mark.parametrize("gt_boxes", [np.zeros((0, 4)), []])
def test_an_image_without_objects_is_all_background(anchors, gt_boxes):
    match, deltas = build_rpn_targets(IMAGE_SHAPE, anchors, [], gt_boxes, config_with())
    assert (match == NEGATIVE).sum() == 8
    assert not (match == POSITIVE).any()
    assert not deltas.any()


def test_positives_take_at_most_their_share(anchors):
    config = config_with(RPN_POSITIVE_RATIO=0.25)
    gt_class_ids = np.ones(16, int)
    match, deltas = build_rpn_targets(
        IMAGE_SHAPE, anchors, gt_class_ids, anchors, config
    )
    assert (match == POSITIVE).sum() == 2
    assert not deltas.any()


def test_anchors_in_a_crowd_are_neutral(anchors):
    match, _ = build_rpn_targets(
        IMAGE_SHAPE,
        anchors,
        np.array([-1]),
        np.array([[0, 0, 64, 32]]),
        config_with(RPN_TRAIN_ANCHORS_PER_IMAGE=100),
    )
    chessboard = match.reshape(4, 4)
    assert (chessboard[:, :2] == NEUTRAL).all()
    assert (chessboard[:, 2:] == NEGATIVE).all()


def test_numpys_seed_decides_the_draw(anchors):
    draws = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        match, _ = build_rpn_targets(IMAGE_SHAPE, anchors, [], [], config_with())
        draws.append(match.tolist())
    assert draws[0] == draws[1] != draws[2]


def test_what_a_gt_box_takes_for_itself_is_as_the_config_says(anchors):
    small = np.array([[0, 0, 4, 4]])  # IoU 16 / 256 with one anchor

    def num_positives(**knobs):
        match, _ = build_rpn_targets(
            IMAGE_SHAPE, anchors, np.array([1]), small, config_with(**knobs)
        )
        return (match == POSITIVE).sum()

    assert num_positives() == 1
    assert num_positives(RPN_FORCED_MIN_IOU=0.3) == 0
