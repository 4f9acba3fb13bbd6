"""matterport's losses on numbers that fit on paper."""

import math

import keras
import numpy as np
import pytest

from mrcnn.compat.losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)


def test_smooth_l1_is_a_parabola_up_to_one_and_a_line_beyond():
    loss = smooth_l1_loss(np.array([[0.0, 0.0, 0.0, 1.0]]), np.array([[0.5, -2, 1, 1]]))
    np.testing.assert_allclose(loss, [[0.5 * 0.5**2, 2 - 0.5, 0.5, 0]])


def test_neutral_anchors_do_not_count_for_the_class():
    match = np.array([[[1], [-1], [0]]], "int32")
    logits = np.array([[[0, 0], [math.log(3), 0], [50, -50]]])
    # Half for the object, three quarters for the background.
    expected = -(math.log(0.5) + math.log(0.75)) / 2
    assert float(rpn_class_loss_graph(match, logits)) == pytest.approx(expected)
    assert float(rpn_class_loss_graph(0 * match, logits)) == 0


def test_the_targets_are_of_the_positive_anchors_in_their_order():
    match = np.array([[[0], [1], [-1], [1]], [[1], [0], [0], [0]]], "int32")
    deltas = np.full((2, 4, 4), 9.0)
    deltas[0, 1] = [0.5, 0, 0, 0]
    deltas[0, 3] = [0, 3, 0, 0]
    deltas[1, 0] = [0, 0, 2, 0]
    targets = np.zeros((2, 3, 4))
    targets[0, 1] = [0, 1, 0, 0]
    # Errors of 0.5, 2 and 2, over the 12 coordinates of three positives.
    expected = (0.5 * 0.5**2 + 1.5 + 1.5) / 12
    loss = rpn_bbox_loss_graph(None, targets, match, deltas)
    assert float(loss) == pytest.approx(expected)


def test_without_positive_anchors_the_box_loss_is_zero():
    match = -np.ones((1, 2, 1), "int32")
    loss = rpn_bbox_loss_graph(None, np.zeros((1, 4, 4)), match, np.ones((1, 2, 4)))
    assert float(loss) == 0


def test_rois_whose_predicted_class_is_not_in_their_images_dataset_do_not_count():
    logits = np.zeros((2, 2, 3))
    logits[0, 0] = [0, math.log(2), 0]  # predicts 1: half, a quarter, a quarter
    logits[0, 1] = [0, 0, 7]  # predicts 2, which image 0 does not know
    logits[1, 0] = [0, 0, math.log(2)]  # predicts 2, which image 1 knows
    logits[1, 1] = [0, 7, 0]
    class_ids = np.array([[1, 0], [0, 0]], "int32")
    active = np.array([[1, 1, 0], [1, 0, 1]])
    loss = mrcnn_class_loss_graph(class_ids, logits, active)
    assert float(loss) == pytest.approx((-math.log(0.5) - math.log(0.25)) / 2)


def test_a_batch_without_active_classes_gives_zero_rather_than_nan():
    loss = mrcnn_class_loss_graph(
        np.array([[1]]), np.array([[[0.0, 1.0]]]), np.array([[0, 0]])
    )
    assert float(loss) == 0


def test_boxes_learn_from_the_deltas_of_the_target_class():
    class_ids = np.array([[2, 0]], "int32")
    deltas = np.full((1, 2, 3, 4), 9.0)
    deltas[0, 0, 2] = [1, 0.5, 0, 0]
    targets = np.zeros((1, 2, 4))
    loss = mrcnn_bbox_loss_graph(targets, class_ids, deltas)
    assert float(loss) == pytest.approx((0.5 + 0.5 * 0.5**2) / 4)
    assert float(mrcnn_bbox_loss_graph(targets, 0 * class_ids, deltas)) == 0


def test_masks_learn_from_the_patch_of_the_target_class():
    class_ids = np.array([[1, 0]], "int32")
    patches = np.full((1, 2, 2, 2, 2), 0.001)
    patches[0, 0, ..., 1] = [[0.5, 0.5], [0.5, 0.25]]
    targets = np.zeros((1, 2, 2, 2))
    targets[0, 0] = [[1, 1], [0, 1]]
    expected = -(3 * math.log(0.5) + math.log(0.25)) / 4
    loss = mrcnn_mask_loss_graph(targets, class_ids, patches)
    assert float(loss) == pytest.approx(expected)
    assert float(mrcnn_mask_loss_graph(targets, 0 * class_ids, patches)) == 0


def test_losses_take_symbolic_tensors_of_unknown_length(rng):
    match, deltas = keras.Input((None, 1), dtype="int32"), keras.Input((None, 4))
    targets = keras.Input((3, 4))
    loss = rpn_bbox_loss_graph(None, targets, match, deltas)
    model = keras.Model([targets, match, deltas], loss)
    arrays = [
        rng.normal(size=(1, 3, 4)),
        np.array([[[1], [0], [1], [-1], [1]]], "int32"),
        rng.normal(size=(1, 5, 4)),
    ]
    expected = rpn_bbox_loss_graph(None, *arrays)
    assert float(model(arrays)) == pytest.approx(float(expected), rel=1e-5)
