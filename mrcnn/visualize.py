"""Door: pictures under matterport's names, and `draw_instances`.

Imports without TensorFlow, and without matplotlib until the first figure. The old names
live in `compat/`, on top of `drawing/`.
"""

import colorsys
import itertools
import os
import random
import sys

import numpy as np

from mrcnn import utils
from mrcnn.compat.lazy_names import names_on_demand
from mrcnn.compat.visualize import (
    ROOT_DIR,
    display_differences,
    display_images,
    display_instances,
    display_table,
    display_top_masks,
    display_weight_stats,
    draw_boxes,
    draw_rois,
    plot_overlaps,
    plot_precision_recall,
    random_colors,
)
from mrcnn.drawing.instances import draw_instances
from mrcnn.drawing.overlays import apply_mask, draw_box

__all__ = [
    "ROOT_DIR",
    "Polygon",
    "apply_mask",
    "colorsys",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_instances",
    "draw_rois",
    "find_contours",
    "itertools",
    "lines",
    "np",
    "os",
    "patches",
    "plot_overlaps",
    "plot_precision_recall",
    "plt",
    "random",
    "random_colors",
    "sys",
    "utils",
]

__getattr__ = names_on_demand(
    __name__,
    {
        "IPython": "IPython",
        "Polygon": "matplotlib.patches:Polygon",
        "find_contours": "skimage.measure:find_contours",
        "lines": "matplotlib.lines",
        "patches": "matplotlib.patches",
        "plt": "matplotlib.pyplot",
    },
)
