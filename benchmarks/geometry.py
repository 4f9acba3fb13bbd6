"""Resizing, mini-masks, pasting and coding, beside the way matterport goes."""

import numpy as np
from scipy import ndimage
from skimage.transform import resize

from benchmarks.options import Options
from benchmarks.timing import Row, print_table, time_call
from mrcnn.geometry.mask_coding import encode_local_rle
from mrcnn.geometry.masks import (
    mask_bounds,
    pairwise_mask_iou,
    paste_masks,
    paste_patch,
)
from mrcnn.geometry.mini_masks import mini_masks_resized
from mrcnn.geometry.resizing import (
    ImageResize,
    apply_resize,
    plan_resize,
    resize_masks,
)

LOADED_SHAPE = (480, 640)
MINI_SHAPE = (56, 56)
PASTE = {"threshold": 0.5, "whole_pixel_paste": False}


def run(options: Options) -> None:
    """Prints the tables of this file."""
    rng = np.random.default_rng(0)
    print_table("Ground truth: 480 x 640 pixels, 20 instances, to 1024", _down(rng))
    print_table("Detections: 100 patches of 28 x 28", _up(rng))


def _down(rng: np.random.Generator) -> list[Row]:
    image = rng.integers(0, 256, (*LOADED_SHAPE, 3), "uint8")
    masks = _draw_masks(rng, 20)
    plan = plan_resize(image.shape, min_dim=800, max_dim=1024)
    return [
        Row("image resized", time_call(lambda: apply_resize(image, plan)), 5),
        Row(
            "masks resized and cut to mini-masks",
            time_call(lambda: mini_masks_resized(masks, plan, MINI_SHAPE)),
            10,
        ),
        Row(
            "the same in matterport's way",
            time_call(lambda: _matterport_mini_masks(masks, plan), repeats=5),
        ),
        Row("bounds of masks", time_call(lambda: mask_bounds(masks))),
        Row("masks resized as a whole", time_call(lambda: resize_masks(masks, plan))),
    ]


def _up(rng: np.random.Generator) -> list[Row]:
    y, x = np.ogrid[-1:1:28j, -1:1:28j]
    patches = np.tile(1.2 - np.hypot(y, x), (100, 1, 1)).astype("float32")
    small, large = (1024, 1024), (3000, 4000)
    boxes, large_boxes = _draw_boxes(rng, small), _draw_boxes(rng, large)
    masks = paste_masks(patches, boxes, small, **PASTE)
    parts = [
        paste_patch(patch, box, large, **PASTE)
        for patch, box in zip(patches, large_boxes, strict=True)
    ]

    def paste_parts() -> None:
        for patch, box in zip(patches, boxes, strict=True):
            paste_patch(patch, box, small, **PASTE)

    def encode_parts() -> None:
        for part, offset in parts:
            encode_local_rle(part, offset, large)

    return [
        Row("pasted, 1024 x 1024, inside boxes only", time_call(paste_parts)),
        Row(
            "pasted, 1024 x 1024, full masks",
            time_call(lambda: paste_masks(patches, boxes, small, **PASTE)),
        ),
        Row("RLE, 12 megapixels, of pasted parts", time_call(encode_parts)),
        Row(
            "IoU of 100 x 20 masks, 1024 x 1024",
            time_call(lambda: pairwise_mask_iou(masks, masks[..., :20]), repeats=5),
        ),
    ]


def _draw_masks(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ellipses up to 300 pixels wide. -> bool [H, W, N]"""
    y, x = np.ogrid[: LOADED_SHAPE[0], : LOADED_SHAPE[1]]
    center = rng.uniform((0, 0), LOADED_SHAPE, (count, 2))
    radii = rng.uniform(20, 150, (count, 2))
    scaled_y = (y[..., None] - center[:, 0]) / radii[:, 0]
    scaled_x = (x[..., None] - center[:, 1]) / radii[:, 1]
    return scaled_y**2 + scaled_x**2 <= 1


def _draw_boxes(rng: np.random.Generator, image_shape: tuple[int, int]) -> np.ndarray:
    """A hundred boxes up to 0.3 of the image's sides. -> [100, 4]"""
    sides = rng.uniform(0.02, 0.3, (100, 2))
    corner = rng.uniform(0, 1 - sides)
    return np.concatenate([corner, corner + sides], axis=1) * np.tile(image_shape, 2)


def _matterport_mini_masks(masks: np.ndarray, plan: ImageResize) -> list[np.ndarray]:
    """All masks resized and padded first, then each cut and resized again."""
    zoomed = ndimage.zoom(masks, (plan.scale, plan.scale, 1), order=0)
    padded = np.pad(zoomed, [*plan.padding[:2], (0, 0)])
    mini_masks = []
    for index, (y1, x1, y2, x2) in enumerate(mask_bounds(padded)):
        cut = padded[y1:y2, x1:x2, index].astype("float64")
        mini_masks.append(np.around(resize(cut, MINI_SHAPE, anti_aliasing=False)) > 0)
    return mini_masks
