import numpy as np
import pytest

from mrcnn.data.transforms import (
    ColorJitter,
    HorizontalFlip,
    LargeScaleJitter,
    Rotate90,
    VerticalFlip,
)
from tests.scenes import draw_blob, draw_ellipse

GEOMETRIC = [
    HorizontalFlip(1),
    VerticalFlip(1),
    Rotate90(),
    LargeScaleJitter(0.5, 2.0),
    LargeScaleJitter(1.5, 1.5),
]


class Draws:
    """Gives the numbers it was made with."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self):
        return self.numbers.pop(0)

    def uniform(self, low, high):
        return self.numbers.pop(0)

    def integers(self, *args, **kwargs):
        return self.numbers.pop(0)


@pytest.fixture
def bright_shapes(rng) -> tuple[np.ndarray, np.ndarray]:
    """Two shapes, each the only light in a channel of its own."""
    masks = np.zeros((60, 80, 2), bool)
    masks[2:42, 30:70, 0] = draw_ellipse(40, (20, 20), (18, 9), 0.4)
    masks[20:60, 10:50, 1] = draw_blob(rng, 40, (20, 20), 18)
    image = np.zeros((60, 80, 3), "uint8")
    image[..., :2] = 250 * masks
    return image, masks


@pytest.mark.parametrize("transform", GEOMETRIC)
def test_masks_go_where_the_image_goes(transform, bright_shapes, rng):
    image, masks = bright_shapes
    for _ in range(8):
        moved, moved_masks = transform(image, masks, rng)
        assert moved.dtype == np.uint8
        assert moved_masks.dtype == bool
        # Half of the brightness decides, but for what rounding to bytes may shift.
        light = moved[..., :2]
        assert moved_masks[light > 127].all()
        assert not moved_masks[light < 123].any()


@pytest.mark.parametrize("transform", [*GEOMETRIC, ColorJitter()])
def test_arguments_stay_and_any_channels_and_no_masks_pass(transform, rng):
    for channels in (1, 3, 5):
        image = rng.integers(0, 256, (20, 30, channels), "uint8")
        before = image.copy()
        moved, masks = transform(image, np.zeros((20, 30, 0), bool), rng)
        np.testing.assert_array_equal(image, before)
        assert moved.shape[2] == channels
        assert masks.shape == (*moved.shape[:2], 0)


@pytest.mark.parametrize("transform", GEOMETRIC[:3])
def test_masks_of_either_layout_in_memory_move_alike(transform, bright_shapes):
    image, masks = bright_shapes
    planes = np.ascontiguousarray(np.moveaxis(masks, -1, 0))
    moved = [
        transform(image, layout, np.random.default_rng(1))[1]
        for layout in (masks, np.moveaxis(planes, 0, -1))
    ]
    np.testing.assert_array_equal(*moved)
    assert moved[0].flags.c_contiguous
    assert np.moveaxis(moved[1], -1, 0).flags.c_contiguous


@pytest.mark.parametrize("transform", [*GEOMETRIC, ColorJitter(), HorizontalFlip()])
def test_the_same_generator_gives_the_same(transform, bright_shapes):
    pairs = [transform(*bright_shapes, np.random.default_rng(seed)) for seed in (4, 4)]
    for first, second in zip(*pairs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_flips_exchange_the_ends():
    image = np.arange(6, dtype="uint8").reshape(2, 3, 1)
    masks = image == 2
    flipped, flipped_masks = HorizontalFlip(1)(image, masks, Draws(0.0))
    assert flipped[..., 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert np.argwhere(flipped_masks).tolist() == [[0, 0, 0]]
    flipped, flipped_masks = VerticalFlip(1)(image, masks, Draws(0.0))
    assert flipped[..., 0].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert np.argwhere(flipped_masks).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("flip", [HorizontalFlip, VerticalFlip])
def test_a_flip_happens_as_often_as_its_probability_says(flip, rng):
    image = np.arange(4, dtype="uint8").reshape(2, 2, 1)
    masks = np.zeros((2, 2, 0), bool)
    for probability, expected in [(0.0, 0), (0.25, 100), (1.0, 400)]:
        transform = flip(probability)
        flipped = [transform(image, masks, rng)[0] is not image for _ in range(400)]
        assert abs(sum(flipped) - expected) <= 40 * (0 < probability < 1)


def test_a_quarter_turn_exchanges_height_and_width():
    image = np.arange(6, dtype="uint8").reshape(2, 3, 1)
    turned, masks = Rotate90()(image, image == 0, Draws(1))
    assert turned[..., 0].tolist() == [[2, 5], [1, 4], [0, 3]]
    assert np.argwhere(masks).tolist() == [[2, 0, 0]]


def test_jitter_to_half_size_fills_up_with_the_mean_colour():
    image = np.zeros((8, 8, 3), "uint8")
    image[:, 4:] = [100, 200, 40]
    masks = np.ones((8, 8, 1), bool)
    # The logarithm of the scale; start and padding of rows, then of columns.
    jittered, moved = LargeScaleJitter()(image, masks, Draws(np.log(0.5), 0, 1, 0, 4))
    assert jittered.shape == image.shape
    assert jittered[0, 0].tolist() == [50, 100, 20]
    assert jittered[1, 4].tolist() == [0, 0, 0]
    assert jittered[4, 7].tolist() == [100, 200, 40]
    assert np.argwhere(moved[..., 0]).min(axis=0).tolist() == [1, 4]
    assert np.argwhere(moved[..., 0]).max(axis=0).tolist() == [4, 7]


def test_jitter_to_double_size_crops():
    image = np.zeros((8, 8, 1), "uint8")
    image[4:, 4:] = 100
    masks = image > 0
    jittered, moved = LargeScaleJitter()(image, masks, Draws(np.log(2.0), 8, 0, 0, 0))
    assert jittered[:, :7].max() == 0
    assert moved.sum() == 0
    jittered, moved = LargeScaleJitter()(image, masks, Draws(np.log(2.0), 8, 0, 8, 0))
    assert jittered[1:, 1:].min() == 100
    assert moved.all()


def test_colours_change_and_masks_do_not(bright_shapes, rng):
    image, masks = bright_shapes
    jittered, same = ColorJitter()(image, masks, rng)
    assert same is masks
    assert jittered.dtype == np.uint8
    assert (jittered != image).any()


def test_each_factor_has_its_effect():
    image = np.array([[[100, 100, 100], [200, 200, 200]]], "uint8")  # mean 150
    masks = np.zeros((1, 2, 0), bool)

    def jitter(pixels, *factors):
        return ColorJitter(0.9, 0.9, 0.9)(pixels, masks, Draws(*factors))[0].tolist()

    assert jitter(image, 1, 1, 1) == image.tolist()
    assert jitter(image, 0.5, 1, 1) == [[[50] * 3, [100] * 3]]
    assert jitter(image, 1.5, 1, 1) == [[[150] * 3, [255] * 3]]
    assert jitter(image, 1, 0.5, 1) == [[[125] * 3, [175] * 3]]
    coloured = np.array([[[200, 100, 0], [200, 100, 0]]], "uint8")
    # Grey is 0.299 * 200 + 0.587 * 100 = 118.5.
    assert jitter(coloured, 1, 1, 0) == [[[118] * 3] * 2]
    assert jitter(coloured, 1, 1, 0.5) == [[[159, 109, 59]] * 2]


def test_16_bits_are_clipped_at_their_own_end():
    image = np.full((2, 2, 1), 60000, "uint16")
    jittered, _ = ColorJitter(1, 0, 0)(image, image > 0, Draws(2.0, 1.0, 1.0))
    assert jittered.dtype == np.uint16
    assert jittered.min() == 65535


@pytest.mark.parametrize(
    "make",
    [
        lambda: HorizontalFlip(1.5),
        lambda: VerticalFlip(-0.1),
        lambda: ColorJitter(2),
        lambda: LargeScaleJitter(0, 1),
        lambda: LargeScaleJitter(2, 1),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
