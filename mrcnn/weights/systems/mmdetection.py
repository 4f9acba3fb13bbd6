"""MMDetection's Faster and Mask R-CNN over a pyramid, versions 2 and 3.

The background is the last class and has no box and no mask, an anchor has one logit.
Images are RGB in the models called "pytorch", BGR in those called "caffe"; names and
shapes do not tell. A box head of convolutions and one dense layer goes by names of its
own, since "shared_fcs.0" stands for another layer there.
"""

from mrcnn.weights.systems.rules import Rule, System, Variant
from mrcnn.weights.systems.shared_rules import block_rules, stem_rules

BOX, MASK = "roi_head.bbox_head.", "roi_head.mask_head."

MMDETECTION = System(
    name="MMDetection",
    preset="MMDetection",
    markers=["neck.lateral_convs.", "rpn_head.rpn_", "roi_head.bbox_head.fc_cls."],
    rules=[
        *stem_rules("backbone."),
        *block_rules("backbone."),
        Rule("neck.lateral_convs.{rung}.conv", "fpn_c{rung}p{rung}"),
        Rule("neck.lateral_convs.{rung}.bn", "fpn_c{rung}p{rung}_bn"),
        Rule("neck.fpn_convs.{rung}.conv", "fpn_p{rung}"),
        Rule("neck.fpn_convs.{rung}.bn", "fpn_p{rung}_bn"),
        Rule("rpn_head.rpn_conv", "rpn_conv_shared"),
        Rule("rpn_head.rpn_conv.0.conv", "rpn_conv_shared"),
        Rule("rpn_head.rpn_conv.{index}.conv", "rpn_conv_shared{index}"),
        Rule("rpn_head.rpn_cls", "rpn_class_raw"),
        Rule("rpn_head.rpn_reg", "rpn_bbox_pred"),
        Rule(BOX + "shared_fcs.0", "mrcnn_class_conv1"),
        Rule(BOX + "shared_fcs.1", "mrcnn_class_conv2"),
        Rule(BOX + "fc_cls", "mrcnn_class_logits"),
        Rule(BOX + "fc_reg", "mrcnn_bbox_fc"),
        Rule(MASK + "convs.{index}.conv", "mrcnn_mask_conv{index}"),
        Rule(MASK + "convs.{index}.bn", "mrcnn_mask_bn{index}"),
        Rule(MASK + "upsample", "mrcnn_mask_deconv"),
        Rule(MASK + "conv_logits", "mrcnn_mask"),
    ],
    logits=r"roi_head\.bbox_head\.fc_cls\.weight",
    roi_channels=[(r"rpn_head\.rpn_conv(\.0\.conv)?\.weight", 1)],
    ignored=r"data_preprocessor\..*|.*\.num_batches_tracked",
    background_last=True,
    variants=[
        Variant(
            MASK + "conv_logits.weight", is_lacking=True, preset="MMDetectionFasterRCNN"
        ),
        Variant(
            "backbone.conv1.weight",
            note=(
                'The models of MMDetection that are called "caffe" take BGR images: '
                "reverse the input channels of conv1 for those, and set PIXEL_STD = 1 "
                "and STRIDE_IN_1X1 = True."
            ),
        ),
    ],
)

MMDETECTION_CONV_HEAD = MMDETECTION._replace(
    markers=[*MMDETECTION.markers, "roi_head.bbox_head.shared_convs."],
    rules=[
        Rule(BOX + "shared_convs.{index}.conv", "mrcnn_class_conv{index}"),
        Rule(BOX + "shared_convs.{index}.bn", "mrcnn_class_bn{index}"),
        Rule(BOX + "shared_fcs.0", "mrcnn_class_fc1"),
        *MMDETECTION.rules,  # of two for one name, the first counts
    ],
    roi_channels=[(r"roi_head\.bbox_head\.shared_convs\.3\.conv\.weight", 0)],
)
