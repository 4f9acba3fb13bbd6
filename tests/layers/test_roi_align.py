"""Which level a roi is read from, and what is read there."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers.roi_align import PyramidROIAlign
from tests.layer_contract import check_layer

STRIDES = (4, 8, 16, 32)
EXACT = {"sample_bins": True, "round_fpn_level": False}
CORNERS = {"sample_bins": False, "round_fpn_level": True}
BY_SIZE = {**EXACT, "bin_samples": 0}
WAYS = pytest.mark.parametrize(
    "settings", [EXACT, CORNERS, BY_SIZE], ids=["exact", "corners", "by size"]
)


@pytest.fixture(params=[False, True], ids=["kernel", "twin"])
def portable(request):
    return request.param


def metas(num_images, height, width):
    """Image metas of full windows, three classes. -> [B, 12 + 3]"""
    meta = np.zeros((num_images, 15), "float32")
    meta[:, 4:7] = height, width, 3
    meta[:, 9:11] = height, width
    return meta


def random_maps(rng, num_images, height, width, channels):
    return [
        rng.normal(
            size=(num_images, height // stride, width // stride, channels)
        ).astype("float32")
        for stride in STRIDES
    ]


def level_maps(num_images, height, width):
    """Maps that hold the number of their level, 2..5, everywhere."""
    return [
        np.full((num_images, height // stride, width // stride, 1), level, "float32")
        for level, stride in enumerate(STRIDES, start=2)
    ]


def levels_of(rois_px, height, width, **settings):
    """The levels that rois of one image are read from, as a list."""
    rois = np.asarray(rois_px, "float32")[None] / [height, width, height, width]
    layer = PyramidROIAlign((1, 1), **settings)
    maps = level_maps(1, height, width)
    pooled = layer([rois.astype("float32"), metas(1, height, width), *maps])
    return list(np.asarray(pooled)[0, :, 0, 0, 0])


def squares(*sides):
    return [(100, 100, 100 + side, 100 + side) for side in sides]


def plain_roi_align(features, roi, pool_shape, half_pixel, samples=2):
    """One roi in cells of one map, bin by bin, sample by sample. -> [ph, pw, F]

    With 0 `samples`, a bin has as many as it has cells.
    """
    height, width, channels = features.shape
    y1, x1, y2, x2 = roi - 0.5 if half_pixel else roi
    sides = (y2 - y1, x2 - x1) if half_pixel else (max(y2 - y1, 1), max(x2 - x1, 1))
    bin_height, bin_width = sides[0] / pool_shape[0], sides[1] / pool_shape[1]
    pooled = np.zeros((*pool_shape, channels))
    for row in range(pool_shape[0]):
        for column in range(pool_shape[1]):
            num_y = samples or max(math.ceil(bin_height), 1)
            num_x = samples or max(math.ceil(bin_width), 1)
            for i, j in np.ndindex(num_y, num_x):
                y = y1 + (row + (i + 0.5) / num_y) * bin_height
                x = x1 + (column + (j + 0.5) / num_x) * bin_width
                if -1 <= y <= height and -1 <= x <= width:
                    pooled[row, column] += plain_bilinear(features, y, x)
            pooled[row, column] /= num_y * num_x
    return pooled


def plain_bilinear(features, y, x):
    height, width, _ = features.shape
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    total = 0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            if weight > 0:
                total = total + weight * features[row, column]
    return total


def random_rois_px(rng, num_images, num_rois, height, width):
    """Rois of all sizes in the image, many of them at its borders."""
    scale = 2.0 ** rng.uniform(1, 9, (num_images, num_rois, 1))
    sides = scale * rng.uniform(0.5, 2, (num_images, num_rois, 2))
    centers = rng.uniform(0, 1, (num_images, num_rois, 2)) * [height, width]
    rois = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
    return np.clip(rois, 0, [height, width, height, width]).astype("float32")


@pytest.mark.parametrize("bin_samples", [0, 1, 2, 3])
@pytest.mark.parametrize("half_pixel", [False, True])
def test_bins_are_averaged_as_a_loop_over_samples_does(
    rng, portable, half_pixel, bin_samples
):
    height, width = 256, 384
    maps = random_maps(rng, 2, height, width, 3)
    rois_px = random_rois_px(rng, 2, 40, height, width)
    # Whole edges of the image, a point in its last corner, and rois that leave it.
    rois_px[:, :2] = [[0, 0, height, width], [height, width, height, width]]
    rois_px[:, 2:4] = [[-30, -40, 50, 60], [200, 300, 290, 420]]
    rois_px[:, 4:6] = [[8, 0, 11, width], [0, 9, height, 10]]  # long and narrow
    rois = rois_px / np.array([height, width, height, width], "float32")
    layer = PyramidROIAlign(
        (3, 2),
        bin_samples=bin_samples,
        canonical_scale=112,
        half_pixel=half_pixel,
        portable=portable,
        **EXACT,
    )

    pooled = np.asarray(layer([rois, metas(2, height, width), *maps]))

    levels_seen = set()
    for image in range(2):
        for index, roi in enumerate(rois_px[image]):
            area = (roi[2] - roi[0]) * (roi[3] - roi[1])
            level = math.floor(4 + math.log2(max(math.sqrt(area), 1e-8) / 112))
            position = min(max(level, 2), 5) - 2
            levels_seen.add(position)
            expected = plain_roi_align(
                maps[position][image],
                roi / STRIDES[position],
                (3, 2),
                half_pixel,
                bin_samples,
            )
            np.testing.assert_allclose(pooled[image, index], expected, atol=1e-4)
    assert levels_seen == {0, 1, 2, 3}


def test_a_bin_over_a_ramp_has_the_value_at_its_middle(portable):
    # P2 of a 128-pixel image holds 0, 1, 2, ... along x: the value at x is x.
    maps = level_maps(1, 128, 128)
    maps[0] = np.broadcast_to(np.arange(32.0)[:, None], (1, 32, 32, 1)).astype(
        "float32"
    )
    rois = np.array([[[16, 16, 48, 48]]], "float32") / 128  # cells 4..12
    layer = PyramidROIAlign((2, 2), portable=portable, **EXACT)

    pooled = np.asarray(layer([rois, metas(1, 128, 128), *maps]))[0, 0, ..., 0]

    np.testing.assert_allclose(pooled, [[4 + 2, 4 + 6]] * 2, atol=1e-5)


def test_a_bin_of_whole_cells_has_a_sample_in_the_middle_of_each(portable):
    # Bins of 4 cells by 2, whose samples lie just on the values of cells.
    maps = level_maps(1, 128, 128)
    maps[0] = np.zeros((1, 32, 32, 1), "float32")
    maps[0][0, 8:12, 8:10] = 1
    rois = np.array([[[32, 32, 64, 48]]], "float32") / 128  # cells 8..16, 8..12
    layer = PyramidROIAlign(
        (2, 2), bin_samples=0, half_pixel=True, portable=portable, **EXACT
    )

    pooled = np.asarray(layer([rois, metas(1, 128, 128), *maps]))[0, 0, ..., 0]

    np.testing.assert_allclose(pooled, [[1, 0], [0, 0]], atol=1e-6)


def test_a_roi_far_larger_than_its_map_is_read_in_bounded_time(portable):
    rois = np.array([[[-1e6, -1e6, 1e6, 1e6]]], "float32")
    layer = PyramidROIAlign((1, 1), bin_samples=0, portable=portable, **EXACT)
    pooled = layer([rois, metas(1, 64, 64), *level_maps(1, 64, 64)])
    assert np.isfinite(np.asarray(pooled)).all()


def test_the_corner_grid_spans_the_roi_from_corner_to_corner(portable):
    # 0 and 1 are the first and the last cell of P2; half of it is cell 15.5.
    maps = level_maps(1, 128, 128)
    maps[0] = np.broadcast_to(np.arange(32.0)[:, None], (1, 32, 32, 1)).astype(
        "float32"
    )
    rois = np.array([[[0, 0, 0.5, 0.5]]], "float32")
    layer = PyramidROIAlign((2, 2), portable=portable, **CORNERS)

    pooled = np.asarray(layer([rois, metas(1, 128, 128), *maps]))[0, 0, ..., 0]

    np.testing.assert_allclose(pooled, [[0, 15.5]] * 2, atol=1e-5)


def test_the_canonical_square_and_its_halves_have_their_own_levels():
    sides = squares(28, 56, 112, 224, 448, 896)
    assert levels_of(sides, 1024, 1024, **EXACT) == [2, 2, 3, 4, 5, 5]
    assert levels_of(sides, 1024, 1024, **CORNERS) == [2, 2, 3, 4, 5, 5]


def test_levels_are_cut_down_or_rounded_to_the_nearest():
    # 1.5 = 2 ** 0.58, and 1.3 = 2 ** 0.38
    sides = squares(112 * 1.5, 112 * 1.3)
    assert levels_of(sides, 1024, 1024, **EXACT) == [3, 3]
    assert levels_of(sides, 1024, 1024, **CORNERS) == [4, 3]


def test_levels_follow_the_canonical_scale_and_level():
    sides = squares(224)
    assert levels_of(sides, 512, 512, canonical_scale=112, **EXACT) == [5]
    assert levels_of(sides, 512, 512, canonical_level=3, **EXACT) == [3]


def test_levels_of_a_rectangular_image_follow_pixels():
    assert levels_of([(0, 0, 448, 112), (0, 0, 112, 448)], 512, 1024, **EXACT) == [4, 4]


def test_every_image_of_a_batch_has_its_own_shape():
    rois = np.full((2, 1, 4), [0, 0, 0.5, 0.5], "float32")
    meta = np.concatenate([metas(1, 1024, 1024), metas(1, 256, 256)])
    pooled = PyramidROIAlign((1, 1), **EXACT)([rois, meta, *level_maps(2, 256, 256)])
    np.testing.assert_allclose(np.asarray(pooled)[:, 0, 0, 0, 0], [5, 3])


@WAYS
def test_padding_and_nan_rois_give_finite_features_and_touch_no_other(
    rng, portable, settings
):
    maps = random_maps(rng, 1, 128, 128, 2)
    rois = random_rois_px(rng, 1, 3, 128, 128) / 128
    rest = np.array([[[0, 0, 0, 0], [np.nan, 0, np.inf, 1]]], "float32")
    layer = PyramidROIAlign((2, 2), portable=portable, **settings)
    meta = metas(1, 128, 128)

    alone = np.asarray(layer([rois, meta, *maps]))
    with_rest = np.asarray(layer([np.concatenate([rois, rest], 1), meta, *maps]))

    assert np.isfinite(with_rest).all()
    np.testing.assert_allclose(with_rest[:, :3], alone, atol=1e-6)


@WAYS
def test_no_rois_give_no_features(portable, settings):
    layer = PyramidROIAlign((2, 2), portable=portable, **settings)
    rois = np.zeros((2, 0, 4), "float32")
    pooled = layer([rois, metas(2, 64, 64), *level_maps(2, 64, 64)])
    assert tuple(pooled.shape) == (2, 0, 2, 2, 1)


def test_number_of_rois_and_sides_of_the_image_may_be_free(rng, portable):
    layer = PyramidROIAlign((2, 2), portable=portable, **EXACT)
    symbols = [keras.Input((None, 4)), keras.Input((15,))]
    symbols += [keras.Input((None, None, 2)) for _ in STRIDES]
    model = keras.Model(symbols, layer(symbols))
    assert model.output_shape == (None, None, 2, 2, 2)
    for height, width, num_rois in [(64, 128, 3), (128, 64, 5)]:
        rois = random_rois_px(rng, 1, num_rois, height, width)
        rois = rois / np.array([height, width, height, width], "float32")
        maps = random_maps(rng, 1, height, width, 2)
        inputs = [rois, metas(1, height, width), *maps]
        np.testing.assert_allclose(
            model.predict_on_batch(inputs), layer(inputs), atol=1e-5
        )


@WAYS
def test_the_portable_layer_compiles_and_gives_the_same_features(rng, settings):
    height, width = 128, 192
    rois = random_rois_px(rng, 2, 60, height, width)
    rois = rois / np.array([height, width, height, width], "float32")
    maps = random_maps(rng, 2, height, width, 4)
    inputs = [tf.constant(one) for one in (rois, metas(2, height, width), *maps)]
    plain = PyramidROIAlign((7, 7), **settings)
    portable = PyramidROIAlign((7, 7), portable=True, **settings)

    by_xla = tf.function(lambda *tensors: portable(list(tensors)), jit_compile=True)

    assert portable.supports_jit
    assert not plain.supports_jit
    np.testing.assert_allclose(portable(inputs), plain(inputs), atol=1e-5)
    np.testing.assert_allclose(by_xla(*inputs), plain(inputs), atol=3e-5)


@WAYS
def test_it_does_the_duties_of_a_layer(rng, portable, settings):
    maps = random_maps(rng, 2, 64, 64, 2)
    rois = random_rois_px(rng, 2, 5, 64, 64) / 64
    # Every level is read, so a gradient reaches each.
    settings = {**settings, "canonical_scale": 16}
    rois[:, :4] = [[0, 0, s, s] for s in (0.0625, 0.125, 0.25, 1)]
    check_layer(
        PyramidROIAlign((3, 2), portable=portable, **settings),
        [rois, metas(2, 64, 64), *maps],
        (2, 5, 3, 2, 2),
        gradients_to=[2, 3, 4, 5],
        no_gradients_to=[0, 1],
    )
