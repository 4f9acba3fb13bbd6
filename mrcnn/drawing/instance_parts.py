"""What is to be drawn of instances, whatever form they came in.

Shapes: N instances, H W the image.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from mrcnn.geometry.arrays import Array
from mrcnn.geometry.boxes import box_area
from mrcnn.geometry.masks import mask_bounds

ClassNames = Sequence[str] | Mapping[int, str]


@runtime_checkable
class Detected(Protocol):
    """What drawing uses of a result that keeps masks local to its instances."""

    rois: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    class_names: Sequence[str] | None
    has_masks: bool

    def mask(self, index: int) -> np.ndarray:
        """One mask at full size, bool [H, W]."""


class InstanceParts(NamedTuple):
    """The instances of one image as arrays of equal lengths."""

    boxes: np.ndarray  # [N, 4] pixels
    class_ids: np.ndarray | None  # int [N]
    scores: np.ndarray | None  # [N]
    mask_of: Callable[[int], np.ndarray] | None  # index -> bool [H, W]
    class_names: ClassNames | None


def parts_of(result: Any, image_shape: Array) -> InstanceParts:
    """The parts of a result.

    Args:
        result: what `detect` gives for one image; or a mapping with any of the keys
            rois, class_ids, scores, masks, among them rois or masks
        image_shape: (H, W) or more, which masks must share
    """
    if isinstance(result, Mapping):
        return parts_of_arrays(
            result.get("rois"),
            result.get("masks"),
            result.get("class_ids"),
            result.get("scores"),
            image_shape=image_shape,
        )
    if isinstance(result, Detected):
        mask_of = result.mask if result.has_masks else None
        if mask_of is not None and len(result.rois):
            _check_mask_shape(mask_of(0).shape, image_shape)
        return InstanceParts(
            result.rois, result.class_ids, result.scores, mask_of, result.class_names
        )
    hint = " Hand in one of them: results[0]." if isinstance(result, list) else ""
    raise TypeError(
        f"Cannot draw {type(result).__name__}: expected what detect returns for one "
        f"image, or a dict with rois, class_ids, scores and masks.{hint}"
    )


def parts_of_arrays(
    boxes: Array | None,
    masks: Array | None,
    class_ids: Array | None = None,
    scores: Array | None = None,
    *,
    image_shape: Array,
) -> InstanceParts:
    """The parts of arrays, once their lengths agree.

    Args:
        boxes: [N, 4] pixels, or None for the bounds of the masks
        masks: [H, W, N], any number but 0 is set; or None
        class_ids: [N] or None
        scores: [N] or None
        image_shape: (H, W) or more
    """
    if masks is not None:
        masks = np.asarray(masks)
        if boxes is not None and not np.size(boxes) and not masks.size:
            masks = np.zeros((*image_shape[:2], 0), bool)
        masks = masks[..., None] if masks.ndim == 2 else masks
        _check_mask_shape(masks.shape, image_shape)
    if boxes is None:
        if masks is None:
            raise ValueError("There is nothing to draw: give boxes, masks or both.")
        boxes = mask_bounds(masks)
    boxes = np.asarray(boxes).reshape(-1, 4)
    class_ids = None if class_ids is None else np.asarray(class_ids, int).reshape(-1)
    scores = None if scores is None else np.asarray(scores, float).reshape(-1)
    lengths = {"boxes": len(boxes)}
    lengths |= {} if masks is None else {"masks": masks.shape[-1]}
    lengths |= {} if class_ids is None else {"class_ids": len(class_ids)}
    lengths |= {} if scores is None else {"scores": len(scores)}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"Each instance needs its entry in every array, but there are {lengths}. "
            "Masks are [height, width, instances]."
        )
    mask_of = None if masks is None else _picker(masks)
    return InstanceParts(boxes, class_ids, scores, mask_of, None)


def captions_of(
    parts: InstanceParts,
    class_names: ClassNames | None = None,
    captions: Sequence[str | None] | None = None,
) -> list[str]:
    """What to write beside each instance.

    Args:
        parts: of N instances
        class_names: by class id; by default those of the parts
        captions: [N] texts to write instead, None and "" for nothing

    Returns:
        [N] texts such as "cat 0.98"; a negative class id is a crowd's
    """
    count = len(parts.boxes)
    if captions is not None:
        if len(captions) < count:
            raise ValueError(f"{len(captions)} captions for {count} instances.")
        return ["" if text is None else str(text) for text in captions[:count]]
    texts = [""] * count
    if parts.class_ids is not None:
        names = parts.class_names if class_names is None else class_names
        texts = [class_text(class_id, names) for class_id in parts.class_ids.tolist()]
    if parts.scores is not None:
        texts = [
            text if np.isnan(score) else f"{text} {score:.2f}".strip()
            for text, score in zip(texts, parts.scores.tolist(), strict=True)
        ]
    return texts


def painting_order(boxes: np.ndarray, indices: Sequence[int]) -> list[int]:
    """Large boxes first, so that small ones stay visible on them."""
    areas = box_area(boxes)
    return sorted(indices, key=lambda index: -float(areas[index]))


def class_text(class_id: int, class_names: ClassNames | None) -> str:
    """The name of a class, or "class 3" where names are not known."""
    key = abs(class_id)
    known = class_names if class_names is not None else {}
    ids = known.keys() if isinstance(known, Mapping) else range(len(known))
    name = str(known[key]) if key in ids else f"class {key}"
    return f"{name} (crowd)" if class_id < 0 else name


def _picker(masks: np.ndarray) -> Callable[[int], np.ndarray]:
    return lambda index: masks[..., index] != 0


def _check_mask_shape(mask_shape: Array, image_shape: Array) -> None:
    if tuple(mask_shape[:2]) != tuple(image_shape[:2]):
        raise ValueError(
            f"Masks of the shape {tuple(mask_shape)} do not lie on an image of "
            f"{tuple(image_shape[:2])} pixels. Masks are [height, width, instances] of "
            "the image as loaded; mini-masks are brought to it by utils.expand_mask."
        )
