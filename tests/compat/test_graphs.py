"""Parts of the network as functions: shapes, layer names, and what they compute."""

import keras
import numpy as np
import pytest

from mrcnn.compat import graphs
from mrcnn.compat.layers import DetectionLayer
from tests.compat.test_layers import (
    LayersConfig,
    detection_inputs,
    meta,
    target_inputs,
)


def shapes_of(tensors):
    return [None if one is None else tuple(one.shape) for one in tensors]


def test_resnet_gives_its_five_stages():
    image = keras.Input((64, 96, 3))
    stages = graphs.resnet_graph(image, "resnet50")
    expected = [(16, 24, 64), (16, 24, 256), (8, 12, 512), (4, 6, 1024)]
    assert shapes_of(stages) == [*[(None, *shape) for shape in expected], None]
    *_, last = graphs.resnet_graph(image, "resnet50", stage5=True, train_bn=False)
    assert last.shape == (None, 2, 3, 2048)
    with pytest.raises(ValueError, match="vgg16"):
        graphs.resnet_graph(image, "vgg16")


def test_an_identity_block_keeps_the_shape_and_names_its_layers():
    features = keras.Input((6, 8, 16))
    output = graphs.identity_block(features, 3, [4, 4, 16], stage=3, block="b")
    assert output.shape == (None, 6, 8, 16)
    model = keras.Model(features, output)
    names = {layer.name for layer in model.layers}
    assert {"res3b_branch2a", "bn3b_branch2c", "res3b_out"} <= names
    assert "res3b_branch1" not in names
    assert model.get_layer("res3b_branch2b").kernel_size == (3, 3)


def test_a_conv_block_strides_in_its_first_convolution_and_its_shortcut():
    features = keras.Input((6, 8, 16))
    output = graphs.conv_block(
        features, 3, [4, 4, 32], stage=4, block="a", use_bias=False, train_bn=False
    )
    assert output.shape == (None, 3, 4, 32)
    model = keras.Model(features, output)
    strides = {
        layer.name: layer.strides
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    }
    assert strides == {
        "res4a_branch2a": (2, 2),
        "res4a_branch2b": (1, 1),
        "res4a_branch2c": (1, 1),
        "res4a_branch1": (2, 2),
    }
    assert not model.get_layer("res4a_branch1").use_bias
    assert model.get_layer("bn4a_branch1").frozen


def test_the_rpn_is_a_model_of_three_outputs():
    model = graphs.build_rpn_model(anchor_stride=2, anchors_per_location=3, depth=8)
    assert model.name == "rpn_model"
    assert model.inputs[0].name == "input_rpn_feature_map"
    outputs = model(np.ones((1, 4, 6, 8), "float32"))
    assert shapes_of(outputs) == [(1, 18, 2), (1, 18, 2), (1, 18, 4)]

    features = keras.Input((4, 6, 8))
    outputs = graphs.rpn_graph(features, 3, 1)
    assert isinstance(outputs, list)
    assert shapes_of(outputs) == [(None, 72, 2), (None, 72, 2), (None, 72, 4)]


def head_inputs():
    features = [keras.Input((side, side, 4)) for side in (16, 8, 4, 2)]
    return keras.Input((5, 4)), features, keras.Input((15,))


def test_the_box_head_scores_every_roi():
    rois, features, image_meta = head_inputs()
    outputs = graphs.fpn_classifier_graph(
        rois, features, image_meta, 7, 3, train_bn=False, fc_layers_size=8
    )
    assert shapes_of(outputs) == [(None, 5, 3), (None, 5, 3), (None, 5, 3, 4)]
    model = keras.Model([rois, *features, image_meta], list(outputs))
    names = {layer.name for layer in model.layers}
    assert {"roi_align_classifier", "mrcnn_class_conv1", "mrcnn_bbox_fc"} <= names
    assert not model.get_layer("roi_align_classifier").sample_bins
    arrays = [np.full((1, 5, 4), 0.5, "float32")]
    arrays += [np.ones((1, side, side, 4), "float32") for side in (16, 8, 4, 2)]
    _, probs, _ = model([*arrays, meta(1)])
    np.testing.assert_allclose(np.sum(probs, axis=-1), np.ones((1, 5)), rtol=1e-5)


def test_the_mask_head_makes_a_patch_for_every_class():
    rois, features, image_meta = head_inputs()
    patches = graphs.build_fpn_mask_graph(rois, features, image_meta, 14, 3)
    assert patches.shape == (None, 5, 28, 28, 3)
    model = keras.Model([rois, *features, image_meta], patches)
    names = {layer.name for layer in model.layers}
    assert {"roi_align_mask", "mrcnn_mask_conv4", "mrcnn_mask"} <= names


def test_targets_of_one_image_have_no_batch_axis():
    image = [one[0] for one in target_inputs()]
    targets = graphs.detection_targets_graph(*image, LayersConfig())
    assert shapes_of(targets) == [(6, 4), (6,), (6, 4), (6, 28, 28)]
    assert np.asarray(targets[1]).tolist() == [2, 2, 0, 0, 0, 0]


def test_detections_of_one_image_are_clipped_to_a_normalized_window():
    rois, probs, deltas, image_meta = (one[0] for one in detection_inputs())
    config = LayersConfig()
    window = np.array([0, 0, 1, 0.5])
    detections = graphs.refine_detections_graph(rois, probs, deltas, window, config)
    assert detections.shape == (10, 6)
    # The window of the metas is this one in pixels.
    batch = [one[None] for one in (rois, probs, deltas, image_meta)]
    np.testing.assert_allclose(detections, DetectionLayer(config)(batch)[0], atol=1e-6)
    assert np.asarray(detections)[1, 3] == pytest.approx(0.5)
