"""What evaluation keeps of each image: ground truth and detections without pixels.

Masks become run-length codes as soon as they arrive, so memory holds a few hundred
bytes per instance and no picture. Everything in this room is computed from a list of
`EvaluatedImage`.

Shapes: H W the image, G ground-truth instances, D detections.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mrcnn.data.dataset import StatedSizes
from mrcnn.data.mask_checks import checked_masks
from mrcnn.geometry.boxes import pairwise_cover, pairwise_iou
from mrcnn.geometry.mask_coding import Rle, decode_rle, encode_rle, rle_area, rle_iou
from mrcnn.geometry.masks import mask_bounds

ImageId = int | str


class FoundInstances(Protocol):
    """What a detector must hand in for an image; `detect` returns such objects."""

    boxes: np.ndarray  # [D, 4] pixels
    class_ids: np.ndarray  # [D]
    scores: np.ndarray  # [D]

    def __len__(self) -> int: ...

    @property
    def has_masks(self) -> bool:
        """Whether `rle` has something to give."""
        ...

    def rle(self) -> list[Rle]:
        """Each mask's run-length code at the image's shape. [D]"""
        ...


@dataclass(frozen=True)
class GroundTruth:
    """The instances that there are in an image, without those whose mask is empty."""

    boxes: np.ndarray  # float64 [G, 4] pixels
    areas: np.ndarray  # float64 [G] pixels
    class_ids: np.ndarray  # int32 [G], positive for crowds too
    is_crowd: np.ndarray  # bool [G]
    rles: list[Rle]  # [G]

    def __len__(self) -> int:
        return len(self.class_ids)


@dataclass(frozen=True)
class Detections:
    """The instances that were found in an image, in the order they were handed in."""

    boxes: np.ndarray  # float64 [D, 4] pixels
    class_ids: np.ndarray  # int32 [D]
    scores: np.ndarray  # float64 [D]
    rles: list[Rle] | None  # [D], or None without masks

    def __len__(self) -> int:
        return len(self.class_ids)


@dataclass(frozen=True)
class EvaluatedImage:
    """One image's ground truth and detections."""

    image_id: ImageId
    image_shape: tuple[int, int]
    gt: GroundTruth
    detections: Detections

    def overlaps(self, *, use_masks: bool) -> np.ndarray:
        """How much each detection overlaps each ground-truth instance.

        Returns:
            [D, G] IoU; for crowds the share of the detection that lies in the crowd
        """
        gt, found = self.gt, self.detections
        if use_masks:
            if found.rles is None:
                raise ValueError(
                    f"The detections of image {self.image_id!r} have no masks. Detect "
                    "with masks, or compare boxes with use_masks=False."
                )
            return rle_iou(found.rles, gt.rles, gt.is_crowd)
        return np.where(
            gt.is_crowd,
            pairwise_cover(found.boxes, gt.boxes),
            pairwise_iou(found.boxes, gt.boxes),
        )


def keep_ground_truth(
    masks: Any,
    class_ids: Any,
    image_shape: Sequence[int],
    num_classes: int,
    reference: str,
    stated: StatedSizes | None = None,
) -> GroundTruth:
    """Ground truth of masks, as `load_mask` returns them, or of run-length codes.

    Args:
        masks: [H, W, G], see `checked_masks`, or [G] run-length codes
        class_ids: [G], negative for crowds
        image_shape: (H, W) or more
        num_classes: with background
        reference: names the image in errors
        stated: boxes and areas of the annotations, NaN where the mask is to say them
    """
    if isinstance(masks, list | tuple) and masks and isinstance(masks[0], dict):
        rles = list(masks)
        class_ids = np.asarray(class_ids, "int32").reshape(-1)
        _check_rles(rles, len(class_ids), image_shape, reference)
        _check_class_ids(np.abs(class_ids), num_classes, reference)
        bounds = [mask_bounds(decode_rle(rle)[..., None])[0] for rle in rles]
        boxes = np.stack(bounds)
    else:
        masks, class_ids = checked_masks(
            masks, class_ids, tuple(image_shape), num_classes, reference
        )
        rles = [encode_rle(masks[..., i]) for i in range(masks.shape[-1])]
        boxes = mask_bounds(masks)
    kept = np.flatnonzero(boxes.any(axis=1))
    areas = np.array([rle_area(rle) for rle in rles], "float64")
    if stated is not None:
        _check_stated(stated, len(rles), reference)
        boxes = np.where(np.isnan(stated.boxes), boxes, stated.boxes)
        areas = np.where(np.isnan(stated.areas), areas, stated.areas)
    return GroundTruth(
        boxes=boxes[kept].astype("float64"),
        areas=areas[kept],
        class_ids=np.abs(class_ids[kept]),
        is_crowd=class_ids[kept] < 0,
        rles=[rles[i] for i in kept],
    )


def keep_detections(
    instances: FoundInstances,
    image_shape: Sequence[int],
    num_classes: int,
    reference: str,
) -> Detections:
    """What evaluation needs of an image's instances, checked."""
    found = Detections(
        boxes=np.asarray(instances.boxes, "float64").reshape(-1, 4),
        class_ids=np.asarray(instances.class_ids, "int32").reshape(-1),
        scores=np.asarray(instances.scores, "float64").reshape(-1),
        rles=instances.rle() if instances.has_masks else None,
    )
    _check_class_ids(found.class_ids, num_classes, reference)
    for name, values in (("box", found.boxes), ("score", found.scores)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"A detection of {reference} has a {name} that is not finite. Weights "
                "that hold NaN do that: look whether training diverged."
            )
    if found.rles is not None:
        _check_rles(found.rles, len(found), image_shape, reference)
    return found


def no_detections() -> Detections:
    """Nothing found."""
    return Detections(np.zeros((0, 4)), np.zeros(0, "int32"), np.zeros(0), [])


def _check_stated(stated: StatedSizes, count: int, reference: str) -> None:
    shapes = np.shape(stated.boxes), np.shape(stated.areas)
    if shapes != ((count, 4), (count,)):
        raise ValueError(
            f"{reference} has {count} masks, but stated boxes and areas of the shapes "
            f"{shapes}: stated_sizes() must go with load_mask(), instance by instance."
        )


def _check_rles(
    rles: list[Rle], count: int, image_shape: Sequence[int], reference: str
) -> None:
    if len(rles) != count:
        raise ValueError(
            f"{reference} has {len(rles)} masks and {count} class ids: give one class "
            "id for each mask."
        )
    shape = [int(side) for side in image_shape[:2]]
    for rle in rles:
        if list(rle["size"]) != shape:
            raise ValueError(
                f"{reference} measures {shape} (height, width), but a mask of it "
                f"{list(rle['size'])}. Evaluate on the images as they were loaded."
            )


def _check_class_ids(class_ids: np.ndarray, num_classes: int, reference: str) -> None:
    wrong = class_ids[(class_ids < 1) | (class_ids >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"{reference} has the class ids {sorted(set(wrong.tolist()))}, but they "
            f"run from 1 to {num_classes - 1} here. Model and dataset need the same "
            "classes in the same order."
        )
