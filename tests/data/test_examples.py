import numpy as np
import pytest

from mrcnn.data.examples import active_class_ids, load_example, load_instances
from mrcnn.data.transforms import (
    HorizontalFlip,
    LargeScaleJitter,
    Rotate90,
    VerticalFlip,
)
from mrcnn.geometry.mini_masks import expand_masks
from mrcnn.image_meta import parse_image_meta
from tests.data.scene_dataset import SceneDataset, config
from tests.scenes import rectangle_scene

BOXES = [[4, 6, 30, 30], [10, 34, 36, 60]]


def scene_dataset(class_ids=(1, 2), boxes=BOXES, shape=(40, 64)) -> SceneDataset:
    return SceneDataset([rectangle_scene(shape, boxes, class_ids)])


def test_an_example_holds_image_and_instances_on_one_grid(rng):
    made = config(IMAGE_MIN_DIM=80, IMAGE_MAX_DIM=128)
    example = load_example(scene_dataset(), made, 0, rng=rng)
    # 40 x 64 doubled is 80 x 128, padded by 24 above and below.
    assert example.image.shape == (128, 128, 3)
    assert example.image.dtype == np.uint8
    assert example.boxes.tolist() == [[32, 12, 84, 60], [44, 68, 96, 120]]
    assert example.boxes.dtype == example.class_ids.dtype == np.int32
    assert example.class_ids.tolist() == [1, 2]
    assert example.masks.shape == (14, 14, 2)
    assert example.masks.all()
    assert example.rois.shape == (0, 4)
    assert example.num_left_out == 0


def test_the_meta_tells_shapes_window_scale_and_classes(rng):
    made = config(IMAGE_MIN_DIM=80, IMAGE_MAX_DIM=128)
    meta = parse_image_meta(load_example(scene_dataset(), made, 0, rng=rng).image_meta)
    assert meta.image_id == 0
    assert meta.original_image_shape.tolist() == [40, 64, 3]
    assert meta.image_shape.tolist() == [128, 128, 3]
    assert meta.window.tolist() == [24, 0, 104, 128]
    assert meta.scale == 2
    assert meta.active_class_ids.tolist() == [1, 1, 1]


def test_full_masks_lie_where_the_image_shows_them(rng):
    made = config(USE_MINI_MASK=False, IMAGE_MIN_DIM=100, IMAGE_MAX_DIM=128)
    example = load_example(scene_dataset(), made, 0, rng=rng)
    red = example.image[..., 0].astype(int) - example.image[..., 1]
    np.testing.assert_array_equal(example.masks[..., 0], red > 64)
    np.testing.assert_array_equal(example.masks[..., 1], red < -64)
    mini = load_example(scene_dataset(), made, 0, rng=rng, use_mini_mask=True)
    np.testing.assert_array_equal(mini.boxes, example.boxes)
    expanded = expand_masks(mini.masks, mini.boxes, (128, 128))
    # All but the four corners of each, where a quarter of the pixel is set.
    assert (expanded != example.masks).sum(axis=(0, 1)).max() <= 4


def test_augmentation_moves_image_and_boxes_and_may_change_the_shape(rng):
    plain = load_example(scene_dataset(), config(), 0, rng=rng)
    flipped = load_example(
        scene_dataset(), config(), 0, rng=rng, augmentation=HorizontalFlip(1)
    )
    np.testing.assert_array_equal(flipped.image, plain.image[:, ::-1])
    y1, x1, y2, x2 = plain.boxes[0]
    assert flipped.boxes[0].tolist() == [y1, 64 - x2, y2, 64 - x1]

    class Quarter:
        def integers(self, *args):
            return 1

    def turn(image, masks, rng):
        return Rotate90()(image, masks, Quarter())

    turned = load_example(scene_dataset(), config(), 0, rng=rng, augmentation=turn)
    assert parse_image_meta(turned.image_meta).window.tolist() == [0, 12, 64, 52]
    assert turned.boxes[0].tolist() == [64 - 30, 12 + 4, 64 - 6, 12 + 30]


@pytest.mark.parametrize("use_mini_mask", [True, False])
def test_instances_that_a_crop_leaves_nothing_of_are_dropped(use_mini_mask):
    dataset = scene_dataset(shape=(64, 640), boxes=[[4, 6, 30, 30], [4, 600, 30, 620]])
    made = config(IMAGE_RESIZE_MODE="crop", USE_MINI_MASK=use_mini_mask)
    seen = set()
    for seed in range(40):
        example = load_example(dataset, made, 0, rng=np.random.default_rng(seed))
        assert example.image.shape == (64, 64, 3)
        assert len(example.class_ids) == len(example.boxes) == example.masks.shape[2]
        assert len(example.class_ids) < 2
        seen |= {*example.class_ids.tolist()}
    assert seen == {1, 2}


def test_an_instance_without_pixels_is_dropped(rng):
    dataset = scene_dataset(boxes=[[4, 6, 30, 30], [9, 9, 9, 9]])
    example = load_example(dataset, config(), 0, rng=rng)
    assert example.class_ids.tolist() == [1]


def test_an_image_without_objects_is_an_example(rng):
    dataset = scene_dataset(boxes=[], class_ids=[])
    for use_mini_mask in (True, False):
        made = config(USE_MINI_MASK=use_mini_mask)
        example = load_example(
            dataset, made, 0, rng=rng, augmentation=HorizontalFlip(1), num_rois=5
        )
        assert example.class_ids.shape == (0,)
        assert example.boxes.shape == (0, 4)
        assert example.masks.shape[2] == 0
        assert example.rois.shape == (5, 4)


def test_crowds_keep_their_negative_ids(rng):
    example = load_example(scene_dataset(class_ids=[-1, 2]), config(), 0, rng=rng)
    assert example.class_ids.tolist() == [-1, 2]


def test_too_many_instances_leave_a_random_choice_in_order(rng):
    boxes = [[y, 6 * x, y + 5, 6 * x + 5] for y in (2, 20) for x in range(10)]
    dataset = scene_dataset(boxes=boxes, class_ids=[1, 2] * 10)
    whole = load_example(dataset, config(), 0, rng=rng)
    assert len(whole.boxes) == 20
    chosen = [
        load_example(dataset, config(), 0, rng=rng, max_instances=4) for _ in range(2)
    ]
    rows = [
        [whole.boxes.tolist().index(box) for box in example.boxes.tolist()]
        for example in chosen
    ]
    assert rows[0] != rows[1]
    for example, row in zip(chosen, rows, strict=True):
        assert row == sorted(row)
        assert example.class_ids.tolist() == whole.class_ids[row].tolist()
        np.testing.assert_array_equal(example.masks, whole.masks[..., row])
        assert example.num_left_out == 16


def test_another_shorter_side_may_be_asked_for(rng):
    made = config(IMAGE_MAX_DIM=256)
    example = load_example(scene_dataset(), made, 0, rng=rng, min_dim=120)
    assert parse_image_meta(example.image_meta).scale == 3


def test_loaded_instances_are_made_uniform(rng):
    class Loose(SceneDataset):
        def load_image(self, image_id):
            return super().load_image(image_id)[..., 0].astype("float64")

        def load_mask(self, image_id):
            masks, class_ids = super().load_mask(image_id)
            return masks.astype("uint8") * 255, class_ids.tolist()

    dataset = Loose([rectangle_scene((40, 64), BOXES, [1, 2])])
    image, masks, class_ids = load_instances(dataset, config(), 0)
    assert image.shape == (40, 64, 3)
    assert image.dtype == np.float32
    assert masks.dtype == bool
    assert class_ids.dtype == np.int32


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 40, 64, 3), "uint8"), r"image 0 \(scenes.0\).*\(1, 40, 64, 3\)"),
        (np.zeros((0, 64, 3), "uint8"), "Return one image"),
        (np.zeros((40, 64, 7), "uint8"), "image 0.*7 channels"),
        (None, "image 0"),
    ],
)
def test_what_is_no_image_is_refused_by_name(image, message):
    class Wrong(SceneDataset):
        def load_image(self, image_id):
            return image

    dataset = Wrong([rectangle_scene((40, 64), BOXES, [1, 2])])
    with pytest.raises(ValueError, match=message):
        load_instances(dataset, config(), 0)


def test_the_active_classes_are_those_of_the_images_source():
    dataset = scene_dataset()
    dataset.add_class("other", 7, "blue")
    dataset.add_image("other", 1, None)
    dataset.prepare()
    assert active_class_ids(dataset, 0).tolist() == [1, 1, 1, 0]
    assert active_class_ids(dataset, 1).tolist() == [1, 0, 0, 1]


def test_an_image_of_a_source_without_classes_is_explained():
    dataset = scene_dataset()
    dataset.add_image("Scenes", 1, None)
    dataset.prepare()
    with pytest.raises(ValueError, match=r"'Scenes', but the classes .*'scenes'"):
        active_class_ids(dataset, 1)


def proposing(proposals, shape=(40, 64), boxes=BOXES) -> SceneDataset:
    """A scene's dataset with proposals, in pixels of the scene."""
    dataset = scene_dataset(shape=shape, boxes=boxes)
    dataset.add_proposals({0: proposals})
    return dataset


def test_proposals_are_carried_over_with_the_image(rng):
    made = config(IMAGE_MIN_DIM=80, IMAGE_MAX_DIM=128)
    dataset = proposing([[4, 6, 30, 30], [0, 0, 0, 0], [0.5, 1.25, 40, 64]])
    example = load_example(dataset, made, 0, rng=rng, max_proposals=9)
    # 40 x 64 doubled is 80 x 128, padded by 24 above and below.
    assert example.rois.tolist() == [[32, 12, 84, 60], [25, 2.5, 104, 128]]
    assert example.rois.dtype == np.float32


@pytest.mark.parametrize(
    ("augmentation", "tolerance"),
    [
        # Boxes of instances are of the whole pixels that more than half is set of.
        (None, 0.5),
        (HorizontalFlip(1), 0.5),
        ([VerticalFlip(1), Rotate90()], 0.5),
        # Sampled twice, the second time 1.6 times as large.
        (LargeScaleJitter(0.7, 1.4), 0.5 + 1.6),
    ],
)
@pytest.mark.parametrize("mode", ["square", "pad64", "shorter_side", "crop"])
def test_proposals_equal_to_gt_boxes_stay_so(augmentation, tolerance, mode):
    boxes = [[4, 6, 30, 30], [10, 34, 36, 60], [8, 8, 14, 50], [0, 0, 40, 64]]
    made = config(IMAGE_RESIZE_MODE=mode, USE_MINI_MASK=False)
    dataset = SceneDataset([rectangle_scene((40, 64), boxes, [1, 2, 1, 2])])
    dataset.add_proposals({0: boxes})
    for seed in range(4):
        rng = np.random.default_rng(seed)
        example = load_example(
            dataset, made, 0, rng=rng, augmentation=augmentation, max_proposals=9
        )
        assert len(example.boxes) > 0
        assert example.rois.shape == example.boxes.shape
        assert np.abs(example.rois - example.boxes).max() <= tolerance


def test_proposals_that_a_crop_leaves_nothing_of_are_dropped():
    proposals = [[4, 6, 30, 30], [4, 600, 30, 620], [0, 0, 64, 640]]
    dataset = proposing(proposals, (64, 640), proposals[:2])
    made = config(IMAGE_RESIZE_MODE="crop")
    for seed in range(10):
        rng = np.random.default_rng(seed)
        example = load_example(dataset, made, 0, rng=rng, max_proposals=9)
        assert 1 <= len(example.rois) <= 2
        assert example.rois[-1].tolist() == [0, 0, 64, 64]


def test_the_first_proposals_are_taken_and_none_unless_asked_for(rng):
    dataset = proposing([[0, 0, 8, n + 1] for n in range(6)])
    example = load_example(dataset, config(), 0, rng=rng, max_proposals=4)
    assert example.rois[:, 3].tolist() == [1, 2, 3, 4]
    assert load_example(dataset, config(), 0, rng=rng).rois.shape == (0, 4)
    nothing = proposing([])
    example = load_example(nothing, config(), 0, rng=rng, max_proposals=4)
    assert example.rois.shape == (0, 4)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (scene_dataset(), r"image 0 \(scenes.0\) has no proposals.*add_proposals"),
        (proposing([[0, 0, 8, 70]]), r"Proposal 0 of image 0 \(scenes.0\)"),
    ],
)
def test_proposals_that_are_missing_or_wrong_are_refused_by_name(dataset, message, rng):
    with pytest.raises(ValueError, match=message):
        load_example(dataset, config(), 0, rng=rng, max_proposals=4)


def test_resized_images_may_keep_fractions():
    dataset = SceneDataset([rectangle_scene((32, 32), [[8, 8, 24, 24]], [1])])
    rng = np.random.default_rng(0)
    rounded = load_example(dataset, config(), 0, rng=rng).image
    exact = load_example(dataset, config(RESIZE_TO_FLOAT=True), 0, rng=rng).image
    assert (rounded.dtype, exact.dtype) == (np.uint8, np.float32)
    assert (exact % 1 != 0).any()
    np.testing.assert_array_equal(np.round(exact), rounded)
