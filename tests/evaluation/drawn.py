"""Rectangles as ground truth and as detections, and ground truth damaged at random."""

from collections.abc import Sequence

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.evaluation.records import (
    EvaluatedImage,
    keep_detections,
    keep_ground_truth,
)
from mrcnn.inference.results import Instances
from tests.scenes import rectangle_scene

Box = Sequence[float]


def rectangles(
    found: Sequence[tuple[Box, int, float]], image_shape=(40, 40), *, masks=True
) -> Instances:
    """Detections of (box, class id, score) with the filled boxes as masks."""
    boxes = np.array([box for box, _, _ in found]).reshape(-1, 4)
    class_ids = [class_id for _, class_id, _ in found]
    scores = [score for _, _, score in found]
    if not masks:
        return Instances(boxes, class_ids, scores, image_shape)
    scene = rectangle_scene(image_shape, boxes, class_ids)
    return Instances.from_masks(boxes, class_ids, scores, scene.masks)


def evaluated(
    gt: Sequence[tuple[Box, int]],
    found: Sequence[tuple[Box, int, float]],
    *,
    image_id=0,
    num_classes=4,
    image_shape=(40, 40),
    masks=True,
) -> EvaluatedImage:
    """One image with the ground truth (box, class id), negative for crowds."""
    scene = rectangle_scene(image_shape, [b for b, _ in gt], [i for _, i in gt])
    reference = f"image {image_id}"
    return EvaluatedImage(
        image_id,
        image_shape,
        keep_ground_truth(
            scene.masks, scene.class_ids, image_shape, num_classes, reference
        ),
        keep_detections(
            rectangles(found, image_shape, masks=masks),
            image_shape,
            num_classes,
            reference,
        ),
    )


def damaged(
    rng: np.random.Generator, masks: np.ndarray, class_ids: np.ndarray, num_classes: int
) -> Instances:
    """Ground truth that was moved, frayed, renamed, doubled, lost and invented.

    Scores have one decimal, so that many are equal.
    """
    height, width = masks.shape[:2]
    parts, ids = [], []
    for i, class_id in enumerate(np.abs(class_ids)):
        for _ in range(rng.choice(3, p=[0.15, 0.65, 0.2])):
            mask = np.roll(masks[..., i], rng.integers(-6, 7, 2), axis=(0, 1))
            mask &= rng.random() * 0.3 < rng.random((height, width))
            parts.append(mask)
            is_renamed = rng.random() < 0.2
            ids.append(rng.integers(1, num_classes) if is_renamed else class_id)
    for _ in range(rng.integers(0, 3)):
        y, x = rng.integers(0, height - 8), rng.integers(0, width - 8)
        mask = np.zeros((height, width), bool)
        mask[y : y + rng.integers(4, 99), x : x + rng.integers(4, 99)] = True
        parts.append(mask)
        ids.append(rng.integers(1, num_classes))
    stack = np.stack(parts, -1) if parts else np.zeros((height, width, 0), bool)
    scores = rng.integers(1, 10, len(ids)) / 10
    found = Instances.from_masks(None, np.array(ids, int), scores, stack)
    boxes = found.boxes + rng.uniform(-2, 2, (len(ids), 4)).astype("float32")
    return Instances.from_masks(boxes, found.class_ids, scores, stack)


def damaged_dataset(rng: np.random.Generator, dataset: Dataset) -> dict[int, Instances]:
    """Damaged ground truth of every image, by image id."""
    return {
        int(image_id): damaged(rng, *dataset.load_mask(image_id), dataset.num_classes)
        for image_id in dataset.image_ids
    }
