"""Detectron's blobs, and the names of Detectron.pytorch."""

import re

import numpy as np
import pytest

from mrcnn.weights.systems.detectron import DETECTRON, DETECTRON_PYTORCH
from mrcnn.weights.systems.rules import convert_state
from tests.weights.systems.canonical import (
    assert_same,
    conv_places,
    export,
    make_detector,
    over_stage_4,
)


@pytest.fixture
def weights(rng):
    """A detector whose normalizations scale and shift alone."""
    weights = make_detector(rng)
    for name, values in weights.items():
        if name.endswith("/moving_mean"):
            values[:] = 0
        if name.endswith("/moving_variance"):
            values[:] = 1
    return weights


def learnt(weights):
    """The weights that such a system has."""
    return {name: v for name, v in weights.items() if "/moving_" not in name}


def blobs(weights):
    names = {
        "conv1": "conv1",
        "bn_conv1": "res_conv1_bn",
        "rpn_conv_shared": "conv_rpn_fpn2",
        "rpn_class_raw": "rpn_cls_logits_fpn2",
        "rpn_bbox_pred": "rpn_bbox_pred_fpn2",
        "mrcnn_class_conv1": "fc6",
        "mrcnn_class_conv2": "fc7",
        "mrcnn_class_logits": "cls_score",
        "mrcnn_bbox_fc": "bbox_pred",
        "mrcnn_mask_deconv": "conv5_mask",
        "mrcnn_mask": "mask_fcn_logits",
        "fpn_c5p5": "fpn_inner_res5_2_sum",
        "fpn_c4p4": "fpn_inner_res4_5_sum_lateral",
        "fpn_c3p3": "fpn_inner_res3_3_sum_lateral",
        "fpn_c2p2": "fpn_inner_res2_2_sum_lateral",
        "fpn_p5": "fpn_res5_2_sum",
        "fpn_p4": "fpn_res4_5_sum",
        "fpn_p3": "fpn_res3_3_sum",
        "fpn_p2": "fpn_res2_2_sum",
    }
    for stage, letter, branch in conv_places():
        blob = f"res{stage}_{ord(letter) - ord('a')}_branch{branch}"
        names[f"res{stage}{letter}_branch{branch}"] = blob
        names[f"bn{stage}{letter}_branch{branch}"] = f"{blob}_bn"
    for number in (1, 2, 3, 4):
        names[f"mrcnn_mask_conv{number}"] = f"_[mask]_fcn{number}"
    state = export(learnt(weights), names, is_bgr=True)
    return {
        re.sub(r"\.weight$", "_s" if "_bn." in name else "_w", name).replace(
            ".bias", "_b"
        ): values
        for name, values in state.items()
    }


def test_every_blob_arrives_in_its_place(weights):
    state = blobs(weights)
    state["conv1_b"] = state["res2_0_branch2a_b"] = np.zeros(2, "f4")
    state["conv1_w_momentum"] = np.zeros_like(state["conv1_w"])
    state["lr"] = np.zeros(1, "f4")
    named, unknown = convert_state(state, DETECTRON)
    assert_same(named, weights)
    assert unknown == ()


def blobs_over_stage_4(weights):
    return {
        name.replace("_fpn2", ""): values
        for name, values in blobs(over_stage_4(weights)).items()
    }


def test_without_a_pyramid_the_rpn_has_plain_names(weights):
    named, unknown = convert_state(blobs_over_stage_4(weights), DETECTRON)
    assert_same(named, over_stage_4(weights))
    assert unknown == ()


def modules(prefix="Conv_Body.conv_body.", rpn="RPN.FPN_"):
    names = {
        "conv1": f"{prefix}res1.conv1",
        "bn_conv1": f"{prefix}res1.bn1",
        "rpn_conv_shared": f"{rpn}RPN_conv",
        "rpn_class_raw": f"{rpn}RPN_cls_score",
        "rpn_bbox_pred": f"{rpn}RPN_bbox_pred",
        "mrcnn_class_conv1": "Box_Head.fc1",
        "mrcnn_class_conv2": "Box_Head.fc2",
        "mrcnn_class_logits": "Box_Outs.cls_score",
        "mrcnn_bbox_fc": "Box_Outs.bbox_pred",
        "mrcnn_mask_deconv": "Mask_Head.upconv",
        "mrcnn_mask": "Mask_Outs.classify",
        "fpn_c5p5": "Conv_Body.conv_top",
    }
    for stage, letter, branch in conv_places():
        block = f"{prefix}res{stage}.{ord(letter) - ord('a')}."
        conv, norm = {
            "1": ("downsample.0", "downsample.1"),
            "2a": ("conv1", "bn1"),
            "2b": ("conv2", "bn2"),
            "2c": ("conv3", "bn3"),
        }[branch]
        names[f"res{stage}{letter}_branch{branch}"] = block + conv
        names[f"bn{stage}{letter}_branch{branch}"] = block + norm
    lateral = "Conv_Body.topdown_lateral_modules.{}.conv_lateral"
    for index, level in enumerate((4, 3, 2)):
        names[f"fpn_c{level}p{level}"] = lateral.format(index)
    for index, level in enumerate((5, 4, 3, 2)):
        names[f"fpn_p{level}"] = f"Conv_Body.posthoc_modules.{index}"
        names[f"mrcnn_mask_conv{index + 1}"] = f"Mask_Head.conv_fcn.{2 * index}"
    return names


def test_every_tensor_of_the_port_arrives_in_its_place(weights):
    state = export(learnt(weights), modules(), is_bgr=True)
    named, unknown = convert_state(state, DETECTRON_PYTORCH)
    assert_same(named, weights)
    assert unknown == ()


def port_over_stage_4(weights):
    kept = learnt(over_stage_4(weights))
    state = export(kept, modules("Conv_Body.", "RPN."), is_bgr=True)
    moved = {
        name.replace("Conv_Body.res5.", "Box_Head.res5.").replace(
            "Mask_Head.upconv.", "Mask_Head.upconv5."
        ): values
        for name, values in state.items()
    }
    shared = {n.replace("Box_", "Mask_"): v for n, v in moved.items() if ".res5." in n}
    return moved | shared


def test_the_port_over_stage_4_is_read_too(weights):
    named, unknown = convert_state(port_over_stage_4(weights), DETECTRON_PYTORCH)
    assert_same(named, over_stage_4(weights))
    assert unknown == ()
