"""What shapes say of a config."""

import numpy as np
import pytest

from mrcnn.weights.deduction import deduce_knobs
from tests.weights.systems.canonical import (
    ANCHORS,
    CHANNELS,
    CLASSES,
    SIDE,
    WIDTH,
    make_detector,
    over_stage_4,
    with_conv_head,
    without_masks,
)


@pytest.fixture
def weights(rng):
    return make_detector(rng)


def deduce(weights, **changed_biases):
    shapes = {name: values.shape for name, values in weights.items()}
    changes = {f"{layer}/bias": (rows,) for layer, rows in changed_biases.items()}
    return deduce_knobs(shapes | changes)


def test_a_detector_says_all_of_it(weights):
    assert deduce(weights) == {
        "BACKBONE": "resnet50",
        "BIAS_BEFORE_NORM": False,
        "TOP_DOWN_PYRAMID_SIZE": CHANNELS,
        "FPN_NORM": False,
        "RPN_BRANCH": True,
        "RPN_CHANNELS": CHANNELS,
        "RPN_NUM_CONVS": 1,
        "RPN_OBJECTNESS": "sigmoid",
        "NUM_CLASSES": CLASSES,
        "CLASS_AGNOSTIC_BOXES": False,
        "BOX_HEAD": "2fc",
        "POOL_SIZE": SIDE,
        "FPN_CLASSIF_FC_LAYERS_SIZE": WIDTH,
        "MASK_BRANCH": True,
        "CLASS_AGNOSTIC_MASKS": False,
        "MASK_HEAD_NORM": False,
    }


def test_a_head_of_convolutions_is_seen(weights, rng):
    knobs = deduce(with_conv_head(weights, rng))
    assert knobs["BOX_HEAD"] == "4conv1fc"
    assert knobs["POOL_SIZE"] == SIDE
    assert knobs["FPN_CLASSIF_FC_LAYERS_SIZE"] == WIDTH


def test_matterports_head_is_seen(weights):
    weights["mrcnn_class_bn1/gamma"] = weights["mrcnn_mask_bn1/gamma"] = np.zeros(1)
    knobs = deduce(weights)
    assert knobs["BOX_HEAD"] == "conv"
    assert knobs["MASK_HEAD_NORM"] is True


@pytest.mark.parametrize(
    ("blocks", "backbone"),
    [
        (["4b_branch2a"], "resnet18"),
        (["4b_branch2a", "4f_branch2a"], "resnet34"),
        (["4b_branch2a", "4f_branch2a", "4f_branch2c"], "resnet50"),
        (["4b_branch2a", "4f_branch2a", "4f_branch2c", "4w_branch2a"], "resnet101"),
    ],
)
def test_the_last_block_of_stage_4_tells_the_backbone(blocks, backbone):
    shapes = {f"res{block}/kernel": (1, 1, 2, 2) for block in blocks}
    assert deduce_knobs(shapes)["BACKBONE"] == backbone


def test_biases_and_normalizations_are_seen(weights):
    weights["res4a_branch2a/bias"] = weights["fpn_p2_bn/gamma"] = np.zeros(CHANNELS)
    weights["rpn_conv_shared2/kernel"] = np.zeros((3, 3, CHANNELS, CHANNELS))
    knobs = deduce(weights)
    assert knobs["BIAS_BEFORE_NORM"] is True
    assert knobs["FPN_NORM"] is True
    assert knobs["RPN_NUM_CONVS"] == 2


def test_what_all_classes_share_is_seen(weights):
    knobs = deduce(weights, mrcnn_bbox_fc=4, mrcnn_mask=1)
    assert knobs["CLASS_AGNOSTIC_BOXES"] is True
    assert knobs["CLASS_AGNOSTIC_MASKS"] is True


def test_a_detector_without_masks_has_no_mask_branch(weights):
    knobs = deduce(without_masks(weights))
    assert knobs["MASK_BRANCH"] is False
    assert "MASK_HEAD_NORM" not in knobs


def test_heads_without_an_rpn_are_of_a_fast_rcnn(weights):
    heads = {n: v for n, v in weights.items() if not n.startswith("rpn_")}
    assert deduce(heads)["RPN_BRANCH"] is False


def test_over_stage_4_heads_share_a_stage_that_says_nothing_of_sizes(weights):
    knobs = deduce(over_stage_4(weights))
    assert knobs["BACKBONE"] == "resnet50"
    assert not {"BOX_HEAD", "POOL_SIZE", "TOP_DOWN_PYRAMID_SIZE"} & set(knobs)


def test_two_scores_for_an_anchor_are_a_softmax(weights):
    knobs = deduce(weights, rpn_class_raw=2 * ANCHORS)
    assert knobs["RPN_OBJECTNESS"] == "softmax"


def test_a_backbone_alone_says_nothing_of_heads(weights):
    backbone = {
        n: v for n, v in weights.items() if n.startswith(("res", "bn", "conv1"))
    }
    assert deduce(backbone) == {"BACKBONE": "resnet50", "BIAS_BEFORE_NORM": False}
    assert deduce_knobs({}) == {}
