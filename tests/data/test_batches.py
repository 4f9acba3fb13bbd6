import numpy as np
import pytest

from mrcnn.data.batches import collate
from mrcnn.data.examples import load_example
from mrcnn.image_meta import parse_image_meta
from tests.data.scene_dataset import SceneDataset, config, numbered_scenes
from tests.scenes import rectangle_scene


def examples_of(dataset, made, **options) -> list:
    rng = np.random.default_rng(0)
    return [
        load_example(dataset, made, image_id, rng=rng, **options)
        for image_id in dataset.image_ids
    ]


def test_a_batch_has_the_graphs_inputs_with_padding_last():
    made = config()
    examples = examples_of(SceneDataset(numbered_scenes(3)), made)
    batch = collate(examples, made, pad_after_mean=True)
    described = {name: (a.shape, a.dtype.name) for name, a in batch.items()}
    assert described == {
        "input_image": ((3, 64, 64, 3), "float32"),
        "input_image_meta": ((3, 15), "float32"),
        "input_gt_class_ids": ((3, 4), "int32"),
        "input_gt_boxes": ((3, 4, 4), "float32"),
        "input_gt_masks": ((3, 14, 14, 4), "bool"),
    }
    assert batch["input_gt_class_ids"].tolist() == [[0] * 4, [1, 0, 0, 0], [1, 2, 0, 0]]
    np.testing.assert_array_equal(batch["input_gt_boxes"][2, :2], examples[2].boxes)
    assert not batch["input_gt_boxes"][2, 2:].any()
    assert batch["input_gt_masks"][2].any(axis=(0, 1)).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("pad_after_mean", [True, False])
def test_the_mean_is_subtracted_and_padding_follows_the_convention(pad_after_mean):
    made = config()
    (example,) = examples_of(SceneDataset(numbered_scenes(1)), made)
    image = collate([example], made, pad_after_mean=pad_after_mean)["input_image"][0]
    border = np.zeros(3) if pad_after_mean else -made.MEAN_PIXEL
    np.testing.assert_allclose(image[11, 5], border, rtol=1e-6)
    np.testing.assert_allclose(image[52, 63], border, rtol=1e-6)
    np.testing.assert_allclose(image[13, 5], 128 - made.MEAN_PIXEL, rtol=1e-6)


@pytest.mark.parametrize("mode", ["pad64", "none"])
@pytest.mark.parametrize("use_mini_mask", [True, False])
def test_unlike_shapes_are_padded_to_the_batchs_own_multiples_of_64(
    mode, use_mini_mask
):
    scenes = [
        rectangle_scene((50, 150), [[10, 20, 40, 70]], [1]),
        rectangle_scene((64, 64), [[0, 0, 64, 64]], [2]),
    ]
    made = config(IMAGE_RESIZE_MODE=mode, USE_MINI_MASK=use_mini_mask)
    examples = examples_of(SceneDataset(scenes), made)
    batch = collate(examples, made, pad_after_mean=True)
    height, width = batch["input_image"].shape[1:3]
    assert (height, width) == (64, 192)
    metas = parse_image_meta(batch["input_image_meta"])
    assert metas.image_shape.tolist() == [[height, width, 3]] * 2
    # What is inside stays where it was.
    for row, example in enumerate(examples):
        old = parse_image_meta(example.image_meta)
        assert metas.window[row].tolist() == old.window.tolist()
        assert batch["input_gt_boxes"][row, 0].tolist() == example.boxes[0].tolist()
        y1, x1, y2, x2 = old.window.astype(int)
        outside = np.ones((height, width), bool)
        outside[y1:y2, x1:x2] = False
        assert not batch["input_image"][row][outside].any()
        assert batch["input_image"][row][~outside].any()
        if not use_mini_mask:
            mask = batch["input_gt_masks"][row, ..., 0]
            y1, x1, y2, x2 = example.boxes[0]
            assert mask[y1:y2, x1:x2].all()
            assert mask.sum() == (y2 - y1) * (x2 - x1)


def test_the_examples_stay_as_they_are():
    made = config(IMAGE_RESIZE_MODE="none")
    examples = examples_of(SceneDataset(numbered_scenes(3)), made)
    before = [[part.copy() for part in example[:5]] for example in examples]
    collate(examples, made, pad_after_mean=True)
    for example, parts in zip(examples, before, strict=True):
        for part, copied in zip(example[:5], parts, strict=True):
            np.testing.assert_array_equal(part, copied)


def test_made_up_rois_travel_with_the_batch():
    made = config()
    dataset = SceneDataset(numbered_scenes(3))
    batch = collate(examples_of(dataset, made, num_rois=7), made, pad_after_mean=True)
    assert batch["input_rois"].shape == (3, 7, 4)
    assert batch["input_rois"].dtype == np.float32
    assert (batch["input_rois"][..., 2:] > batch["input_rois"][..., :2]).all()


def test_proposals_are_padded_to_one_number():
    made = config(RPN_BRANCH=False, POST_NMS_ROIS_TRAINING=5)
    dataset = SceneDataset(numbered_scenes(3, shape=(64, 64)))
    boxes = [[[1, 2, 3, 4]], [], [[4, 3, 20, 10], [0.5, 0, 64, 64]]]
    dataset.add_proposals(dict(enumerate(boxes)))
    for max_proposals in (0, 5):
        examples = examples_of(dataset, made, max_proposals=max_proposals)
        rois = collate(examples, made, pad_after_mean=True)["input_rois"]
        assert rois.shape == (3, 5, 4)
        assert rois.dtype == np.float32
        for row, one in zip(rois, boxes, strict=True):
            count = len(one) if max_proposals else 0
            assert row[:count].tolist() == one[:count]
            assert not row[count:].any()


def test_a_batch_of_two_equals_two_batches_of_one():
    made = config()
    examples = examples_of(SceneDataset(numbered_scenes(2)), made)
    both = collate(examples, made, pad_after_mean=True)
    for row, example in enumerate(examples):
        alone = collate([example], made, pad_after_mean=True)
        for name, array in alone.items():
            np.testing.assert_array_equal(array[0], both[name][row])


def test_the_mode_of_the_shorter_side_pads_to_multiples_of_32():
    scenes = [
        rectangle_scene((30, 60), [[10, 20, 20, 40]], [1]),
        rectangle_scene((30, 33), [[0, 0, 20, 20]], [2]),
    ]
    made = config(IMAGE_RESIZE_MODE="shorter_side", IMAGE_MIN_DIM=30, PIXEL_STD=2.0)
    examples = examples_of(SceneDataset(scenes), made)
    assert [example.image.shape for example in examples] == [(32, 64, 3)] * 2
    batch = collate(examples[1:], made, pad_after_mean=True)
    image = batch["input_image"][0]
    assert image.shape == (32, 64, 3)
    expected = (scenes[1].image - made.MEAN_PIXEL) / 2
    np.testing.assert_allclose(image[:30, :33], expected, rtol=1e-5, atol=1e-4)
    assert not image[30:].any()
    assert not image[:, 33:].any()


def test_without_a_mask_branch_there_are_no_masks():
    made = config()
    made.MASK_BRANCH = False
    examples = examples_of(SceneDataset(numbered_scenes(3)), made)
    batch = collate(examples, made, pad_after_mean=True)
    assert "input_gt_masks" not in batch
    assert batch["input_gt_boxes"].any()
