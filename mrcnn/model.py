"""Door: the network, its layers and their helpers under matterport's names."""

import mrcnn.keras_first  # noqa: F401 - imported for its effect

# isort: split
import datetime
import logging
import math
import multiprocessing
import os
import random
import re
from collections import OrderedDict

import keras
import numpy as np

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
from mrcnn.compat.data import (
    DataGenerator,
    data_generator,
    load_image_gt,
    mold_image,
    unmold_image,
)
from mrcnn.compat.detection_targets import (
    build_detection_targets,
    generate_random_rois,
)
from mrcnn.compat.graphs import (
    build_fpn_mask_graph,
    build_rpn_model,
    conv_block,
    detection_targets_graph,
    fpn_classifier_graph,
    identity_block,
    refine_detections_graph,
    resnet_graph,
    rpn_graph,
)
from mrcnn.compat.image_meta import (
    compose_image_meta,
    parse_image_meta,
    parse_image_meta_graph,
)
from mrcnn.compat.layers import (
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    PyramidROIAlign,
)
from mrcnn.compat.lazy_names import names_on_demand
from mrcnn.compat.logging import log
from mrcnn.compat.losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.mask_rcnn import MaskRCNN

__all__ = [
    "KE",
    "KL",
    "KM",
    "BatchNorm",
    "DataGenerator",
    "DetectionLayer",
    "DetectionTargetLayer",
    "K",
    "MaskRCNN",
    "OrderedDict",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "datetime",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "keras",
    "load_image_gt",
    "log",
    "log2_graph",
    "logging",
    "math",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "multiprocessing",
    "norm_boxes_graph",
    "np",
    "os",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "random",
    "re",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "tf",
    "trim_zeros_graph",
    "unmold_image",
    "utils",
]

__getattr__ = names_on_demand(
    __name__,
    {
        "tf": "tensorflow",
        "K": "keras.backend",
        "KE": "keras.layers",
        "KL": "keras.layers",
        "KM": "keras.models",
    },
)
