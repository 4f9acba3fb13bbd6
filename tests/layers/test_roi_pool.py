"""RoI pooling: a plain loop over the cells of each part says what is meant."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers.roi_pool import PyramidROIPool
from tests.layer_contract import check_layer
from tests.layers.test_roi_align import metas, random_maps

SETTINGS = {"round_fpn_level": False}


@pytest.fixture(params=[False, True], ids=["kernel", "twin"])
def portable(request):
    return request.param


def plain_roi_pool(features, roi, pool_shape):
    """One roi in cells of one map, part by part, cell by cell. -> [ph, pw, F]"""
    pooled = np.zeros((*pool_shape, features.shape[-1]))
    y1, x1, y2, x2 = (math.floor(edge + 0.5) for edge in roi)
    height, width = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
    for row in range(pool_shape[0]):
        for column in range(pool_shape[1]):
            top = y1 + row * height // pool_shape[0]
            bottom = y1 - (-(row + 1) * height // pool_shape[0])
            left = x1 + column * width // pool_shape[1]
            right = x1 - (-(column + 1) * width // pool_shape[1])
            top, bottom, left, right = (max(e, 0) for e in (top, bottom, left, right))
            part = features[top:bottom, left:right]
            if part.size:
                pooled[row, column] = part.max(axis=(0, 1))
    return pooled


def random_rois(rng, num_images, count, height, width):
    """Boxes of pixels, some of them reaching over the edges. -> [B, R, 4]"""
    centers = rng.uniform(0, [height, width], (num_images, count, 2))
    half = rng.uniform(1, [height / 2, width / 2], (num_images, count, 2))
    return np.concatenate([centers - half, centers + half], axis=-1).astype("float32")


@pytest.mark.parametrize("pool_shape", [(1, 1), (7, 7), (3, 2)])
def test_each_part_gives_its_largest_cell(rng, portable, pool_shape):
    height, width = 64, 96
    rois = random_rois(rng, 2, 20, height, width)
    features = rng.normal(size=(2, 16, 24, 3)).astype("float32") - 3
    layer = PyramidROIPool(pool_shape, portable=portable, **SETTINGS)
    normalized = rois / np.array([height, width, height, width], "float32")
    pooled = layer([normalized, metas(2, height, width), features])
    for image in range(2):
        for number in range(20):
            expected = plain_roi_pool(
                features[image], rois[image, number] / 4, pool_shape
            )
            np.testing.assert_allclose(pooled[image, number], expected, rtol=1e-6)


def test_two_cells_in_three_parts_by_hand(portable):
    features = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    roi = np.array([[[1, 1, 2, 2]]], "float32") / 4
    layer = PyramidROIPool((3, 1), portable=portable, **SETTINGS)
    pooled = layer([roi, metas(1, 16, 16), features])
    # Rows 1 and 2, columns 1 and 2; the part in the middle has both rows.
    assert np.array(pooled).ravel().tolist() == [6, 10, 10]


def test_only_the_largest_cell_learns():
    features = tf.constant(np.arange(16, dtype="float32").reshape(1, 4, 4, 1))
    roi = tf.constant([[[0, 0, 0.25, 0.25]]])
    layer = PyramidROIPool((1, 1), **SETTINGS)
    with tf.GradientTape() as tape:
        tape.watch([features, roi])
        pooled = layer([roi, metas(1, 16, 16), features])
    to_features, to_roi = tape.gradient(pooled, [features, roi])
    expected = np.zeros((4, 4))
    expected[1, 1] = 1
    np.testing.assert_array_equal(
        tf.convert_to_tensor(to_features)[0, ..., 0], expected
    )
    assert to_roi is None


def test_each_roi_is_pooled_from_its_level(rng):
    maps = random_maps(rng, 1, 128, 128, 2)
    rois = np.array([[[0, 0, 20, 30], [0, 0, 120, 128]]], "float32")
    layer = PyramidROIPool((2, 2), canonical_scale=112, **SETTINGS)
    pooled = layer([rois / 128, metas(1, 128, 128), *maps])
    for row, level in ((0, 0), (1, 2)):
        expected = plain_roi_pool(maps[level][0], rois[0, row] / 4 / 2**level, (2, 2))
        np.testing.assert_allclose(pooled[0, row], expected, rtol=1e-6)


def test_it_does_the_duties_of_a_layer(rng, portable):
    maps = random_maps(rng, 2, 64, 64, 2)
    rois = random_rois(rng, 2, 5, 64, 64) / 64
    # Every level is read, so a gradient reaches each.
    rois[:, :4] = [[0, 0, s, s] for s in (0.0625, 0.125, 0.25, 1)]
    check_layer(
        PyramidROIPool((3, 2), portable=portable, canonical_scale=16, **SETTINGS),
        [rois, metas(2, 64, 64), *maps],
        (2, 5, 3, 2, 2),
        gradients_to=[2, 3, 4, 5],
        no_gradients_to=[0, 1],
    )


def test_in_a_compiled_graph_it_takes_maps_of_any_size(rng):
    rois, meta = keras.Input((None, 4)), keras.Input((15,))
    features = keras.Input((None, None, 3))
    layer = PyramidROIPool((2, 2), **SETTINGS)
    model = keras.Model([rois, meta, features], layer([rois, meta, features]))
    for side in (4, 8):
        values = rng.normal(size=(1, side, side, 3)).astype("float32")
        roi = random_rois(rng, 1, 3, side, side)
        pooled = model.predict_on_batch(
            [roi / side, metas(1, side * 16, side * 16), values]
        )
        expected = plain_roi_pool(values[0], roi[0, 2], (2, 2))
        np.testing.assert_allclose(pooled[0, 2], expected, rtol=1e-6)
