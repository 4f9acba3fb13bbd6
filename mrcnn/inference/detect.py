"""Detection in images of any number, kind and shape, batch by batch.

The network comes in as a function, so nothing here knows TensorFlow: see `Predict`.
Only one batch of images is read and molded at a time.

Shapes: N images, B images of one batch, h w molded height and width, C channels of
an image and classes with background, D detection slots, S side of a mask patch.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.geometry.conventions import Convention
from mrcnn.image_meta import parse_image_meta
from mrcnn.inference.class_names import ClassNames
from mrcnn.inference.images import list_images
from mrcnn.inference.inputs import group_by_shape, mold, plan_images
from mrcnn.inference.outputs import unmold
from mrcnn.inference.proposals import (
    Proposals,
    list_proposals,
    molded_proposals,
    stack_rois,
)
from mrcnn.inference.results import Instances

logger = logging.getLogger("mrcnn")

Predict = Callable[..., tuple[Any, Any]]
"""The network: molded images [B, h, w, C], image metas [B, 12 + C] and, without an RPN,
rois [B, R, 4] in pixels of the molded image -> detections [B, D, 6] and mask patches
[B, rows, S, S, C], [B, rows, S, S] or None."""


def detect(
    images: Any,
    *,
    config: Config,
    predict: Predict,
    convention: Convention,
    proposals: Any = None,
    batch_size: int | None = None,
    verbose: int = 0,
    masks: bool = True,
    mask_threshold: float | None = None,
    class_names: ClassNames | None = None,
) -> list[Instances]:
    """The instances of every image.

    Args:
        images: any number of images of any shapes, see `list_images`
        config: of the network
        predict: the network
        convention: of the network
        proposals: what to look at without RPN_BRANCH, [N] arrays in pixels of the
            images as loaded, see `checked_proposals`
        batch_size: images for one call of the network, BATCH_SIZE if None; batches
            hold images of one molded shape, and the last of a shape may be smaller
        verbose: 1 shows progress on stderr if there are several images
        masks: whether instances have masks
        mask_threshold: share from which on a pixel belongs to the instance,
            MASK_THRESHOLD if None
        class_names: [C], see `Instances`

    Returns:
        [N], in the order of the images
    """
    batch_size = config.BATCH_SIZE if batch_size is None else batch_size
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, but got {batch_size}.")
    sources = list_images(images, config.IMAGE_CHANNEL_COUNT)
    plans = plan_images(sources, config)
    rois = molded_proposals(proposals, plans, config)
    unmold_image = partial(
        unmold,
        convention=convention,
        mask_threshold=_threshold(mask_threshold, config),
        paste_with_border=config.PASTE_WITH_BORDER,
        class_names=class_names,
    )
    results: dict[int, Instances] = {}
    groups = group_by_shape(plan.image_shape for plan in plans)
    for indices in _batches(list(groups.values()), batch_size):
        batch = [
            mold(
                sources[index],
                index,
                plans[index],
                config,
                pad_after_mean=convention.pad_after_mean,
            )
            for index in indices
        ]
        instances = _detect_batch(
            np.stack([image.molded for image in batch]),
            np.stack([image.image_meta for image in batch]),
            None if rois is None else [rois[index] for index in indices],
            predict,
            unmold_image,
            masks=masks,
        )
        results.update(zip(indices, instances, strict=True))
        if verbose and len(sources) > 1:
            show_progress(len(results), len(sources))
    ordered = [results[index] for index in range(len(sources))]
    _warn_of_cap(ordered, config.DETECTION_MAX_INSTANCES)
    return ordered


def detect_molded(
    molded_images: np.ndarray,
    image_metas: np.ndarray,
    *,
    config: Config,
    predict: Predict,
    convention: Convention,
    proposals: Any = None,
    masks: bool = True,
    mask_threshold: float | None = None,
    class_names: ClassNames | None = None,
) -> list[Instances]:
    """The instances of images that are molded already, as one batch.

    Args:
        molded_images: [B, h, w, C], see `mold_inputs`
        image_metas: [B, 12 + C], which say where the image lies in the molded image
            and how large it was; results are in pixels of that image
        config: of the network
        predict: the network
        convention: of the network
        proposals: what to look at without RPN_BRANCH, [B] arrays in pixels of the
            molded images, see `checked_proposals`
        masks: whether instances have masks
        mask_threshold: share from which on a pixel belongs to the instance,
            MASK_THRESHOLD if None
        class_names: [C], see `Instances`

    Returns:
        [B]
    """
    molded_images, image_metas = _checked_batch(molded_images, image_metas)
    unmold_image = partial(
        unmold,
        convention=convention,
        mask_threshold=_threshold(mask_threshold, config),
        paste_with_border=config.PASTE_WITH_BORDER,
        class_names=class_names,
    )
    shapes = [image.shape for image in molded_images]
    rois = list_proposals(proposals, shapes, config)
    if not len(molded_images):
        return []
    instances = _detect_batch(
        molded_images, image_metas, rois, predict, unmold_image, masks=masks
    )
    _warn_of_cap(instances, config.DETECTION_MAX_INSTANCES)
    return instances


def _detect_batch(
    molded_images: np.ndarray,
    image_metas: np.ndarray,
    rois: Proposals | None,
    predict: Predict,
    unmold_image: Callable[..., Instances],
    *,
    masks: bool,
) -> list[Instances]:
    given = [] if rois is None else [stack_rois(rois)]
    detections, mask_patches = predict(molded_images, image_metas, *given)
    detections = np.asarray(detections)
    logger.debug(
        "molded images %s, detections %s", molded_images.shape, detections.shape
    )
    with_masks = masks and mask_patches is not None
    rows = np.asarray(mask_patches) if with_masks else [None] * len(detections)
    meta = parse_image_meta(image_metas)
    return [
        unmold_image(
            detections[index],
            rows[index],
            meta.original_image_shape[index],
            molded_images.shape[1:],
            meta.window[index],
        )
        for index in range(len(molded_images))
    ]


def _threshold(mask_threshold: float | None, config: Config) -> float:
    return config.MASK_THRESHOLD if mask_threshold is None else mask_threshold


def _checked_batch(
    molded_images: Any, image_metas: Any
) -> tuple[np.ndarray, np.ndarray]:
    shapes = {np.shape(image) for image in molded_images}
    metas = np.asarray(image_metas)
    if len(shapes) > 1 or len(metas) != len(molded_images):
        raise ValueError(
            "Molded images need one shape and one image meta each, but got "
            f"{len(molded_images)} images of the shapes {sorted(shapes)} and "
            f"{len(metas)} metas. Take both from mold_inputs()."
        )
    return np.asarray(molded_images, "float32"), metas


def _batches(groups: list[list[int]], batch_size: int) -> Iterator[list[int]]:
    for indices in groups:
        for start in range(0, len(indices), batch_size):
            yield indices[start : start + batch_size]


def _warn_of_cap(results: list[Instances], max_instances: int) -> None:
    capped = sum(len(instances) >= max_instances for instances in results)
    if capped:
        logger.warning(
            "%d of %d images reached DETECTION_MAX_INSTANCES = %d detections; raise it "
            "to see the others.",
            capped,
            len(results),
            max_instances,
        )


def show_progress(done: int, total: int) -> None:
    """A bar on stderr; its line ends with the last image."""
    end = "\n" if done == total else ""
    filled = 30 * done // total
    bar = "█" * filled + "·" * (30 - filled)
    sys.stderr.write(f"\rdetect {bar} {done}/{total} images{end}")
    sys.stderr.flush()
