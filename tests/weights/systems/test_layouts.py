"""Layouts of single tensors, on numbers that tell where they come from."""

import numpy as np
import pytest

from mrcnn.weights.systems import layouts
from mrcnn.weights.systems.layouts import Widths

WIDTHS = Widths(roi_channels=2, num_classes=3)


def test_a_convolution_has_its_output_channels_last():
    values = np.zeros((5, 4, 3, 2))
    values[1, 2, 0, 1] = 7
    kernel = layouts.conv_kernel(values, WIDTHS)
    assert kernel.shape == (3, 2, 4, 5)
    assert kernel[0, 1, 2, 1] == 7


def test_a_transposed_convolution_has_its_outputs_before_its_inputs():
    values = np.zeros((5, 4, 2, 2))
    values[1, 2, 0, 1] = 7  # from channel 1 to channel 2
    kernel = layouts.transposed_conv_kernel(values, WIDTHS)
    assert kernel.shape == (2, 2, 4, 5)
    assert kernel[0, 1, 2, 1] == 7


def test_a_dense_layer_over_flat_features_unfolds_channel_by_channel():
    values = np.arange(2 * 9.0)[None]  # one output; numbers 9 to 17 are channel 1
    kernel = layouts.flat_kernel(values, WIDTHS)
    assert kernel.shape == (3, 3, 2, 1)
    assert kernel[0, 0, 1, 0] == 9
    assert kernel[1, 2, 0, 0] == 5


def test_a_dense_layer_and_a_1x1_convolution_are_alike():
    values = np.arange(6.0).reshape(2, 3)
    kernel = layouts.dense_kernel(values, WIDTHS)
    np.testing.assert_array_equal(kernel, values.T)
    np.testing.assert_array_equal(
        layouts.dense_kernel(values[:, :, None, None], WIDTHS), kernel
    )
    np.testing.assert_array_equal(
        layouts.pointwise_kernel(values, WIDTHS), kernel[None, None]
    )


@pytest.mark.parametrize("convert", [layouts.flat_kernel, layouts.pointwise_kernel])
def test_a_convolution_in_place_of_a_dense_layer_stays_one(convert):
    values = np.arange(5 * 4 * 9.0).reshape(5, 4, 3, 3)
    np.testing.assert_array_equal(
        convert(values, WIDTHS), layouts.conv_kernel(values, WIDTHS)
    )


def test_a_layer_here_tells_how_its_weights_lie_elsewhere():
    def leaves(layer, **options):
        return set(layouts.layout_of_layer(layer, **options))

    for norm in ("bn_conv1", "bn2a_branch1", "fpn_c2p2_bn", "mrcnn_mask_bn1"):
        assert "running_mean" in leaves(norm)
    for layer in ("conv1", "rpn_class_raw", "mrcnn_mask", "mrcnn_bbox_fc"):
        assert leaves(layer) == leaves(layer, background_last=True)
        assert leaves(layer) == {"weight", "bias"}
    bias = np.array([1.0, 2.0, 0.0])
    first, last = (
        layouts.layout_of_layer("mrcnn_class_logits", background_last=is_last)["bias"]
        for is_last in (False, True)
    )
    np.testing.assert_array_equal(first.convert(bias, WIDTHS), [1, 2, 0])
    np.testing.assert_array_equal(last.convert(bias, WIDTHS), [0, 1, 2])


def test_boxes_of_anchors_run_from_the_vertical_to_the_horizontal():
    boxes = layouts.anchor_boxes(np.arange(8.0), WIDTHS)
    np.testing.assert_array_equal(boxes, [1, 0, 3, 2, 5, 4, 7, 6])


def test_a_last_background_comes_first():
    rows = layouts.background_first(np.array([[1.0], [2.0], [0.0]]), WIDTHS)
    np.testing.assert_array_equal(rows, [[0], [1], [2]])


def test_a_background_without_rows_gets_zeros():
    masks = layouts.without_background(np.array([[1.0], [2.0]]), WIDTHS)
    np.testing.assert_array_equal(masks, [[0], [1], [2]])

    boxes = layouts.class_boxes_without_background(np.arange(8.0), WIDTHS)
    np.testing.assert_array_equal(boxes, [0, 0, 0, 0, 1, 0, 3, 2, 5, 4, 7, 6])


@pytest.mark.parametrize(
    "convert", [layouts.class_boxes, layouts.class_boxes_without_background]
)
def test_a_box_that_all_classes_share_stays_alone(convert):
    np.testing.assert_array_equal(convert(np.arange(4.0), WIDTHS), [1, 0, 3, 2])


def test_of_two_boxes_for_more_classes_the_second_is_shared():
    boxes = layouts.class_boxes(np.arange(8.0), WIDTHS)
    np.testing.assert_array_equal(boxes, [5, 4, 7, 6])


def test_two_boxes_for_two_classes_are_one_for_each():
    boxes = layouts.class_boxes(np.arange(8.0), Widths(2, num_classes=2))
    np.testing.assert_array_equal(boxes, [1, 0, 3, 2, 5, 4, 7, 6])
