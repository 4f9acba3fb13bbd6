"""From examples to the arrays that the training graph takes.

Shapes: B images, h w molded height and width, C channels, K classes with background, G
gt slots, R rois.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.config import Config
from mrcnn.data.examples import Example
from mrcnn.data.molding import clear_outside, mold_image
from mrcnn.geometry.resizing import SIDE_STEPS, round_up
from mrcnn.image_meta import parse_image_meta

Batch = dict[str, np.ndarray]
"""Arrays by the name of the network's input."""


def collate(
    examples: Sequence[Example], config: Config, *, pad_after_mean: bool
) -> Batch:
    """Examples as one batch.

    Args:
        examples: one or more
        config: of the network
        pad_after_mean: see `Convention`

    Returns:
        Arrays with G = MAX_GT_INSTANCES; instances come first, unused rows are zero:

        ==================  ===================  =====================================
        input_image         float32 [B, h, w, C]  see `mold_image`
        input_image_meta    float32 [B, 12 + K]
        input_gt_class_ids  int32 [B, G]          negative for crowds
        input_gt_boxes      float32 [B, G, 4]     pixels
        input_gt_masks      bool [B, ., ., G]     [h, w], or MINI_MASK_SHAPE; only with
                                                  MASK_BRANCH
        input_rois          float32 [B, R, 4]     pixels; without RPN_BRANCH always, R
                                                  = POST_NMS_ROIS_TRAINING; else only
                                                  where examples have any
        ==================  ====================  ====================================

        Examples of unlike shapes are padded at the bottom and the right to common
        multiples of `SIDE_STEPS`, which their metas tell as the image's shape.
    """
    shape = _common_shape(examples, SIDE_STEPS[config.IMAGE_RESIZE_MODE])
    images = _stack([example.image for example in examples], shape)
    metas = np.stack([example.image_meta for example in examples])
    parts = parse_image_meta(metas)
    parts.image_shape[:] = images.shape[1:]

    molded = mold_image(images, config.MEAN_PIXEL, config.PIXEL_STD)
    if pad_after_mean:
        for image, window in zip(molded, parts.window, strict=True):
            clear_outside(image, window)

    count = config.MAX_GT_INSTANCES
    boxes = _stack([example.boxes for example in examples], (count, 4))
    batch = {
        "input_image": molded,
        "input_image_meta": metas.astype("float32"),
        "input_gt_class_ids": _stack([ex.class_ids for ex in examples], (count,)),
        "input_gt_boxes": boxes.astype("float32"),
    }
    if config.MASK_BRANCH:
        shape = images.shape[1:3]
        if config.USE_MINI_MASK:
            shape = tuple(config.MINI_MASK_SHAPE)
        masks = _stack([example.masks for example in examples], (*shape, count))
        batch["input_gt_masks"] = masks
    num_rois = max(len(example.rois) for example in examples)
    if not config.RPN_BRANCH:
        num_rois = config.POST_NMS_ROIS_TRAINING
    if num_rois:
        rois = _stack([example.rois for example in examples], (num_rois, 4))
        batch["input_rois"] = rois.astype("float32")
    return batch


def _common_shape(examples: Sequence[Example], step: int) -> tuple[int, ...]:
    """[h, w, C] that holds all the images and that the network can take."""
    shapes = np.array([example.image.shape for example in examples])
    height, width, channels = shapes.max(axis=0).tolist()
    return round_up(height, step), round_up(width, step), channels


def _stack(arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Each array at the start of a row of zeros. -> [B, *shape]"""
    stacked = np.zeros((len(arrays), *shape), np.result_type(*arrays))
    for row, array in zip(stacked, arrays, strict=True):
        row[tuple(slice(side) for side in array.shape)] = array
    return stacked
