"""Door: helper functions and `Dataset` under matterport's names.

Imports without TensorFlow. The functions live in `compat/`, on top of `geometry/`.
"""

import logging
import math
import os
import random
import shutil
import sys
import urllib.request
import warnings

import numpy as np

from mrcnn.compat.anchors import generate_anchors, generate_pyramid_anchors
from mrcnn.compat.boxes import (
    apply_box_deltas,
    batch_slice,
    box_refinement,
    box_refinement_graph,
    compute_iou,
    compute_overlaps,
    denorm_boxes,
    non_max_suppression,
    norm_boxes,
    trim_zeros,
)
from mrcnn.compat.lazy_names import names_on_demand
from mrcnn.compat.masks import (
    compute_overlaps_masks,
    expand_mask,
    extract_bboxes,
    minimize_mask,
    mold_mask,
    resize_mask,
    unmold_mask,
)
from mrcnn.compat.metrics import (
    compute_ap,
    compute_ap_range,
    compute_matches,
    compute_recall,
)
from mrcnn.compat.resizing import resize, resize_image
from mrcnn.data.dataset import Dataset
from mrcnn.weights.download import COCO_MODEL_URL, download_trained_weights

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "logging",
    "math",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "np",
    "os",
    "random",
    "resize",
    "resize_image",
    "resize_mask",
    "scipy",
    "shutil",
    "skimage",
    "sys",
    "tf",
    "trim_zeros",
    "unmold_mask",
    "urllib",
    "warnings",
]

__getattr__ = names_on_demand(
    __name__, {"tf": "tensorflow", "scipy": "scipy", "skimage": "skimage"}
)
