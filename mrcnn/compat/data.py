"""The data pipeline under matterport's names, arguments and results.

Old callers get what they expect, made by `mrcnn.data`. Random numbers follow NumPy's
global state, so `np.random.seed` still makes runs repeat.

Shapes: B images, H W molded height and width, A anchors, G gt slots, N instances, T
rois that heads train on, S side of a mask patch, K classes with background.
"""

import itertools
import logging
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from mrcnn.compat.anchors import build_rpn_targets
from mrcnn.compat.detection_targets import (
    build_detection_targets,
    generate_random_rois,
)
from mrcnn.config import Config
from mrcnn.data import molding
from mrcnn.data.augmentation import Compose
from mrcnn.data.batches import Batch
from mrcnn.data.dataset import Dataset
from mrcnn.data.examples import load_example
from mrcnn.data.loader import Loader
from mrcnn.data.seeding import seeded_globals
from mrcnn.data.transforms import HorizontalFlip
from mrcnn.geometry.arrays import Array
from mrcnn.geometry.conventions import CONVENTIONS, GeometryName
from mrcnn.network_anchors import pixel_anchors_for_image

logger = logging.getLogger("mrcnn")

Inputs = list[np.ndarray]


def load_image_gt(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """An image and its ground truth; see `load_example`.

    `augment` asks for a random flip, an old form of `augmentation`.

    Returns:
        ==========  ==========================  ======================================
        image       [H, W, C], mostly uint8     resized and padded, mean not subtracted
        image_meta  [12 + K]                    see `compose_image_meta`
        class_ids   int32 [N]                   negative for crowds
        bbox        int32 [N, 4]                pixels
        mask        bool [H, W, N]              or mini-masks [h, w, N] if asked for
        ==========  ==========================  ======================================

        Instances of which nothing is left are dropped; all others are there.
    """
    example = load_example(
        dataset,
        config,
        image_id,
        rng=np.random.default_rng(np.random.randint(2**31)),
        augmentation=_with_flip(augmentation, augment),
        use_mini_mask=use_mini_mask,
    )
    return (
        example.image,
        example.image_meta,
        example.class_ids,
        example.boxes,
        example.masks,
    )


def data_generator(
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Collection[str] | None = None,
) -> Iterator[tuple[Inputs, Inputs]]:
    """Endless batches as (inputs, outputs); see `DataGenerator`."""
    batches = DataGenerator(
        dataset,
        config,
        shuffle=shuffle,
        augmentation=_with_flip(augmentation, augment),
        random_rois=random_rois,
        detection_targets=detection_targets,
        batch_size=batch_size,
        no_augmentation_sources=no_augmentation_sources,
    )
    for epoch in itertools.count():
        for step in range(len(batches)):
            yield batches.make(epoch, step)


class DataGenerator:
    """Batches by index, in the manner of a Keras `Sequence`.

    Each item is a pair. The inputs:

    ==================  ======================  =======================================
    images              float32 [B, H, W, C]    mean subtracted
    image_meta          float32 [B, 12 + K]
    rpn_match           int32 [B, A, 1]         1, -1 or 0
    rpn_bbox            float32 [B, ., 4]       deltas of the positive anchors, in order
    gt_class_ids        int32 [B, G]
    gt_boxes            int32 [B, G, 4]         pixels
    gt_masks            bool [B, h, w, G]
    rpn_rois            int32 [B, ., 4]         with `random_rois`: so many
    rois                int32 [B, T, 4]         and with `detection_targets`
    ==================  ======================  =======================================

    The outputs are empty, or with `detection_targets` class ids [B, T, 1], deltas [B,
    T, K, 4] and mask patches [B, T, S, S, K]. Images without objects come as they are:
    all their anchors are negative.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        shuffle: bool = True,
        augmentation: Any = None,
        random_rois: int = 0,
        detection_targets: bool = False,
        *,
        batch_size: int | None = None,
        no_augmentation_sources: Collection[str] | None = None,
    ) -> None:
        if detection_targets and not random_rois:
            raise ValueError(
                "detection_targets needs rois to make targets for: give random_rois."
            )
        self.config = config
        self.geometry: GeometryName = config.GEOMETRY or "matterport"
        self.convention = CONVENTIONS[self.geometry]
        self.random_rois = random_rois
        self.detection_targets = detection_targets
        self.batch_size = batch_size or config.BATCH_SIZE
        self.epoch = 0
        self.seed = int(np.random.randint(2**31))
        self._anchors: dict[tuple[int, ...], np.ndarray] = {}
        self._loader = Loader(
            dataset,
            config,
            convention=self.convention,
            augmentation=augmentation,
            shuffle=shuffle,
            seed=self.seed,
            batch_size=self.batch_size,
            steps_per_epoch=-(-len(dataset.image_ids) // self.batch_size),
            no_augmentation_sources=no_augmentation_sources,
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __getitem__(self, index: int) -> tuple[Inputs, Inputs]:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches, but got index {index}.")
        return self.make(self.epoch, index)

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch, which has another order."""
        self.epoch += 1

    def make(self, epoch: int, step: int) -> tuple[Inputs, Inputs]:
        """One batch; always the same for one epoch and step."""
        batch = self._loader.batch(epoch, step)
        assert batch is not None
        with seeded_globals((self.seed, epoch, step)):
            return self._add_targets(batch)

    def _add_targets(self, batch: Batch) -> tuple[Inputs, Inputs]:
        gt_class_ids = batch["input_gt_class_ids"]
        gt_boxes = batch["input_gt_boxes"].astype("int32")
        image_shape = batch["input_image"].shape[1:]
        anchors = self._anchors_of(image_shape)
        rpn_targets = [
            build_rpn_targets(image_shape, anchors, *truth, self.config)
            for truth in zip(gt_class_ids, gt_boxes, strict=True)
        ]
        inputs = [
            batch["input_image"],
            batch["input_image_meta"],
            np.stack([match for match, _ in rpn_targets])[..., None],  # [B, A, 1]
            np.stack([deltas for _, deltas in rpn_targets]).astype("float32"),
            gt_class_ids,
            gt_boxes,
            batch["input_gt_masks"],
        ]
        if not self.random_rois:
            return inputs, []
        rois = np.stack(
            [
                generate_random_rois(image_shape, self.random_rois, *truth)
                for truth in zip(gt_class_ids, gt_boxes, strict=True)
            ]
        )
        inputs.append(rois)
        if not self.detection_targets:
            return inputs, []
        truth = zip(rois, gt_class_ids, gt_boxes, batch["input_gt_masks"], strict=True)
        targets = [build_detection_targets(*image, self.config) for image in truth]
        rois, class_ids, deltas, masks = map(np.stack, zip(*targets, strict=True))
        return [*inputs, rois], [class_ids[..., None], deltas, masks]

    def _anchors_of(self, image_shape: tuple[int, ...]) -> np.ndarray:
        """[A, 4] pixels"""
        if image_shape not in self._anchors:
            self._anchors[image_shape] = pixel_anchors_for_image(
                self.config, image_shape, self.geometry
            )
        return self._anchors[image_shape]


def mold_image(images: Array, config: Config) -> np.ndarray:
    """Images minus `MEAN_PIXEL`, over `PIXEL_STD`. [..., C] -> float32 [..., C]"""
    return molding.mold_image(images, config.MEAN_PIXEL, config.PIXEL_STD)


def unmold_image(normalized_images: Array, config: Config) -> np.ndarray:
    """The images that were molded. [..., C] -> uint8 [..., C]"""
    return molding.unmold_image(normalized_images, config.MEAN_PIXEL, config.PIXEL_STD)


def _with_flip(augmentation: Any, augment: bool) -> Any:
    if not augment:
        return augmentation
    logger.warning("'augment' is an old form: use augmentation=HorizontalFlip().")
    flip = HorizontalFlip()
    return flip if augmentation is None else Compose(flip, augmentation)
