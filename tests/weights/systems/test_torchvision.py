"""torchvision's names, of both versions and of old files."""

import json
from pathlib import Path

import numpy as np
import pytest

from mrcnn.weights.systems.rules import convert_state
from mrcnn.weights.systems.torchvision import (
    TORCHVISION,
    TORCHVISION_RESNET,
    to_named_weights,
)
from tests.weights.systems.canonical import (
    assert_same,
    export,
    make_detector,
    resnet_modules,
    with_conv_head,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"


def modules(**other):
    named = resnet_modules("backbone.body.") | {
        "rpn_conv_shared": "rpn.head.conv.0.0",
        "rpn_class_raw": "rpn.head.cls_logits",
        "rpn_bbox_pred": "rpn.head.bbox_pred",
        "mrcnn_class_conv1": "roi_heads.box_head.fc6",
        "mrcnn_class_conv2": "roi_heads.box_head.fc7",
        "mrcnn_class_logits": "roi_heads.box_predictor.cls_score",
        "mrcnn_bbox_fc": "roi_heads.box_predictor.bbox_pred",
        "mrcnn_mask_deconv": "roi_heads.mask_predictor.conv5_mask",
        "mrcnn_mask": "roi_heads.mask_predictor.mask_fcn_logits",
    }
    for index in range(4):
        level = index + 2
        named[f"fpn_c{level}p{level}"] = f"backbone.fpn.inner_blocks.{index}.0"
        named[f"fpn_p{level}"] = f"backbone.fpn.layer_blocks.{index}.0"
        named[f"mrcnn_mask_conv{index + 1}"] = f"roi_heads.mask_head.{index}.0"
    return named | other


@pytest.mark.parametrize(("version", "norms"), [("v1", 53), ("v2", 69)])
def test_every_name_of_the_published_models_means_one_weight(version, norms):
    keys = json.loads((FIXTURES / f"torchvision_{version}_keys.json").read_text())
    state = {
        name: np.broadcast_to(np.float32(0), shape) for name, shape in keys.items()
    }
    named, unknown = convert_state(state, TORCHVISION)
    assert unknown == ()
    assert len(named) == len(keys) - norms  # each norm counts the batches it has seen


EXPECTED = {
    "conv1/kernel": (7, 7, 3, 64),
    "res2a_branch1/kernel": (1, 1, 64, 256),
    "res4f_branch2b/kernel": (3, 3, 256, 256),
    "bn5c_branch2c/moving_variance": (2048,),
    "fpn_c5p5/kernel": (1, 1, 2048, 256),
    "fpn_p2/kernel": (3, 3, 256, 256),
    "rpn_class_raw/kernel": (1, 1, 256, 3),
    "rpn_bbox_pred/kernel": (1, 1, 256, 12),
    "mrcnn_class_logits/kernel": (1024, 91),
    "mrcnn_bbox_fc/kernel": (1024, 364),
    "mrcnn_mask_conv4/kernel": (3, 3, 256, 256),
    "mrcnn_mask_deconv/kernel": (2, 2, 256, 256),
    "mrcnn_mask/kernel": (1, 1, 256, 91),
}
OF_ONE_VERSION = {
    "v1": {
        "fpn_p5/bias": (256,),
        "mrcnn_class_conv1/kernel": (7, 7, 256, 1024),
        "mrcnn_class_conv2/kernel": (1, 1, 1024, 1024),
        "mrcnn_mask_conv1/bias": (256,),
    },
    "v2": {
        "fpn_c2p2_bn/gamma": (256,),
        "fpn_p5_bn/moving_mean": (256,),
        "rpn_conv_shared2/kernel": (3, 3, 256, 256),
        "mrcnn_class_conv4/kernel": (3, 3, 256, 256),
        "mrcnn_class_bn4/beta": (256,),
        "mrcnn_class_fc1/kernel": (7, 7, 256, 1024),
        "mrcnn_mask_bn4/beta": (256,),
    },
}


@pytest.mark.parametrize("version", OF_ONE_VERSION)
def test_the_published_models_have_the_shapes_of_our_layers(version):
    keys = json.loads((FIXTURES / f"torchvision_{version}_keys.json").read_text())
    named = to_named_weights(
        {name: np.broadcast_to(np.float32(0), shape) for name, shape in keys.items()}
    )
    for name, shape in (EXPECTED | OF_ONE_VERSION[version]).items():
        assert named[name].shape == shape, name


def test_every_number_arrives_in_its_place(rng):
    weights = make_detector(rng)
    assert_same(to_named_weights(export(weights, modules())), weights)


def test_the_second_versions_box_head_arrives_in_its_place(rng):
    weights = with_conv_head(make_detector(rng), rng)
    names = {"mrcnn_class_fc1": "roi_heads.box_head.5"}
    for index in range(4):
        names[f"mrcnn_class_conv{index + 1}"] = f"roi_heads.box_head.{index}.0"
        names[f"mrcnn_class_bn{index + 1}"] = f"roi_heads.box_head.{index}.1"
    assert_same(to_named_weights(export(weights, modules(**names))), weights)


def test_old_files_name_the_same_layers_more_plainly(rng):
    weights = make_detector(rng)
    names = {"rpn_conv_shared": "rpn.head.conv"}
    for index in range(4):
        level = index + 2
        names[f"fpn_c{level}p{level}"] = f"backbone.fpn.inner_blocks.{index}"
        names[f"fpn_p{level}"] = f"backbone.fpn.layer_blocks.{index}"
        names[f"mrcnn_mask_conv{index + 1}"] = (
            f"roi_heads.mask_head.mask_fcn{index + 1}"
        )
    assert_same(to_named_weights(export(weights, modules(**names))), weights)


def test_a_backbone_alone_is_read_without_its_classifier(rng):
    backbone = ("conv1/", "bn_conv1/", "res", "bn")
    weights = {n: v for n, v in make_detector(rng).items() if n.startswith(backbone)}
    state = export(weights, resnet_modules("")) | {"fc.weight": np.zeros((9, 2), "f4")}
    named, unknown = convert_state(state, TORCHVISION_RESNET)
    assert_same(named, weights)
    assert unknown == ()
