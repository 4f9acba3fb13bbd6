"""maskrcnn-benchmark's Mask and Faster R-CNN, over a pyramid and over stage 4 (C4).

The background is class 0, an anchor has one logit, images are BGR.
"""

from mrcnn.weights.systems.rules import Rule, System, Variant
from mrcnn.weights.systems.shared_rules import block_rules, head_rules

BODY, FPN = "backbone.body.", "backbone.fpn."
BOX, MASK = "roi_heads.box.", "roi_heads.mask."

MASKRCNN_BENCHMARK = System(
    name="maskrcnn-benchmark",
    preset="MaskRCNNBenchmark",
    markers=["backbone.body.stem.", "rpn.head.", "roi_heads.box."],
    rules=[
        Rule(BODY + "stem.conv1", "conv1"),
        Rule(BODY + "stem.bn1", "bn_conv1"),
        *block_rules(BODY),
        *block_rules(BOX + "feature_extractor.head."),  # stage 5 over stage 4
        Rule(FPN + "fpn_inner{layer}", "fpn_c{layer}p{layer}"),
        Rule(FPN + "fpn_layer{layer}", "fpn_p{layer}"),
        *head_rules(
            "rpn.head.",
            box_head=BOX + "feature_extractor.",
            boxes=BOX + "predictor.",
            mask_head=MASK + "feature_extractor.",
            masks=MASK + "predictor.",
        ),
    ],
    logits=r"roi_heads\.box\.predictor\.cls_score\.weight",
    roi_channels=[(r"rpn\.head\.conv\.weight", 1)],
    # Stage 5 is shared by both heads and listed for each.
    ignored=(
        r"rpn\.anchor_generator\..*|roi_heads\.mask\.feature_extractor\.head\..*"
        r"|.*\.num_batches_tracked"
    ),
    is_bgr=True,
    variants=[
        Variant(
            "roi_heads.box.feature_extractor.head.layer4.0.conv1.weight",
            preset="MaskRCNNBenchmarkC4",
        )
    ],
)
