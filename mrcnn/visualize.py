"""Door: pictures under matterport's names. Imports without TensorFlow."""

from mrcnn.drawing.colors import random_colors
from mrcnn.drawing.overlays import apply_mask, draw_box

__all__ = ["apply_mask", "draw_box", "random_colors"]
