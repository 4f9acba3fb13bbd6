"""detectron2's names."""

import numpy as np
import pytest

from mrcnn.weights.systems.detectron2 import DETECTRON2, DETECTRON2_CONV_HEAD
from mrcnn.weights.systems.rules import convert_state
from tests.weights.systems.canonical import (
    assert_same,
    conv_places,
    export,
    make_detector,
    over_stage_4,
    with_conv_head,
    without_background,
)


def modules(body="backbone.bottom_up.", stage5="backbone.bottom_up.", **other):
    named = {
        "conv1": f"{body}stem.conv1",
        "bn_conv1": f"{body}stem.conv1.norm",
        "rpn_conv_shared": "proposal_generator.rpn_head.conv",
        "rpn_class_raw": "proposal_generator.rpn_head.objectness_logits",
        "rpn_bbox_pred": "proposal_generator.rpn_head.anchor_deltas",
        "mrcnn_class_conv1": "roi_heads.box_head.fc1",
        "mrcnn_class_conv2": "roi_heads.box_head.fc2",
        "mrcnn_class_logits": "roi_heads.box_predictor.cls_score",
        "mrcnn_bbox_fc": "roi_heads.box_predictor.bbox_pred",
        "mrcnn_mask_deconv": "roi_heads.mask_head.deconv",
        "mrcnn_mask": "roi_heads.mask_head.predictor",
    }
    for stage, letter, branch in conv_places():
        block = f"{stage5 if stage == 5 else body}res{stage}.{ord(letter) - ord('a')}."
        conv = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}[branch]
        named[f"res{stage}{letter}_branch{branch}"] = block + conv
        named[f"bn{stage}{letter}_branch{branch}"] = f"{block}{conv}.norm"
    for level in (2, 3, 4, 5):
        named[f"fpn_c{level}p{level}"] = f"backbone.fpn_lateral{level}"
        named[f"fpn_p{level}"] = f"backbone.fpn_output{level}"
        named[f"mrcnn_mask_conv{level - 1}"] = (
            f"roi_heads.mask_head.mask_fcn{level - 1}"
        )
    return named | other


def exported(weights, names):
    return export(weights, names, background_last=True, is_bgr=True)


def test_every_number_arrives_in_its_place(rng):
    weights = without_background(make_detector(rng))
    extra = {
        "pixel_mean": np.zeros((3, 1, 1), "f4"),
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros((3, 4), "f4"),
    }
    named, unknown = convert_state(exported(weights, modules()) | extra, DETECTRON2)
    assert_same(named, weights)
    assert unknown == ()


def test_a_box_head_of_convolutions_has_its_dense_layer_behind_them(rng):
    weights = without_background(with_conv_head(make_detector(rng), rng))
    names = {"mrcnn_class_fc1": "roi_heads.box_head.fc1"}
    for number in (1, 2, 3, 4):
        names[f"mrcnn_class_conv{number}"] = f"roi_heads.box_head.conv{number}"
        names[f"mrcnn_class_bn{number}"] = f"roi_heads.box_head.conv{number}.norm"
    state = exported(weights, modules(**names))
    assert_same(convert_state(state, DETECTRON2_CONV_HEAD).named, weights)


def exported_over_stage_4(weights):
    names = modules(body="backbone.", stage5="roi_heads.")
    return exported(over_stage_4(weights), names)


def test_over_stage_4_the_last_stage_is_in_the_head(rng):
    weights = without_background(make_detector(rng))
    state = exported_over_stage_4(weights)
    assert "roi_heads.res5.0.conv1.weight" in state
    assert_same(convert_state(state, DETECTRON2).named, over_stage_4(weights))


SCORES = "proposal_generator.rpn_head.objectness_logits.bias"
DELTAS = "proposal_generator.rpn_head.anchor_deltas.bias"


def test_over_stage_4_anchors_are_sorted_by_ratio():
    # Two side lengths, a and b, of three ratios each.
    state = {
        SCORES: np.array([1, 2, 3, 11, 12, 13], "f4"),  # a1 a2 a3 b1 b2 b3
        DELTAS: np.repeat(np.array([1, 2, 3, 11, 12, 13], "f4"), 4),
    }
    named = convert_state(state, DETECTRON2).named
    expected = [1, 11, 2, 12, 3, 13]
    np.testing.assert_array_equal(named["rpn_class_raw/bias"], expected)
    np.testing.assert_array_equal(named["rpn_bbox_pred/bias"], np.repeat(expected, 4))


def test_over_a_pyramid_anchors_have_one_side_length_and_keep_their_order():
    state = {
        SCORES: np.array([1, 2, 3, 4, 5, 6], "f4"),
        "backbone.fpn_output2.weight": np.zeros((2, 2, 3, 3), "f4"),
    }
    named = convert_state(state, DETECTRON2).named
    np.testing.assert_array_equal(named["rpn_class_raw/bias"], state[SCORES])


def test_anchors_of_another_number_of_ratios_are_an_error():
    with pytest.raises(ValueError, match="for 4 anchors of a cell"):
        convert_state({SCORES: np.zeros(4, "f4")}, DETECTRON2)
