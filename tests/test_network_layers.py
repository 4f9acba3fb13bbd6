"""From knobs to the arguments of the parts."""

import keras
import numpy as np
import pytest

from mrcnn import network_layers
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.roi_pool import PyramidROIPool
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
    head = network_layers.rpn_head(config, 16)
    assert head.get_layer("rpn_conv_shared2").kernel.shape == (3, 3, 8, 8)
    assert head.get_layer("rpn_class_raw").kernel.shape == (1, 1, 8, 3)

    config.RPN_PER_LEVEL = config.RPN_CLIP_TO_WINDOW = True
    propose = network_layers.proposal_layer(config, "aligned")
    assert (propose.per_level, propose.clip_to_window) == (True, True)

    config.ROI_HALF_PIXEL, config.ROI_BIN_SAMPLES = True, 3
    align = network_layers.roi_align(config, "aligned", 7, "align")
    assert (align.half_pixel, align.bin_samples) == (True, 3)

    config.BOX_HEAD, config.MASK_HEAD_NORM = "2fc", False
    config.BOX_HEAD_DROPOUT = 0.25
    boxes, masks = network_layers.box_head(config), network_layers.mask_head(config)
    layers = [*boxes.hidden, *masks.hidden]
    assert not [layer for layer in layers if isinstance(layer, BatchNorm)]
    dropouts = [x for x in layers if isinstance(x, keras.layers.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.25, 0.25]


def test_a_backbone_sees_colours_in_the_order_of_the_config(rng):
    def backbone(image, **_):
        return [image] * 4

    config = TinyConfig()
    config.BACKBONE = backbone
    image = rng.normal(size=(1, 64, 64, 3)).astype("float32")
    for order, expected in (("RGB", image), ("BGR", image[..., ::-1])):
        config.IMAGE_CHANNEL_ORDER = order
        stages = network_layers.stages(config, keras.ops.convert_to_tensor(image))
        np.testing.assert_array_equal(stages[0], expected)


def test_the_style_of_backbone_and_pyramid_is_the_configs():
    config = TinyConfig()
    config.BACKBONE = "resnet50"
    config.STRIDE_IN_1X1 = config.BIAS_BEFORE_NORM = config.TRAIN_BN = False
    config.SYMMETRIC_PADDING = config.FPN_NORM = True
    config.NORM_EPSILON = 0.5
    image = keras.Input((64, 64, 3))
    levels = network_layers.levels(config, network_layers.stages(config, image))
    model = keras.Model(image, levels)
    conv = model.get_layer("res3a_branch2b")
    assert (conv.strides, conv.padding, conv.use_bias) == ((2, 2), "valid", False)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert {(norm.epsilon, norm.frozen) for norm in norms} == {(0.5, True)}
    assert model.get_layer("fpn_p2_bn") in norms
    assert not [weight for weight in model.weights if weight.name == "bias"]


def test_levels_are_as_many_as_strides_and_made_as_the_config_says():
    config = TinyConfig()
    image = keras.Input((128, 128, 3))
    stages = network_layers.stages(config, image)
    assert len(network_layers.levels(config, stages)) == 5
    config.BACKBONE_STRIDES, config.EXTRA_LEVELS = [4, 8, 16, 32, 64, 128], "conv_c5"
    config.ZERO_INIT_LATERALS = True
    levels = network_layers.levels(config, stages)
    assert [level.shape[1] for level in levels] == [32, 16, 8, 4, 2, 1]
    model = keras.Model(image, levels)
    assert model.get_layer("fpn_p6").kernel.shape == (3, 3, 512, 16)
    assert model.get_layer("fpn_p7").kernel.shape == (3, 3, 16, 16)
    assert not np.any(model.get_layer("fpn_c2p2").kernel)
    assert np.any(model.get_layer("fpn_c5p5").kernel)


@pytest.mark.parametrize(
    ("knobs", "stride", "channels"),
    [
        ({"FEATURES": "C4"}, 16, 256),
        ({"FEATURES": "C4", "STEM_STRIDE": 2}, 8, 256),
        ({"FEATURES": "C5"}, 32, 512),
        ({"FEATURES": "C5", "DILATED_STAGE5": True}, 16, 512),
    ],
)
def test_a_single_map_may_stand_for_the_pyramid(knobs, stride, channels):
    config = TinyConfig()
    for name, value in knobs.items():
        setattr(config, name, value)
    image = keras.Input((128, 128, 3))
    stages = network_layers.stages(config, image)
    (level,) = network_layers.levels(config, stages)
    assert level.shape == (None, 128 // stride, 128 // stride, channels)
    config.RPN_ANCHOR_SCALES = (16, 32)
    head = network_layers.rpn_head(config, channels)
    assert head.get_layer("rpn_bbox_pred").kernel.shape[-1] == 2 * 3 * 4


def test_rois_may_take_features_from_the_finest_level_alone():
    config, levels = TinyConfig(), ["p2", "p3", "p4", "p5", "p6"]
    assert network_layers.roi_levels(config, levels) == ["p2", "p3", "p4", "p5"]
    config.ROI_NUM_LEVELS = 1
    assert network_layers.roi_levels(config, levels) == ["p2"]


def test_rois_may_be_pooled_by_their_maxima():
    config = TinyConfig()
    config.ROI_POOLING, config.ROI_CANONICAL_SCALE = "max", 100
    layer = network_layers.roi_align(config, "aligned", 7, "roi_align_mask", True)
    assert isinstance(layer, PyramidROIPool)
    assert (layer.name, layer.pool_shape) == ("roi_align_mask", (7, 7))
    assert (layer.canonical_scale, layer.portable) == (100, True)


def test_the_mask_head_is_the_configs_or_none():
    config = TinyConfig()
    config.MASK_HEAD, config.MASK_SHAPE = "fc", [5, 6]
    features = np.zeros((1, 2, 14, 14, 16), "float32")
    head = network_layers.mask_head(config)
    assert head(features).shape == (1, 2, 5, 6, 3)
    assert head.hidden[1].units == config.FPN_CLASSIF_FC_LAYERS_SIZE
    config.MASK_BRANCH = False
    assert network_layers.mask_head(config) is None
