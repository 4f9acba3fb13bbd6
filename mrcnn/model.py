"""Door: the network, its layers and their helpers under matterport's names."""

from mrcnn import utils
from mrcnn.compat.anchors import build_rpn_targets, compute_backbone_shapes
from mrcnn.compat.boxes import (
    apply_box_deltas_graph,
    batch_pack_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    log2_graph,
    norm_boxes_graph,
    overlaps_graph,
    trim_zeros_graph,
)
from mrcnn.compat.image_meta import (
    compose_image_meta,
    parse_image_meta,
    parse_image_meta_graph,
)
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.detections import DetectionLayer
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.roi_align import PyramidROIAlign
from mrcnn.mask_rcnn import MaskRCNN

__all__ = [
    "BatchNorm",
    "DetectionLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "denorm_boxes_graph",
    "log2_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "trim_zeros_graph",
    "utils",
]
