"""Detectron: the blobs of the original on Caffe2, and its port Detectron.pytorch.

The background is class 0, an anchor has one logit, images are BGR. What stands in the
place of BatchNorm only scales and shifts; its statistics are filled in.
"""

from mrcnn.weights.systems.rules import Rule, System, Variant
from mrcnn.weights.systems.shared_rules import block_rules

BLOCK = "res{stage}_{block}_"

DETECTRON = System(
    name="Detectron",
    preset="Detectron",
    markers=["conv1_w", "res2_0_branch2a_w", "res2_0_branch2a_bn_s"],
    rules=[
        Rule("conv1", "conv1"),
        Rule("res_conv1_bn", "bn_conv1"),
        Rule(BLOCK + "branch2{letter}", "res{stage}{block}_branch2{letter}"),
        Rule(BLOCK + "branch2{letter}_bn", "bn{stage}{block}_branch2{letter}"),
        Rule(BLOCK + "branch1", "res{stage}{block}_branch1"),
        Rule(BLOCK + "branch1_bn", "bn{stage}{block}_branch1"),
        Rule("fpn_inner_" + BLOCK + "sum", "fpn_c{stage}p{stage}"),
        Rule("fpn_inner_" + BLOCK + "sum_lateral", "fpn_c{stage}p{stage}"),
        Rule("fpn_" + BLOCK + "sum", "fpn_p{stage}"),
        Rule("fpn_{level}", "fpn_p{level}"),
        Rule("conv_rpn", "rpn_conv_shared"),
        Rule("conv_rpn_fpn2", "rpn_conv_shared"),
        Rule("rpn_cls_logits", "rpn_class_raw"),
        Rule("rpn_cls_logits_fpn2", "rpn_class_raw"),
        Rule("rpn_bbox_pred", "rpn_bbox_pred"),
        Rule("rpn_bbox_pred_fpn2", "rpn_bbox_pred"),
        Rule("fc6", "mrcnn_class_conv1"),
        Rule("fc7", "mrcnn_class_conv2"),
        Rule("cls_score", "mrcnn_class_logits"),
        Rule("bbox_pred", "mrcnn_bbox_fc"),
        Rule("_[mask]_fcn{number}", "mrcnn_mask_conv{number}"),
        Rule("conv5_mask", "mrcnn_mask_deconv"),
        Rule("mask_fcn_logits", "mrcnn_mask"),
    ],
    logits="cls_score_w",
    roi_channels=[("conv_rpn(_fpn2)?_w", 1), ("fpn_res2_2_sum_w", 0)],
    # The biases before a normalization are zero, and left from another training.
    ignored=r".*_momentum|lr|(conv1|res\d_\d+_branch(1|2[abc]))_b|(pred|fc1000)_[wb]",
    separator="_",
    leaves={"w": "weight", "b": "bias", "s": "weight"},
    is_bgr=True,
    only_scales=True,
    variants=[
        Variant("mask_fcn_logits_w", is_lacking=True, preset="DetectronFasterRCNN"),
        Variant("conv_rpn_fpn2_w", is_lacking=True, preset="DetectronFastRCNN"),
        Variant("fpn_res2_2_sum_w", is_lacking=True, preset="DetectronC4"),
    ],
)

BODY, RPN = "Conv_Body.", "RPN."


def _resnet_rules(prefix: str) -> list[Rule]:
    return [
        Rule(prefix + "res1.conv1", "conv1"),
        Rule(prefix + "res1.bn1", "bn_conv1"),
        *block_rules(prefix, "res{stage}"),
    ]


DETECTRON_PYTORCH = System(
    name="Detectron.pytorch",
    preset="Detectron",
    markers=["Conv_Body.", "RPN.", "Box_Outs."],
    rules=[
        *_resnet_rules(BODY + "conv_body."),
        *_resnet_rules(BODY),  # over stage 4 there is no pyramid around it
        *block_rules("Box_Head.", "res{stage}"),  # and stage 5 is the head
        Rule(BODY + "conv_top", "fpn_c5p5"),
        *(
            Rule(
                f"{BODY}topdown_lateral_modules.{index}.conv_lateral",
                f"fpn_c{4 - index}p{4 - index}",
            )
            for index in range(3)
        ),
        *(
            Rule(f"{BODY}posthoc_modules.{index}", f"fpn_p{5 - index}")
            for index in range(4)
        ),
        Rule(RPN + "FPN_RPN_conv", "rpn_conv_shared"),
        Rule(RPN + "RPN_conv", "rpn_conv_shared"),
        Rule(RPN + "FPN_RPN_cls_score", "rpn_class_raw"),
        Rule(RPN + "RPN_cls_score", "rpn_class_raw"),
        Rule(RPN + "FPN_RPN_bbox_pred", "rpn_bbox_pred"),
        Rule(RPN + "RPN_bbox_pred", "rpn_bbox_pred"),
        Rule("Box_Head.fc1", "mrcnn_class_conv1"),
        Rule("Box_Head.fc2", "mrcnn_class_conv2"),
        Rule("Box_Outs.cls_score", "mrcnn_class_logits"),
        Rule("Box_Outs.bbox_pred", "mrcnn_bbox_fc"),
        *(
            Rule(f"Mask_Head.conv_fcn.{2 * index}", f"mrcnn_mask_conv{index + 1}")
            for index in range(4)
        ),
        Rule("Mask_Head.upconv", "mrcnn_mask_deconv"),
        Rule("Mask_Head.upconv5", "mrcnn_mask_deconv"),
        Rule("Mask_Outs.classify", "mrcnn_mask"),
    ],
    logits=r"Box_Outs\.cls_score\.weight",
    roi_channels=[(r"RPN\.(FPN_)?RPN_conv\.weight", 1)],
    # Stage 5 is shared by both heads and listed for each.
    ignored=r"Mask_Head\.res5\..*|.*\.num_batches_tracked",
    is_bgr=True,
    only_scales=True,
    variants=[
        Variant(
            "Mask_Outs.classify.weight", is_lacking=True, preset="DetectronFasterRCNN"
        ),
        Variant("RPN.RPN_conv.weight", preset="DetectronC4"),
    ],
)
