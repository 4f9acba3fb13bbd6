"""Augmentation of any make, applied so that masks go where the image goes.

Accepted are the package's own transforms, imgaug's augmenters, albumentations'
compositions and plain functions. Boxes of instances are no part of it: they are
measured on the masks afterwards. Other boxes go where masks of them would go.

Shapes: H W before, H' W' after, C channels, N instances, R boxes.
"""

import copy
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.data.pixel_origins import moved_boxes, origin_masks, pixel_origins

# Families are told by the package that an object's class, or a base of it, is from.
_IMGAUG = ("imgaug", "imaug")

# imgaug hands masks to OpenCV, which is quick with up to four channels.
_IMGAUG_CHANNELS = 4


class Compose:
    """Several augmentations of any make, one after the other."""

    def __init__(self, *augmentations: Any) -> None:
        self.augmentations = augmentations

    def __call__(
        self, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image and masks after all of them. See `apply_augmentation`."""
        for augmentation in self.augmentations:
            image, masks = apply_augmentation(augmentation, image, masks, rng)
        return image, masks


def apply_augmentation(
    augmentation: Any, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Image and masks changed together; all chance comes from `rng`.

    Args:
        augmentation: one of
            a transform of `mrcnn.data.transforms`, or a function of your own: called
                with (image, masks, rng), it returns (image, masks);
            an augmenter of imgaug: whatever moves pixels also moves masks;
            a composition of albumentations: called with image= and masks=, a list;
            a list of these, applied one after the other.
            What others make is copied first, so threads may share one object
        image: [H, W, C]
        masks: bool [H, W, N]
        rng: the only source of chance, but for functions that have one of their own

    Returns:
        image [H', W', C] and masks bool [H', W', N]. A mask may have become empty.
    """
    if _is_of(augmentation, *_IMGAUG):
        changed = _apply_imgaug(augmentation, image, masks, rng)
    elif isinstance(augmentation, list | tuple):
        changed = Compose(*augmentation)(image, masks, rng)
    elif _takes_keywords(augmentation):
        changed = _apply_albumentations(augmentation, image, masks, rng)
    elif callable(augmentation):
        changed = augmentation(image, masks, rng)
    else:
        raise TypeError(
            f"augmentation is {augmentation!r}, but a transform of "
            "mrcnn.data.transforms, an imgaug augmenter, an albumentations "
            "composition, a function(image, masks, rng) or a list of these is expected."
        )
    return _checked(changed, image, masks, augmentation)


def augment_with_boxes(
    augmentation: Any,
    image: np.ndarray,
    masks: np.ndarray,
    boxes: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, masks and boxes changed together.

    Args:
        augmentation: see `apply_augmentation`. It is given more masks than those of
            the instances, after them; `pixel_origins.py` says what they tell
        image: [H, W, C]
        masks: bool [H, W, N]
        boxes: [R, 4] pixels inside the image
        rng: the only source of chance

    Returns:
        image [H', W', C], masks bool [H', W', N], boxes float32 [R', 4]. Boxes of
        which nothing is left are left out. Where pixels move, boxes are of whole pixels
        afterwards; elsewhere they stay as they are.
    """
    if not len(boxes):
        return *apply_augmentation(augmentation, image, masks, rng), boxes
    shape, count = image.shape, masks.shape[2]
    origins = origin_masks(shape)
    joined = np.concatenate([np.moveaxis(one, -1, 0) for one in (masks, origins)])
    image, moved = apply_augmentation(
        augmentation, image, np.moveaxis(joined, 0, -1), rng
    )
    if not np.array_equal(moved[..., count:], origins):
        boxes, is_seen = moved_boxes(boxes, *pixel_origins(moved[..., count:], shape))
        boxes = boxes[is_seen]
    return image, moved[..., :count], boxes


def _apply_imgaug(
    augmenter: Any, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    maps_on_image = _imgaug_maps(augmenter)
    # A deterministic copy does to every array what it does to the first.
    fixed = augmenter.to_deterministic()
    fixed.seed_(int(rng.integers(2**31)), deterministic_too=True)
    changed = fixed.augment_image(np.ascontiguousarray(image))
    parts = [
        fixed.augment_segmentation_maps(
            maps_on_image(np.ascontiguousarray(part), shape=image.shape)
        ).get_arr()
        for part in _slices(masks, _IMGAUG_CHANNELS)
    ]
    if not parts:
        return changed, np.zeros((*changed.shape[:2], 0), bool)
    return changed, np.concatenate(parts, axis=-1)


def _imgaug_maps(augmenter: Any) -> Any:
    """The class SegmentationMapsOnImage of the package that an augmenter is from."""
    name = next(
        base.__module__.split(".")[0]
        for base in type(augmenter).__mro__
        if base.__module__.split(".")[0] in _IMGAUG
    )
    try:
        module = importlib.import_module(f"{name}.augmentables.segmaps")
    except ImportError as error:
        raise ImportError(
            f"{name} does not import ({error}). Run `pip install imaug`, the "
            "maintained imgaug, which is imported as imgaug. Where libGL.so.1 is "
            "missing, run `pip install --force-reinstall --no-deps "
            "opencv-python-headless` after it, or `apt-get install libgl1`."
        ) from error
    return module.SegmentationMapsOnImage


def _slices(masks: np.ndarray, count: int) -> Iterator[np.ndarray]:
    for start in range(0, masks.shape[2], count):
        yield masks[..., start : start + count]


def _apply_albumentations(
    composition: Any, image: np.ndarray, masks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    composition = copy.deepcopy(composition)
    if hasattr(composition, "set_random_seed"):
        composition.set_random_seed(int(rng.integers(2**31)))
    planes = [
        np.ascontiguousarray(masks[..., index], "uint8")
        for index in range(masks.shape[2])
    ]
    # Some versions refuse an empty list of masks.
    changed = composition(
        image=np.ascontiguousarray(image),
        masks=planes or [np.zeros(image.shape[:2], "uint8")],
    )
    moved = [np.asarray(plane) != 0 for plane in changed["masks"]] if planes else []
    shape = changed["image"].shape[:2]
    stacked = np.stack(moved, axis=-1) if moved else np.zeros((*shape, 0), bool)
    return changed["image"], stacked


def _is_of(augmentation: Any, *packages: str) -> bool:
    """Whether the object's class, or a base of it, is from one of the packages."""
    roots = {base.__module__.split(".")[0] for base in type(augmentation).__mro__}
    return not roots.isdisjoint(packages)


def _takes_keywords(augmentation: Any) -> bool:
    """Whether it is called with image= and masks= alone, as albumentations is."""
    try:
        signature = inspect.signature(augmentation)
        signature.bind(image=None, masks=None)
    except (TypeError, ValueError):
        return False
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds or not _takes_three(signature)


def _takes_three(signature: inspect.Signature) -> bool:
    try:
        signature.bind(None, None, None)
    except TypeError:
        return False
    return True


def _checked(
    changed: Any, image: np.ndarray, masks: np.ndarray, augmentation: Any
) -> tuple[np.ndarray, np.ndarray]:
    """What an augmentation returned, if it can be an image and its masks."""
    name = getattr(augmentation, "__name__", type(augmentation).__name__)
    if not isinstance(changed, tuple | list) or len(changed) != 2:
        raise ValueError(
            f"The augmentation {name} returned {type(changed).__name__}, but a tuple "
            "(image, masks) is expected."
        )
    new_image, new_masks = (np.asarray(part) for part in changed)
    if new_image.ndim == 2:
        new_image = new_image[..., None]  # [H', W', 1]
    expected = (*new_image.shape[:2], masks.shape[2])
    if new_image.shape[2:] != image.shape[2:] or new_masks.shape != expected:
        raise ValueError(
            f"The augmentation {name} made an image of shape {new_image.shape} and "
            f"masks of shape {new_masks.shape} from {image.shape} and {masks.shape}. "
            "Image and masks have to keep one height and width, and the number of "
            "channels and of masks."
        )
    return new_image, new_masks.astype(bool, copy=False)
