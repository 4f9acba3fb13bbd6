"""One training example: an image of a dataset with its instances, ready to be batched.

Loaded, checked, augmented, then resized: image and masks on one pixel grid, boxes
always measured on the masks. The image keeps its bytes; the mean pixel is subtracted
when batches are made.

Shapes: H W height and width as loaded, h w molded height and width, C channels, N
instances, K classes with background, R rois.
"""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation import augment_with_boxes
from mrcnn.data.dataset import Dataset
from mrcnn.data.image_files import fit_channels
from mrcnn.data.mask_checks import checked_masks
from mrcnn.data.proposals import checked_proposals
from mrcnn.data.random_rois import random_rois
from mrcnn.geometry.boxes import clip_boxes
from mrcnn.geometry.masks import mask_bounds
from mrcnn.geometry.mini_masks import mini_masks_resized
from mrcnn.geometry.resizing import (
    ImageResize,
    apply_resize,
    plan_resize,
    resize_boxes,
    resize_masks,
)
from mrcnn.image_meta import compose_image_meta


class Example(NamedTuple):
    """What there is to learn from one image."""

    image: np.ndarray
    """[h, w, C], resized and padded with zeros, as a rule uint8."""

    image_meta: np.ndarray
    """float64 [12 + K]"""

    class_ids: np.ndarray
    """int32 [N], negative for crowds."""

    boxes: np.ndarray
    """int32 [N, 4] in pixels of the molded image."""

    masks: np.ndarray
    """bool [h, w, N], or mini-masks of MINI_MASK_SHAPE."""

    rois: np.ndarray
    """[R, 4] pixels: the dataset's proposals, or made up around the boxes; R = 0 if
    neither were asked for."""

    num_left_out: int
    """Instances that `max_instances` had no room for."""


def load_example(
    dataset: Dataset,
    config: Config,
    image_id: int,
    *,
    rng: np.random.Generator,
    augmentation: Any = None,
    min_dim: int | None = None,
    use_mini_mask: bool | None = None,
    max_instances: int | None = None,
    num_rois: int = 0,
    max_proposals: int = 0,
) -> Example:
    """One image of a dataset and its instances as training takes them.

    Args:
        dataset: has been prepared
        config: of the network
        image_id: 0.. up to the dataset's number of images
        rng: places crops and decides whatever else is left to chance
        augmentation: see `apply_augmentation`; it works on the image as loaded, before
            the resize, so it may change the image's shape
        min_dim: in place of IMAGE_MIN_DIM
        use_mini_mask: in place of USE_MINI_MASK
        max_instances: a random choice of so many is kept where there are more
        num_rois: how many rois to make up, see `random_rois`
        max_proposals: how many of the dataset's proposals to take as rois at most, the
            first ones

    Returns:
        The example. Instances that augmentation or crop leave nothing of are dropped;
        none at all may be left.
    """
    image, masks, class_ids = load_instances(dataset, config, image_id)
    proposals = load_proposals(dataset, image_id, image.shape, max_proposals)
    if augmentation is not None:
        image, masks, proposals = augment_with_boxes(
            augmentation, image, masks, proposals, rng
        )
    if config.RESIZE_TO_FLOAT:
        image = image.astype("float32")
    plan = plan_resize(
        image.shape,
        min_dim=min_dim or config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        mode=config.IMAGE_RESIZE_MODE,
        rng=rng,
    )
    if use_mini_mask is None:
        use_mini_mask = config.USE_MINI_MASK
    boxes, masks = _resize_instances(
        masks, plan, config.MINI_MASK_SHAPE if use_mini_mask else None
    )
    kept, num_left_out = _choose_instances(boxes, max_instances, rng)
    image_meta = compose_image_meta(
        image_id=image_id,
        original_image_shape=image.shape,
        image_shape=plan.image_shape,
        window=plan.window,
        scale=plan.scale,
        active_class_ids=active_class_ids(dataset, image_id),
    )
    boxes = boxes[kept]
    rois = _resize_proposals(proposals, plan)
    if num_rois:
        rois = random_rois(plan.image_shape, boxes, num_rois, rng)
    return Example(
        image=apply_resize(image, plan),
        image_meta=image_meta,
        class_ids=class_ids[kept],
        boxes=boxes,
        masks=masks if len(kept) == masks.shape[2] else masks[..., kept],
        rois=rois,
        num_left_out=num_left_out,
    )


def load_instances(
    dataset: Dataset, config: Config, image_id: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image and its instances as loaded, checked and made uniform.

    Returns:
        image [H, W, IMAGE_CHANNEL_COUNT], as a rule uint8; masks bool [H, W, N]; class
        ids int32 [N], negative for crowds
    """
    reference = dataset.describe_image(image_id)
    image = np.asarray(dataset.load_image(image_id))
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"load_image of {reference} returned an array of shape {image.shape}, but "
            "[height, width, channels] is expected. Return one image."
        )
    try:
        image = fit_channels(image, config.IMAGE_CHANNEL_COUNT)
    except ValueError as error:
        raise ValueError(f"load_image of {reference}: {error}") from error
    if image.dtype == np.float64:
        image = image.astype("float32")
    masks, class_ids = checked_masks(
        *dataset.load_mask(image_id), image.shape, dataset.num_classes, reference
    )
    return image, masks, class_ids


def load_proposals(
    dataset: Dataset, image_id: int, image_shape: tuple[int, ...], count: int
) -> np.ndarray:
    """The first so many proposals of an image, checked. -> float32 [N, 4] pixels"""
    if not count:
        return np.zeros((0, 4), "float32")
    reference = dataset.describe_image(image_id)
    boxes = dataset.load_proposals(image_id)
    return checked_proposals(boxes, image_shape, reference)[:count]


def active_class_ids(dataset: Dataset, image_id: int) -> np.ndarray:
    """Which classes an image was annotated for: those of its source. -> int32 [K]"""
    source = dataset.image_info[image_id]["source"]
    if source not in dataset.source_class_ids:
        raise ValueError(
            f"{dataset.describe_image(image_id)} was added under the source "
            f"{source!r}, but the classes belong to {dataset.sources[1:]}. Use one "
            "source in add_image and add_class."
        )
    active = np.zeros(dataset.num_classes, "int32")
    active[dataset.source_class_ids[source]] = 1
    return active


def _resize_instances(
    masks: np.ndarray, plan: ImageResize, mini_shape: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [N, 4] and masks or mini-masks [., ., N] on the resized image's grid."""
    if mini_shape is not None:
        return mini_masks_resized(masks, plan, mini_shape)
    masks = resize_masks(masks, plan)
    return mask_bounds(masks), masks


def _resize_proposals(proposals: np.ndarray, plan: ImageResize) -> np.ndarray:
    """Those of which something is left. [N, 4] -> float32 [R, 4] molded pixels"""
    boxes = clip_boxes(resize_boxes(proposals, plan), np.array(plan.window))
    is_left = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[is_left].astype("float32")


def _choose_instances(
    boxes: np.ndarray, max_instances: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Indices of those to keep, in order, and how many there was no room for."""
    kept = np.flatnonzero(boxes[:, 2] > boxes[:, 0])
    if max_instances is None or len(kept) <= max_instances:
        return kept, 0
    chosen = rng.choice(kept, max_instances, replace=False)
    return np.sort(chosen), len(kept) - max_instances
