"""What a dataset's `load_mask` returned, made uniform or refused with the reason.

Users write `load_mask`, so it returns masks of any dtype and class ids of any kind.
The pipeline passes each pair through `checked_masks` once and needs no other care.

Shapes: H W the image, N instances.
"""

from typing import Any

import numpy as np


def checked_masks(
    masks: Any,
    class_ids: Any,
    image_shape: tuple[int, ...],
    num_classes: int,
    reference: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Masks and class ids of one image in their one form.

    Args:
        masks: [H, W, N] bool, or of any number dtype: what is not zero is the object
            (for floats, what is over one half); [H, W] for a single instance; a list
            of [H, W]; anything empty where there is no instance
        class_ids: [N] whole numbers of any dtype, or a list; negative marks a crowd
        image_shape: (H, W) or (H, W, C)
        num_classes: with background; class ids run to num_classes - 1
        reference: names the image in errors

    Returns:
        masks: bool [H, W, N]
        class_ids: int32 [N]

        An instance that is background (class id 0) and has an empty mask is left out:
        some datasets say "no object" so.
    """
    class_ids = _whole_numbers(class_ids, reference)
    masks = _stacked(masks, class_ids, reference)
    if masks.size == 0 and len(class_ids) == 0:
        return np.zeros((*image_shape[:2], 0), bool), class_ids
    _check_shape(masks, class_ids, image_shape, reference)
    masks = _as_bool(masks, reference)
    masks, class_ids = _without_empty_background(masks, class_ids)
    check_class_ids(class_ids, num_classes, reference)
    return masks, class_ids


def check_class_ids(class_ids: np.ndarray, num_classes: int, reference: str) -> None:
    """Raise a ValueError where an instance's class is background or does not exist."""
    allowed = (class_ids != 0) & (np.abs(class_ids) < num_classes)
    if not allowed.all():
        wrong = sorted({int(class_id) for class_id in class_ids[~allowed]})
        raise ValueError(
            f"load_mask of {reference} returned the class ids {wrong}, but they run "
            f"from 1 to {num_classes - 1} (0 is background). Class ids are positions "
            "in class_names: get them from map_source_class_id, and call add_class "
            "for every class."
        )


def _whole_numbers(class_ids: Any, reference: str) -> np.ndarray:
    """-> int32 [N]"""
    numbers = np.asarray([] if class_ids is None else class_ids).reshape(-1)
    is_number = numbers.dtype.kind in "iufb" or numbers.size == 0
    if not is_number or (numbers != np.round(numbers.astype("float64"))).any():
        raise ValueError(
            f"load_mask of {reference} returned the class ids {class_ids!r}, but one "
            "whole number per instance is expected. Find the number of a name with "
            "class_names.index(name)."
        )
    return numbers.astype("int32")


def _stacked(masks: Any, class_ids: np.ndarray, reference: str) -> np.ndarray:
    """[H, W, N] of any dtype, or [0]"""
    if masks is None:
        raise ValueError(
            f"load_mask of {reference} returned None for the masks. End it with "
            "`return masks, class_ids`."
        )
    if isinstance(masks, list | tuple) and len(masks) > 0:
        shapes = {np.shape(mask) for mask in masks}
        if len(shapes) == 1 and len(next(iter(shapes))) == 2:
            return np.stack(masks, axis=-1)  # [H, W, N]
    masks = np.asarray(masks)
    is_one_plane = masks.ndim == 2 and len(class_ids) == 1
    return masks[..., None] if is_one_plane else masks


def _check_shape(
    masks: np.ndarray,
    class_ids: np.ndarray,
    image_shape: tuple[int, ...],
    reference: str,
) -> None:
    height, width = image_shape[:2]
    count = len(class_ids)
    if masks.shape == (height, width, count):
        return
    if masks.shape[:2] == (height, width) and masks.ndim == 3:
        remedy = "Return one class id for each mask."
    elif masks.shape == (count, height, width):
        remedy = "Move the instances last: np.moveaxis(masks, 0, -1)."
    elif masks.shape[:2] == (width, height):
        remedy = (
            "Height and width are exchanged: either the masks are transposed, or the "
            "file's EXIF tag turns the image and the annotations were drawn on the "
            "unturned one."
        )
    elif masks.ndim == 2:
        remedy = "Stack the masks: np.stack(masks, axis=-1)."
    else:
        remedy = "Draw the masks on the image's own height and width."
    raise ValueError(
        f"load_mask of {reference} returned masks of shape {masks.shape} and {count} "
        f"class ids, but [height, width, instances] = {(height, width, count)} is "
        f"expected. {remedy}"
    )


def _as_bool(masks: np.ndarray, reference: str) -> np.ndarray:
    kind = masks.dtype.kind
    if kind == "b":
        return masks
    if kind in "ui":
        return masks != 0
    if kind == "f":
        if np.isnan(masks).any():
            raise ValueError(
                f"load_mask of {reference} returned masks that hold NaN. Return bool "
                "masks."
            )
        return masks > 0.5
    raise ValueError(
        f"load_mask of {reference} returned masks of dtype {masks.dtype}, but bool is "
        "expected. Return a bool array [height, width, instances]."
    )


def _without_empty_background(
    masks: np.ndarray, class_ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    is_background = class_ids == 0
    if not is_background.any():
        return masks, class_ids
    kept = ~is_background
    kept[is_background] = masks[..., is_background].any(axis=(0, 1))
    return masks[..., kept], class_ids[kept]
