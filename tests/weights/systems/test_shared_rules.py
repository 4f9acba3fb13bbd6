"""Names that several systems share."""

from mrcnn.weights.systems.rules import System, find_weight
from mrcnn.weights.systems.shared_rules import block_rules, head_rules, stem_rules


def meant(name, rules):
    """The weight that a tensor of a system of these rules stands for."""
    system = System("toy", None, [], rules, logits="", roi_channels=[])
    found = find_weight(name, system)
    return found and found[0]


def test_blocks_are_those_of_torchvisions_resnet():
    rules = [*stem_rules("body."), *block_rules("body.")]
    assert meant("body.conv1.weight", rules) == "conv1/kernel"
    assert meant("body.bn1.running_var", rules) == "bn_conv1/moving_variance"
    assert meant("body.layer3.2.conv3.weight", rules) == "res4c_branch2c/kernel"
    assert meant("body.layer3.2.bn3.bias", rules) == "bn4c_branch2c/beta"
    assert meant("body.layer1.0.downsample.0.weight", rules) == "res2a_branch1/kernel"
    assert meant("body.layer1.0.downsample.1.weight", rules) == "bn2a_branch1/gamma"


def test_stages_may_be_called_otherwise():
    rules = block_rules("body.", "res{stage}")
    assert meant("body.res3.0.conv1.weight", rules) == "res3a_branch2a/kernel"
    assert meant("body.res3.0.downsample.1.bias", rules) == "bn3a_branch1/beta"
    assert meant("body.layer3.0.conv1.weight", rules) is None


def test_heads_are_named_after_what_stands_before_them():
    rules = head_rules("rpn.", box_head="a.", boxes="b.", mask_head="c.", masks="d.")
    expected = {
        "rpn.conv.weight": "rpn_conv_shared/kernel",
        "rpn.cls_logits.bias": "rpn_class_raw/bias",
        "rpn.bbox_pred.bias": "rpn_bbox_pred/bias",
        "a.fc6.weight": "mrcnn_class_conv1/kernel",
        "a.fc7.weight": "mrcnn_class_conv2/kernel",
        "b.cls_score.weight": "mrcnn_class_logits/kernel",
        "b.bbox_pred.weight": "mrcnn_bbox_fc/kernel",
        "c.mask_fcn4.weight": "mrcnn_mask_conv4/kernel",
        "d.conv5_mask.weight": "mrcnn_mask_deconv/kernel",
        "d.mask_fcn_logits.weight": "mrcnn_mask/kernel",
    }
    assert {name: meant(name, rules) for name in expected} == expected
