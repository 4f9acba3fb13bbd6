import numpy as np
import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.molding import mold_image
from mrcnn.image_meta import parse_image_meta
from mrcnn.inference.inputs import group_by_shape, mold_inputs, plan_images


class TinyConfig(Config):
    NAME = "tiny"
    NUM_CLASSES = 3
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128


def config(**knobs) -> Config:
    made = TinyConfig()
    for name, value in knobs.items():
        setattr(made, name, value)
    return made


def test_molded_images_metas_and_windows_are_matterports(golden_matterport):
    molded, metas, windows = mold_inputs(
        [golden_matterport["image"]],
        config(IMAGE_MIN_DIM=200, IMAGE_MAX_DIM=256, NUM_CLASSES=81),
        pad_after_mean=False,
    )
    np.testing.assert_allclose(molded, golden_matterport["molded"], atol=1e-4)
    np.testing.assert_array_equal(metas, golden_matterport["image_meta"])
    np.testing.assert_array_equal(windows, golden_matterport["window"])
    assert molded.dtype == np.float32


@pytest.mark.parametrize("pad_after_mean", [True, False])
def test_padding_is_zero_or_black(pad_after_mean):
    image = np.full((64, 32, 3), 200, "uint8")
    molded, _, windows = mold_inputs([image], config(), pad_after_mean=pad_after_mean)
    np.testing.assert_array_equal(windows, [[0, 32, 128, 96]])
    mean = TinyConfig.MEAN_PIXEL
    border = np.zeros(3) if pad_after_mean else -mean
    np.testing.assert_allclose(molded[0, 5, 31], border, rtol=1e-6)
    np.testing.assert_allclose(molded[0, 5, 96], border, rtol=1e-6)
    np.testing.assert_allclose(molded[0, 5, 32], 200 - mean, rtol=1e-6)
    np.testing.assert_allclose(molded[0, 127, 95], 200 - mean, rtol=1e-6)


def test_the_meta_tells_the_shapes_and_no_active_class():
    _, metas, _ = mold_inputs(
        np.zeros((64, 32), "uint8"), config(), pad_after_mean=True
    )
    meta = parse_image_meta(metas[0])
    assert meta.original_image_shape.tolist() == [64, 32, 3]
    assert meta.image_shape.tolist() == [128, 128, 3]
    assert meta.scale == 2
    assert meta.active_class_ids.tolist() == [0, 0, 0]


def test_images_whose_mean_was_subtracted_mold_to_the_same(rng):
    image = rng.integers(0, 256, (50, 60, 3), dtype="uint8").astype("float32")
    plain, _, _ = mold_inputs([image], config(), pad_after_mean=False)
    subtracted = mold_image(image, TinyConfig.MEAN_PIXEL)
    molded, _, _ = mold_inputs([subtracted], config(), pad_after_mean=False)
    np.testing.assert_allclose(molded, plain, atol=1e-3)


def test_a_batch_of_two_equals_two_batches_of_one(rng):
    pair = rng.integers(0, 256, (2, 40, 70, 3), dtype="uint8")
    both = mold_inputs(pair, config(), pad_after_mean=True)
    for index in range(2):
        alone = mold_inputs([pair[index]], config(), pad_after_mean=True)
        for part, part_alone in zip(both, alone, strict=True):
            np.testing.assert_array_equal(part[index], part_alone[0])


@pytest.mark.parametrize("shapes", [[], [(64, 64), (64, 128)]])
def test_one_batch_needs_images_of_one_shape(shapes):
    images = [np.zeros(shape, "uint8") for shape in shapes]
    with pytest.raises(ValueError, match=r"detect\(\)"):
        mold_inputs(images, config(IMAGE_RESIZE_MODE="pad64"), pad_after_mean=True)


@pytest.mark.parametrize("mode", ["pad64", "crop"])
def test_detection_in_crop_mode_takes_the_whole_image(mode):
    (plan,) = plan_images(
        [np.zeros((32, 100), "uint8")], config(IMAGE_RESIZE_MODE=mode)
    )
    assert plan.image_shape == (64, 256, 3)
    assert plan.window == (0, 28, 64, 228)


def test_mode_none_asks_for_sides_the_network_can_take():
    fitting, odd = np.zeros((64, 192), "uint8"), np.zeros((64, 100), "uint8")
    (plan,) = plan_images([fitting], config(IMAGE_RESIZE_MODE="none"))
    assert plan.image_shape == (64, 192, 3)
    with pytest.raises(ValueError, match=r"Image 1 is 64×100 .* 'pad64'"):
        plan_images([fitting, odd], config(IMAGE_RESIZE_MODE="none"))


def test_planning_a_file_does_not_read_its_pixels(tmp_path):
    path = tmp_path / "cut.jpg"
    Image.new("RGB", (100, 50)).save(path)
    path.write_bytes(path.read_bytes()[:640])
    (plan,) = plan_images([path], config())
    assert plan.original_shape == (50, 100, 3)


def test_groups_keep_the_order_of_shapes_and_images():
    groups = group_by_shape([(1, 2), (3, 4), [1, 2], (5, 6), (3, 4)])
    assert list(groups.items()) == [((1, 2), [0, 2]), ((3, 4), [1, 4]), ((5, 6), [3])]


def test_images_may_be_standardized_and_keep_fractions():
    image = np.zeros((2, 2, 3), "uint8")
    image[:, 1] = 1  # between the two columns lie fractions
    knobs = {"IMAGE_RESIZE_MODE": "shorter_side", "PIXEL_STD": 2.0}
    bytes_only, _, _ = mold_inputs([image], config(**knobs), pad_after_mean=True)
    fractions, metas, windows = mold_inputs(
        [image], config(**knobs, RESIZE_TO_FLOAT=True), pad_after_mean=True
    )
    mean = TinyConfig.MEAN_PIXEL
    assert fractions.shape == (1, 64, 64, 3)
    grey_levels = fractions[0] * 2.0 + mean
    np.testing.assert_allclose(
        grey_levels[5, [0, 32, 63], 0], [0, 33 / 64, 1], atol=1e-4
    )
    assert {*np.round(bytes_only[0, ..., 0] * 2 + mean[0], 3).ravel()} == {0.0, 1.0}
    assert parse_image_meta(metas[0]).scale == 32
    assert windows.tolist() == [[0, 0, 64, 64]]


def test_sides_in_the_mode_of_the_shorter_side_are_multiples_of_32():
    made = config(IMAGE_RESIZE_MODE="shorter_side", IMAGE_MIN_DIM=40)
    molded, _, windows = mold_inputs(
        [np.zeros((20, 50, 3), "uint8")], made, pad_after_mean=True
    )
    assert molded.shape == (1, 64, 128, 3)
    assert windows.tolist() == [[0, 0, 40, 100]]
    molded, _, _ = mold_inputs(
        [np.zeros((40, 45, 3), "uint8")], made, pad_after_mean=True
    )
    assert molded.shape == (1, 64, 64, 3)
