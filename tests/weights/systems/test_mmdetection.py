"""MMDetection's names."""

from mrcnn.weights.systems.mmdetection import MMDETECTION, MMDETECTION_CONV_HEAD
from mrcnn.weights.systems.rules import convert_state
from tests.weights.systems.canonical import (
    assert_same,
    export,
    make_detector,
    resnet_modules,
    with_conv_head,
    without_background,
)

BOX, MASK = "roi_head.bbox_head.", "roi_head.mask_head."


def modules(**other):
    named = resnet_modules("backbone.") | {
        "rpn_conv_shared": "rpn_head.rpn_conv",
        "rpn_class_raw": "rpn_head.rpn_cls",
        "rpn_bbox_pred": "rpn_head.rpn_reg",
        "mrcnn_class_conv1": BOX + "shared_fcs.0",
        "mrcnn_class_conv2": BOX + "shared_fcs.1",
        "mrcnn_class_logits": BOX + "fc_cls",
        "mrcnn_bbox_fc": BOX + "fc_reg",
        "mrcnn_mask_deconv": MASK + "upsample",
        "mrcnn_mask": MASK + "conv_logits",
    }
    for index in range(4):
        level = index + 2
        named[f"fpn_c{level}p{level}"] = f"neck.lateral_convs.{index}.conv"
        named[f"fpn_p{level}"] = f"neck.fpn_convs.{index}.conv"
        named[f"mrcnn_mask_conv{index + 1}"] = f"{MASK}convs.{index}.conv"
    return named | other


def test_every_number_arrives_in_its_place(rng):
    weights = without_background(make_detector(rng))
    state = export(weights, modules(), background_last=True)
    named, unknown = convert_state(state, MMDETECTION)
    assert_same(named, weights)
    assert unknown == ()


def test_a_box_head_of_convolutions_has_its_dense_layer_behind_them(rng):
    weights = without_background(with_conv_head(make_detector(rng), rng))
    names = {"mrcnn_class_fc1": BOX + "shared_fcs.0"}
    for index in range(4):
        names[f"mrcnn_class_conv{index + 1}"] = f"{BOX}shared_convs.{index}.conv"
        names[f"mrcnn_class_bn{index + 1}"] = f"{BOX}shared_convs.{index}.bn"
    state = export(weights, modules(**names), background_last=True)
    assert_same(convert_state(state, MMDETECTION_CONV_HEAD).named, weights)
