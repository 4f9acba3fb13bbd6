"""The twins give the kernels' numbers, also when XLA compiles them.

What both promise is tested in test_tensorflow_ops.py.
"""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers import portable_ops, tensorflow_ops
from tests.layers.test_tensorflow_ops import random_boxes


def compiled(function, *arguments, **settings):
    def call(*tensors):
        return function(*tensors, **settings)

    tensors = tf.nest.map_structure(tf.convert_to_tensor, arguments)
    return tf.function(call, jit_compile=True)(*tensors)


@pytest.mark.parametrize("max_count", [20, 400])
def test_suppression_chooses_the_same_boxes(rng, max_count):
    boxes = random_boxes(rng, 3, 300)
    # Rounded for ties, and the last image without candidates.
    scores = rng.uniform(0, 1, (3, 300)).round(2).astype("float32")
    scores[scores < 0.2] = -1
    scores[2] = -1
    settings = {"max_count": max_count, "iou_threshold": 0.5}

    expected = tensorflow_ops.non_max_suppression(boxes, scores, **settings)
    eager = portable_ops.non_max_suppression(
        tf.constant(boxes), tf.constant(scores), **settings
    )
    by_xla = compiled(portable_ops.non_max_suppression, boxes, scores, **settings)

    assert np.asarray(expected[1]).sum(axis=1).min() == 0
    for results in (eager, by_xla):
        np.testing.assert_array_equal(results[0], expected[0])
        np.testing.assert_array_equal(results[1], expected[1])


@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.parametrize("pool_shape", [(7, 7), (14, 3), (1, 1)])
def test_pooling_gives_the_same_features(rng, pool_shape, border):
    shapes = [(32, 48), (16, 24), (8, 12), (4, 6)]
    maps = [rng.normal(size=(2, *shape, 3)).astype("float32") for shape in shapes]
    boxes = random_boxes(rng, 2, 200, 2)
    # Where a box ends on the last cell, rounding decides which points are outside.
    boxes[:, :100, :, 2:] = 1.0
    boxes[:, 180:, :, :2] -= 0.5
    levels = rng.integers(0, 4, (2, 200)).astype("int32")
    settings = {"pool_shape": pool_shape, "border": border}

    expected = tensorflow_ops.pool_levels(
        [tf.constant(one) for one in maps], boxes, levels, **settings
    )
    eager = portable_ops.pool_levels(
        [tf.constant(one) for one in maps],
        tf.constant(boxes),
        tf.constant(levels),
        **settings,
    )
    by_xla = compiled(portable_ops.pool_levels, maps, boxes, levels, **settings)

    np.testing.assert_allclose(eager, expected, atol=1e-5)
    np.testing.assert_allclose(by_xla, expected, atol=1e-5)


def test_pooling_sends_the_same_gradients_into_the_maps(rng):
    maps = [tf.constant(rng.normal(size=(1, 6, 8, 2)).astype("float32"))]
    boxes = tf.constant(random_boxes(rng, 1, 20, 1))
    levels = tf.zeros((1, 20), "int32")
    gradients = []
    for function in (tensorflow_ops.pool_levels, portable_ops.pool_levels):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            pooled = function(maps, boxes, levels, (3, 3), border=1)
            total = tf.reduce_sum(pooled**2)
        gradients.append(tape.gradient(total, maps)[0])
    np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-4)
