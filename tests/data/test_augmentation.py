import sys

import imgaug.augmenters as iaa
import numpy as np
import pytest

from mrcnn.data.augmentation import Compose, apply_augmentation, augment_with_boxes
from mrcnn.data.transforms import (
    ColorJitter,
    HorizontalFlip,
    LargeScaleJitter,
    Rotate90,
    VerticalFlip,
)
from mrcnn.geometry.masks import mask_bounds
from tests.scenes import draw_ellipse, rectangle_scene

GEOMETRIC = [
    iaa.Rot90(1),
    iaa.Rot90(1, keep_size=False),
    iaa.Fliplr(1.0),
    iaa.Affine(translate_px={"x": 5, "y": -3}),
    iaa.Affine(rotate=(-40, 40), scale=(0.7, 1.3)),
    iaa.Crop(percent=0.2),
    iaa.CropToFixedSize(48, 40),
    iaa.PerspectiveTransform(0.1),
    iaa.Sequential([iaa.Fliplr(0.5), iaa.Sometimes(0.5, iaa.Affine(rotate=30))]),
]
COLOUR = [
    iaa.Multiply((0.5, 1.5)),
    iaa.GaussianBlur((0.5, 2.0)),
    iaa.LinearContrast(0.5),
    iaa.CoarseDropout(0.2, size_percent=0.2),
    iaa.Invert(1.0),
]


@pytest.fixture
def bright_shapes() -> tuple[np.ndarray, np.ndarray]:
    """Seven ellipses; where any is, the image is bright."""
    masks = np.zeros((64, 96, 7), bool)
    for i in range(7):
        masks[10:50, 8 * i : 8 * i + 40, i] = draw_ellipse(40, (20, 20), (18, 9), i)
    image = np.repeat(250 * masks.any(axis=-1, keepdims=True), 3, axis=-1)
    return image.astype("uint8"), masks


@pytest.mark.parametrize("augmenter", GEOMETRIC, ids=lambda a: type(a).__name__)
def test_imgaug_moves_masks_with_the_image(augmenter, bright_shapes, rng):
    image, masks = bright_shapes
    for _ in range(3):
        moved, moved_masks = apply_augmentation(augmenter, image, masks, rng)
        assert moved_masks.dtype == bool
        assert moved_masks.shape == (*moved.shape[:2], 7)
        bright, covered = moved[..., 0] > 125, moved_masks.any(axis=-1)
        iou = (bright & covered).sum() / (bright | covered).sum()
        # The image is sampled between pixels, masks take the nearest.
        assert iou > 0.94


@pytest.mark.parametrize("augmenter", COLOUR, ids=lambda a: type(a).__name__)
def test_imgaug_leaves_masks_alone_where_only_colours_change(
    augmenter, bright_shapes, rng
):
    image, masks = bright_shapes
    changed, same = apply_augmentation(augmenter, image, masks, rng)
    np.testing.assert_array_equal(same, masks)
    assert (changed != image).any()


BOXES = [[3, 5, 40, 61], [20, 30, 21, 90], [0, 0, 64, 96], [33, 7, 50, 19]]


def randomly_cropped(image, masks, rng):
    """A function of the user's."""
    y, x = rng.integers(0, 20, 2)
    return image[y : y + 40, x : x + 50], masks[y : y + 40, x : x + 50]


@pytest.mark.parametrize(
    "augmentation",
    [
        *GEOMETRIC,
        HorizontalFlip(1),
        VerticalFlip(1),
        Rotate90(),
        [Rotate90(), iaa.Affine(rotate=20), ColorJitter()],
        randomly_cropped,
    ],
    ids=lambda a: getattr(a, "__name__", type(a).__name__),
)
def test_boxes_equal_to_those_of_instances_stay_equal(augmentation, rng):
    image, boxes, _, masks = rectangle_scene((64, 96), BOXES, [1] * 4)
    num_left = 0
    for _ in range(3):
        moved, moved_masks, moved_boxes = augment_with_boxes(
            augmentation, image, masks, boxes.astype("float32"), rng
        )
        bounds = mask_bounds(moved_masks)
        bounds = bounds[bounds.any(axis=1)]
        assert moved_masks.shape == (*moved.shape[:2], 4)
        np.testing.assert_array_equal(moved_boxes, bounds)
        num_left += len(bounds)
    assert num_left > 0


def test_boxes_are_scaled_like_masks_but_for_ties_between_two_pixels():
    large = [BOXES[0], BOXES[2], BOXES[3]]
    image, boxes, _, masks = rectangle_scene((64, 96), large, [1] * 3)
    same = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        _, moved_masks, moved_boxes = augment_with_boxes(
            LargeScaleJitter(0.5, 2.0), image, masks, boxes.astype("float32"), rng
        )
        bounds = mask_bounds(moved_masks)
        bounds = bounds[bounds.any(axis=1)]
        assert np.abs(moved_boxes - bounds).max() <= 1
        same.append((moved_boxes == bounds).all())
    assert np.mean(same) > 0.7


@pytest.mark.parametrize(
    "augmentation", [ColorJitter(), *COLOUR], ids=lambda one: type(one).__name__
)
def test_boxes_keep_their_fractions_where_only_colours_change(
    augmentation, bright_shapes, rng
):
    boxes = np.array([[1.25, 2.5, 30.75, 40.125]], "float32")
    _, masks, same = augment_with_boxes(augmentation, *bright_shapes, boxes, rng)
    np.testing.assert_array_equal(same, boxes)
    np.testing.assert_array_equal(masks, bright_shapes[1])


@pytest.mark.parametrize("with_boxes", [False, True])
def test_boxes_change_nothing_for_image_and_masks(with_boxes, bright_shapes):
    augmentation = [iaa.Affine(rotate=(-40, 40)), Rotate90(), LargeScaleJitter()]
    boxes = np.array(BOXES, "float32")[: 4 * with_boxes]
    expected = apply_augmentation(
        augmentation, *bright_shapes, np.random.default_rng(3)
    )
    *changed, _ = augment_with_boxes(
        augmentation, *bright_shapes, boxes, np.random.default_rng(3)
    )
    for one, other in zip(changed, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_boxes_of_which_nothing_is_left_are_left_out(bright_shapes, rng):
    boxes = np.array([[0, 0, 8, 8], [20, 40, 60, 96]], "float32")
    crop = iaa.Crop(px=(16, 0, 0, 32), keep_size=False)
    _, _, left = augment_with_boxes(crop, *bright_shapes, boxes, rng)
    assert left.tolist() == [[20 - 16, 40 - 32, 60 - 16, 96 - 32]]


def test_imgaug_draws_from_the_generator_only(bright_shapes):
    augmenter = iaa.Sequential([iaa.Affine(rotate=(-90, 90)), iaa.Multiply((0.5, 1.5))])

    def augment(seed):
        rng = np.random.default_rng(seed)
        return apply_augmentation(augmenter, *bright_shapes, rng)

    first, other, again = augment(1), augment(2), augment(1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize("count", [0, 1, 4, 5, 600])
def test_imgaug_takes_any_number_of_masks(count, rng):
    image = np.zeros((8, 12, 3), "uint8")
    masks = rng.random((8, 12, count)) > 0.5
    moved, moved_masks = apply_augmentation(
        iaa.Rot90(1, keep_size=False), image, masks, rng
    )
    assert moved.shape == (12, 8, 3)
    np.testing.assert_array_equal(moved_masks, np.rot90(masks, -1))


def test_an_imgaug_that_does_not_import_is_explained(monkeypatch, bright_shapes, rng):
    monkeypatch.setitem(sys.modules, "imgaug.augmentables.segmaps", None)
    with pytest.raises(ImportError, match=r"pip install imaug.*libGL.*headless"):
        apply_augmentation(iaa.Fliplr(1.0), *bright_shapes, rng)


class Mirror:
    """Called as albumentations' compositions are."""

    def __init__(self, with_seed: bool):
        self.seed = None
        if with_seed:
            self.set_random_seed = self._set

    def _set(self, seed):
        self.seed = seed

    def __call__(self, *args, force_apply=False, **data):
        assert not args
        assert all(mask.dtype == np.uint8 for mask in data["masks"])
        seed = None if self.seed is None else self.seed
        return {
            "image": data["image"][:, ::-1],
            "masks": [mask[:, ::-1] for mask in data["masks"]],
            "seed": seed,
        }


@pytest.mark.parametrize("with_seed", [False, True])
def test_a_composition_of_albumentations_is_called_by_keywords(
    with_seed, bright_shapes, rng
):
    image, masks = bright_shapes
    mirror = Mirror(with_seed)
    moved, moved_masks = apply_augmentation(mirror, image, masks, rng)
    np.testing.assert_array_equal(moved, image[:, ::-1])
    np.testing.assert_array_equal(moved_masks, masks[:, ::-1])
    # The object itself may be in use by another thread.
    assert mirror.seed is None
    no_masks = apply_augmentation(mirror, image, masks[..., :0], rng)[1]
    assert no_masks.shape == (64, 96, 0)


def test_a_plain_function_gets_image_masks_and_generator(bright_shapes, rng):
    image, masks = bright_shapes

    def darken(image, masks, rng=None):
        assert isinstance(rng, np.random.Generator)
        return image // 2, masks.astype("uint8")

    dark, same = apply_augmentation(darken, image, masks, rng)
    assert dark.max() == 125
    assert same.dtype == bool


def test_a_composition_applies_all_of_any_make_in_order(bright_shapes, rng):
    image, masks = bright_shapes
    compose = Compose(HorizontalFlip(1), iaa.Flipud(1.0), ColorJitter(0, 0, 0))
    moved, moved_masks = compose(image, masks, rng)
    np.testing.assert_array_equal(moved, image[::-1, ::-1])
    np.testing.assert_array_equal(moved_masks, masks[::-1, ::-1])
    inner = Compose(VerticalFlip(1), Compose(VerticalFlip(1)), Compose())
    np.testing.assert_array_equal(inner(image, masks, rng)[0], image)


def test_a_list_is_applied_in_order_and_imgaugs_lists_as_imgaug_says(
    bright_shapes, rng
):
    image, masks = bright_shapes
    both = [VerticalFlip(1), HorizontalFlip(1)]
    moved, moved_masks = apply_augmentation(both, image, masks, rng)
    np.testing.assert_array_equal(moved, image[::-1, ::-1])
    np.testing.assert_array_equal(moved_masks, masks[::-1, ::-1])
    # It is a list of augmenters of which none shall be applied.
    none_of = iaa.SomeOf(0, [iaa.Fliplr(1.0), iaa.Flipud(1.0)])
    assert isinstance(none_of, list)
    np.testing.assert_array_equal(
        apply_augmentation(none_of, image, masks, rng)[0], image
    )


def test_a_grey_image_may_come_back_without_its_axis(rng):
    image, masks = np.zeros((4, 5, 1), "uint8"), np.zeros((4, 5, 2), bool)
    moved, _ = apply_augmentation(lambda i, m, rng: (i[..., 0], m), image, masks, rng)
    assert moved.shape == (4, 5, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda image, masks, rng: image, "returned ndarray"),
        (lambda image, masks, rng: (image[::2], masks), "keep one height"),
        (lambda image, masks, rng: (image, masks[..., :1]), "number of channels"),
        (lambda image, masks, rng: (image[..., :1], masks), "made an image of shape"),
        (lambda image, masks, rng: None, "returned NoneType"),
    ],
)
def test_what_cannot_be_an_image_and_its_masks_is_refused(
    wrong, message, bright_shapes, rng
):
    with pytest.raises(ValueError, match=message):
        apply_augmentation(wrong, *bright_shapes, rng)


def test_what_is_no_augmentation_at_all_is_refused(bright_shapes, rng):
    with pytest.raises(TypeError, match="list of these"):
        apply_augmentation("flip", *bright_shapes, rng)
