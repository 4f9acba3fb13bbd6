"""maskrcnn-benchmark's names."""

import numpy as np

from mrcnn.weights.systems.maskrcnn_benchmark import MASKRCNN_BENCHMARK
from mrcnn.weights.systems.rules import convert_state
from tests.weights.systems.canonical import (
    assert_same,
    export,
    make_detector,
    over_stage_4,
    resnet_modules,
)

BOX, MASK = "roi_heads.box.", "roi_heads.mask."


def modules(**other):
    named = resnet_modules("backbone.body.") | {
        "conv1": "backbone.body.stem.conv1",
        "bn_conv1": "backbone.body.stem.bn1",
        "rpn_conv_shared": "rpn.head.conv",
        "rpn_class_raw": "rpn.head.cls_logits",
        "rpn_bbox_pred": "rpn.head.bbox_pred",
        "mrcnn_class_conv1": BOX + "feature_extractor.fc6",
        "mrcnn_class_conv2": BOX + "feature_extractor.fc7",
        "mrcnn_class_logits": BOX + "predictor.cls_score",
        "mrcnn_bbox_fc": BOX + "predictor.bbox_pred",
        "mrcnn_mask_deconv": MASK + "predictor.conv5_mask",
        "mrcnn_mask": MASK + "predictor.mask_fcn_logits",
    }
    for number in (1, 2, 3, 4):
        level = number + 1
        named[f"fpn_c{level}p{level}"] = f"backbone.fpn.fpn_inner{number}"
        named[f"fpn_p{level}"] = f"backbone.fpn.fpn_layer{number}"
        named[f"mrcnn_mask_conv{number}"] = f"{MASK}feature_extractor.mask_fcn{number}"
    return named | other


def test_every_number_arrives_in_its_place(rng):
    weights = make_detector(rng)
    state = export(weights, modules(), is_bgr=True)
    state["rpn.anchor_generator.cell_anchors.0"] = np.zeros((3, 4), "float32")
    named, unknown = convert_state(state, MASKRCNN_BENCHMARK)
    assert_same(named, weights)
    assert unknown == ()


def exported_over_stage_4(weights):
    in_head = {
        layer: name.replace("backbone.body.", BOX + "feature_extractor.head.")
        for layer, name in modules().items()
        if ".layer4." in name
    }
    state = export(over_stage_4(weights), modules(**in_head), is_bgr=True)
    shared = {n.replace(BOX, MASK): v for n, v in state.items() if ".layer4." in n}
    return state | shared


def test_stage_5_in_both_heads_is_one(rng):
    weights = make_detector(rng)
    state = exported_over_stage_4(weights)
    assert MASK + "feature_extractor.head.layer4.0.conv1.weight" in state
    named, unknown = convert_state(state, MASKRCNN_BENCHMARK)
    assert_same(named, over_stage_4(weights))
    assert unknown == ()


def test_a_box_that_all_classes_share_is_taken_without_the_backgrounds(rng):
    state = export(make_detector(rng), modules(), is_bgr=True)
    bias = state[BOX + "predictor.bbox_pred.bias"][:8]
    state[BOX + "predictor.bbox_pred.bias"] = bias
    named = convert_state(state, MASKRCNN_BENCHMARK).named
    x, y, w, h = bias[4:]
    np.testing.assert_array_equal(named["mrcnn_bbox_fc/bias"], [y, x, h, w])
