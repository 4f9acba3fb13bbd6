"""From knobs to the arguments of the parts."""

import keras
import numpy as np
import pytest

from mrcnn import network_layers
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.network_layers import confidence_by_class
from tests.small_configs import TinyConfig


def test_confidence_is_one_number_or_one_for_each_class():
    config = TinyConfig()
    assert confidence_by_class(config, None) == 0.0
    config.DETECTION_MIN_CONFIDENCE = {2: 0.5, "cat": 0.25}
    thresholds = confidence_by_class(config, ["BG", "cat", "dog"])
    assert thresholds == (0.7, 0.25, 0.5)
    with pytest.raises(ValueError, match="names the class 'cat'"):
        confidence_by_class(config, None)


def test_the_geometry_reaches_the_layers_that_differ():
    config = TinyConfig()
    for geometry, is_aligned in (("aligned", True), ("matterport", False)):
        align = network_layers.roi_align(config, geometry, 7, "roi_align_classifier")
        assert align.sample_bins == is_aligned
        assert align.round_fpn_level != is_aligned
        assert not align.half_pixel
        select = network_layers.detection_layer(config, geometry, None)
        assert select.edge_shift == (0 if is_aligned else 1)


def test_thresholds_reach_their_layers():
    config = TinyConfig()
    config.RPN_NMS_THRESHOLD, config.RPN_MIN_SIZE = 0.65, 3
    config.BBOX_STD_DEV = np.array([1, 2, 3, 4])
    propose = network_layers.proposal_layer(config, "aligned")
    assert (propose.nms_threshold, propose.min_size) == (0.65, 3)
    select = network_layers.detection_layer(config, "aligned", None)
    assert select.delta_std == (1, 2, 3, 4)


def test_class_agnostic_heads_predict_once_for_all_classes():
    config = TinyConfig()
    config.CLASS_AGNOSTIC_BOXES = config.CLASS_AGNOSTIC_MASKS = True
    features = np.zeros((1, 5, 7, 7, 16), "float32")
    _, _, deltas = network_layers.box_head(config)(features)
    assert deltas.shape == (1, 5, 1, 4)
    features = np.zeros((1, 5, 14, 14, 16), "float32")
    assert network_layers.mask_head(config)(features).shape == (1, 5, 28, 28, 1)


def test_the_choices_of_systems_reach_their_parts():
    config = TinyConfig()
    config.RPN_CHANNELS, config.RPN_NUM_CONVS = 8, 2
    config.RPN_OBJECTNESS = "sigmoid"
    head = network_layers.rpn_head(config)
    assert head.get_layer("rpn_conv_shared2").kernel.shape == (3, 3, 8, 8)
    assert head.get_layer("rpn_class_raw").kernel.shape == (1, 1, 8, 3)

    config.RPN_PER_LEVEL = config.RPN_CLIP_TO_WINDOW = True
    propose = network_layers.proposal_layer(config, "aligned")
    assert (propose.per_level, propose.clip_to_window) == (True, True)

    config.ROI_HALF_PIXEL = True
    assert network_layers.roi_align(config, "aligned", 7, "align").half_pixel

    config.BOX_HEAD, config.MASK_HEAD_NORM = "2fc", False
    boxes, masks = network_layers.box_head(config), network_layers.mask_head(config)
    layers = [*boxes.hidden, *masks.hidden]
    assert not [layer for layer in layers if isinstance(layer, BatchNorm)]


def test_the_style_of_backbone_and_pyramid_is_the_configs():
    config = TinyConfig()
    config.BACKBONE = "resnet50"
    config.STRIDE_IN_1X1 = config.BIAS_BEFORE_NORM = config.TRAIN_BN = False
    config.SYMMETRIC_PADDING = config.FPN_NORM = True
    config.NORM_EPSILON = 0.5
    image = keras.Input((64, 64, 3))
    levels = network_layers.pyramid(config, network_layers.stages(config, image))
    model = keras.Model(image, levels)
    conv = model.get_layer("res3a_branch2b")
    assert (conv.strides, conv.padding, conv.use_bias) == ((2, 2), "valid", False)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert {(norm.epsilon, norm.frozen) for norm in norms} == {(0.5, True)}
    assert model.get_layer("fpn_p2_bn") in norms
    assert not [weight for weight in model.weights if weight.name == "bias"]
