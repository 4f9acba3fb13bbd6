import logging
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.geometry import resizing
from mrcnn.geometry.resizing import (
    SIDE_STEPS,
    ResizeMode,
    apply_resize,
    plan_resize,
    resize_boxes,
    resize_masks,
    round_up,
    unresize_boxes,
)

MODES = ["none", "square", "pad64", "crop"]


@pytest.fixture
def without_opencv(monkeypatch):
    """A machine whose OpenCV does not import, as it is without libGL."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    resizing._opencv.cache_clear()
    yield
    resizing._opencv.cache_clear()


@pytest.fixture(params=["opencv", "numpy"])
def either_way(request):
    if request.param == "numpy":
        request.getfixturevalue("without_opencv")


def test_square_scales_to_the_longer_side_and_pads_the_shorter():
    plan = plan_resize((200, 400, 3), min_dim=800, max_dim=1024)
    assert plan.scale == 1024 / 400
    assert plan.scaled_shape == (512, 1024)
    assert plan.padding == [(256, 256), (0, 0), (0, 0)]
    assert plan.window == (256, 0, 768, 1024)
    assert plan.image_shape == (1024, 1024, 3)
    assert plan.crop is None


def test_square_scales_to_the_shorter_side_where_the_longer_fits():
    plan = plan_resize((400, 410, 3), min_dim=800, max_dim=1024)
    assert plan.scale == 2
    assert plan.window == (112, 102, 912, 922)


def test_the_odd_pixel_of_padding_is_at_the_bottom_and_right():
    plan = plan_resize((5, 8), max_dim=8)
    assert plan.padding == [(1, 2), (0, 0)]
    assert plan.image_shape == (8, 8)


def test_images_are_not_scaled_down_to_the_shorter_side():
    assert plan_resize((900, 1000), min_dim=500, max_dim=1024).scale == 1


def test_min_scale_outweighs_min_dim():
    plan = plan_resize((300, 400), min_dim=300, max_dim=1024, min_scale=2)
    assert plan.scaled_shape == (600, 800)


def test_pad64_pads_each_side_to_the_next_multiple():
    plan = plan_resize((100, 128, 3), min_dim=64, mode="pad64")
    assert plan.padding == [(14, 14), (0, 0), (0, 0)]
    assert plan.window == (14, 0, 114, 128)


def test_crop_is_a_square_of_the_scaled_image(rng):
    plan = plan_resize((100, 200, 3), min_dim=128, mode="crop", rng=rng)
    y, x, height, width = plan.crop
    assert (y, height, width) == (0, 128, 128)
    assert 0 <= x <= 256 - 128
    assert plan.window == (0, 0, 128, 128)


def test_crops_lie_everywhere_with_a_generator_and_in_the_middle_without(rng):
    shape = (8, 10)
    crops = {
        plan_resize(shape, min_dim=8, mode="crop", rng=rng).crop[1] for _ in range(50)
    }
    assert crops == {0, 1, 2}
    assert plan_resize(shape, min_dim=8, mode="crop").crop == (0, 1, 8, 8)


def test_none_leaves_everything_as_it_is(rng):
    image = rng.integers(0, 255, (5, 7, 3), "uint8")
    plan = plan_resize(image.shape, min_dim=64, max_dim=64, mode="none")
    assert plan.scale == 1
    assert plan.window == (0, 0, 5, 7)
    assert np.array_equal(apply_resize(image, plan), image)


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"mode": "stretch"}, "pad64"),
        ({"mode": "square"}, "max_dim"),
        ({"mode": "crop"}, "min_dim"),
        ({"mode": "pad64", "min_dim": 100}, "128"),
    ],
)
def test_an_impossible_plan_says_what_is_missing(wrong, remedy):
    with pytest.raises(ValueError, match=remedy):
        plan_resize((50, 60, 3), **wrong)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (5,), (2, 5, 5, 3)])
def test_what_is_no_image_cannot_be_planned(shape):
    with pytest.raises(ValueError, match="shape"):
        plan_resize(shape, max_dim=64)


def test_the_molded_photo_and_window_are_matterports(golden_matterport):
    image = golden_matterport["image"]
    plan = plan_resize(image.shape, min_dim=256, max_dim=256, mode="square")
    molded = apply_resize(image, plan) - np.array([123.7, 116.8, 103.9])
    assert np.array_equal(molded.astype("float32"), golden_matterport["molded"][0])
    assert plan.window == tuple(golden_matterport["window"][0])


def test_pixels_between_two_are_shared_and_the_outer_ones_repeat(either_way):
    image = np.array([[0, 100]], "float32")
    resized = apply_resize(image, plan_resize(image.shape, min_dim=2, max_dim=4))
    # Centres at 0.125, 0.375, 0.625 and 0.875 of the width, pixels at 0.25 and 0.75.
    assert np.allclose(resized[1], [0, 25, 75, 100])
    assert np.allclose(resized[0], 0)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", "int64", "float16", "float32", "float64"]
)
@pytest.mark.parametrize("tail", [(), (1,), (3,), (13,)])
def test_dtype_and_channels_stay(either_way, rng, dtype, tail):
    image = rng.integers(0, 255, (6, 9, *tail)).astype(dtype)
    resized = apply_resize(image, plan_resize(image.shape, min_dim=16, max_dim=24))
    assert resized.dtype == image.dtype
    assert resized.shape == (24, 24, *tail)


def test_more_channels_than_opencv_takes_at_once(rng):
    image = rng.random((4, 5, 700)).astype("float32")
    resized = apply_resize(image, plan_resize(image.shape, min_dim=8, max_dim=10))
    last = apply_resize(image[..., -1], plan_resize((4, 5), min_dim=8, max_dim=10))
    assert np.allclose(resized[..., -1], last)


def test_integers_are_rounded_and_not_cut(either_way):
    image = np.array([[10, 11]], "int64")
    resized = apply_resize(image, plan_resize(image.shape, min_dim=2, max_dim=4))
    # 10.25 and 10.75 between them.
    assert resized[1].tolist() == [10, 10, 11, 11]


def test_big_endian_images_are_read_right(rng):
    image = rng.integers(0, 60000, (6, 9)).astype(">u2")
    plan = plan_resize(image.shape, min_dim=16, max_dim=24)
    native = apply_resize(image.astype("uint16"), plan)
    assert np.abs(apply_resize(image, plan).astype(int) - native).max() <= 1


def test_turned_and_mirrored_views_are_resized_like_copies(rng):
    image = rng.integers(0, 255, (6, 9, 3), "uint8")
    for view in (image[:, ::-1], image[..., ::-1], np.rot90(image)):
        plan = plan_resize(view.shape, min_dim=16, max_dim=24)
        assert np.array_equal(apply_resize(view, plan), apply_resize(view.copy(), plan))


def test_nan_stays_where_it_is(either_way):
    image = np.zeros((8, 8), "float32")
    image[1, 1], image[6, 6] = np.nan, np.inf
    resized = apply_resize(image, plan_resize(image.shape, min_dim=16, max_dim=16))
    assert np.isnan(resized[2, 2])
    assert not np.isfinite(resized[13, 13])
    assert np.isfinite(resized[:, 6:10]).all()


def test_bool_images_are_refused_with_a_remedy():
    plan = plan_resize((4, 4), max_dim=8)
    with pytest.raises(TypeError, match="resize_masks"):
        apply_resize(np.ones((4, 4), bool), plan)


def test_a_plan_for_another_shape_is_refused():
    plan = plan_resize((4, 4), max_dim=8)
    with pytest.raises(ValueError, match=r"\(5, 4\)"):
        apply_resize(np.ones((5, 4)), plan)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("shape", [(30, 40, 3), (90, 70, 3), (64, 64)])
def test_numpy_gives_the_same_numbers_as_opencv(monkeypatch, rng, dtype, shape):
    image = (rng.random(shape) * 255).astype(dtype)
    plan = plan_resize(shape, min_dim=51, max_dim=64)
    with_opencv = apply_resize(image, plan)
    monkeypatch.setattr(resizing, "_opencv", lambda: None)
    without = apply_resize(image, plan)
    difference = np.abs(with_opencv.astype(float) - without)
    assert difference.max() <= (1 if dtype == "uint8" else 1e-3)


@pytest.mark.usefixtures("without_opencv")
def test_a_missing_opencv_is_said_once_with_a_remedy(caplog):
    image = np.zeros((4, 4), "uint8")
    with caplog.at_level(logging.WARNING, "mrcnn"):
        for _ in range(3):
            apply_resize(image, plan_resize(image.shape, max_dim=8, min_dim=8))
    assert len(caplog.records) == 1
    assert "opencv-python-headless" in caplog.text
    assert "libgl1" in caplog.text


def test_importing_the_file_loads_nothing_heavy():
    code = (
        "import sys, mrcnn.geometry.resizing\n"
        "print([name for name in ('cv2', 'tensorflow', 'keras', 'skimage', 'scipy')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("mode", MODES)
def test_masks_lie_on_the_grid_of_their_image(either_way, rng, mode):
    masks = rng.random((20, 30, 3)) < 0.5
    plan = plan_resize(masks.shape, min_dim=64, max_dim=96, mode=mode, rng=rng)
    as_image = apply_resize(masks.astype("float32"), plan)
    assert np.array_equal(resize_masks(masks, plan), as_image > 0.5)


@pytest.mark.parametrize(("dtype", "value"), [("uint8", 255), ("int64", 3)])
def test_masks_may_be_numbers(dtype, value, rng):
    masks = rng.random((9, 8, 2)) < 0.5
    plan = plan_resize(masks.shape[:2], max_dim=24, min_dim=24)
    numbers = masks.astype(dtype) * value
    assert np.array_equal(resize_masks(numbers, plan), resize_masks(masks, plan))


def test_no_masks_stay_no_masks():
    plan = plan_resize((9, 8, 3), max_dim=24)
    assert resize_masks(np.zeros((9, 8, 0), bool), plan).shape == (24, 24, 0)


def test_boxes_follow_their_image(as_array):
    plan = plan_resize((100, 200, 3), min_dim=200, max_dim=512)
    boxes = as_array(np.array([[10, 20, 30, 40]], "float32"))
    expected = [[2 * 10 + 156, 2 * 20 + 56, 2 * 30 + 156, 2 * 40 + 56]]
    assert plan.window == (156, 56, 356, 456)
    assert np.allclose(resize_boxes(boxes, plan), expected)


def test_boxes_of_a_crop_are_shifted_and_not_clipped():
    plan = plan_resize((10, 20), min_dim=10, mode="crop")
    assert np.array_equal(resize_boxes([[0, 0, 10, 20]], plan), [[0, -5, 10, 15]])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(MODES),
    st.integers(0, 2**32 - 1),
)
def test_every_plan_holds_together(height, width, mode, seed):
    rng = np.random.default_rng(seed)
    plan = plan_resize((height, width), min_dim=64, max_dim=128, mode=mode, rng=rng)
    y1, x1, y2, x2 = plan.window
    rows, columns = plan.image_shape
    assert 0 <= y1 < y2 <= rows
    assert 0 <= x1 < x2 <= columns
    if mode == "square":
        assert plan.image_shape == (128, 128)
    if mode == "pad64":
        assert rows % 64 == columns % 64 == 0
    boxes = rng.uniform(-10, 400, (5, 4))
    assert np.allclose(unresize_boxes(resize_boxes(boxes, plan), plan), boxes)
    if plan.crop is None:
        whole = resize_boxes([0, 0, height, width], plan)
        assert np.allclose(whole, plan.window)


@pytest.mark.parametrize(
    ("shape", "scaled", "molded"),
    [
        ((400, 500, 3), (800, 1000), (800, 1024)),  # up to the shorter side
        ((1600, 2000, 3), (800, 1000), (800, 1024)),  # and down to it
        ((300, 900), (444, 1333), (448, 1344)),  # as far as the longer side allows
        ((427, 640, 3), (800, 1199), (800, 1216)),  # 1199.06 is cut down
        # In floating point 800 / 289 * 289 is a little less than 800.
        ((289, 389, 3), (799, 1076), (800, 1088)),
    ],
)
def test_the_shorter_side_rules_where_the_longer_one_fits(shape, scaled, molded):
    plan = plan_resize(shape, min_dim=800, max_dim=1333, mode="shorter_side")
    assert plan.scaled_shape == scaled
    assert plan.image_shape[:2] == molded
    assert plan.window == (0, 0, *scaled)
    assert plan.image_shape[2:] == shape[2:]


def test_the_shorter_side_needs_no_longer_one():
    plan = plan_resize((10, 70), min_dim=20, mode="shorter_side")
    assert plan.scaled_shape == (20, 140)
    assert plan.image_shape == (32, 160)
    with pytest.raises(ValueError, match="needs min_dim"):
        plan_resize((10, 70), max_dim=20, mode="shorter_side")


def test_each_mode_keeps_sides_to_its_step():
    assert SIDE_STEPS.keys() == set(get_args(ResizeMode))
    assert [round_up(side, 32) for side in (1, 32, 33)] == [32, 32, 64]
