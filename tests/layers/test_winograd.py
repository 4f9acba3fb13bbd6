"""Convolutions with fewer multiplications against plain ones."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mrcnn.layers import winograd
from mrcnn.layers.folded_conv import FoldedConv
from mrcnn.layers.tilings import TILINGS
from mrcnn.layers.winograd import (
    Finish,
    convolve,
    convolve_and_finish,
    is_quicker,
)

# Mean error against the standard deviation of the outputs, and how often that of plain
# convolution it may be.
ROUNDING = {"float32": (2e-6, 10), "bfloat16": (6e-3, 3)}


def plain(images, kernel, dtype="float32"):
    images, kernel = (tf.cast(one, dtype) for one in (images, kernel))
    return tf.nn.conv2d(images, kernel, strides=1, padding="SAME")


@pytest.fixture(params=["tiles", "as ever"], autouse=True)
def few_places(request, monkeypatch):
    """Either way of convolving what has few places."""
    min_places = 0 if request.param == "tiles" else 100_000
    monkeypatch.setattr(winograd, "MIN_PLACES", min_places)
    winograd._graph.cache_clear()
    winograd._graph_with_gradient.cache_clear()
    yield request.param
    winograd._graph.cache_clear()
    winograd._graph_with_gradient.cache_clear()


@pytest.fixture(params=TILINGS)
def dtype(request):
    return request.param


@pytest.fixture
def kernel(rng):
    return rng.normal(size=(3, 3, 5, 7)).astype("float32")


def assert_close(found, expected, dtype):
    """Up to the rounding of a precision."""
    tolerance = {"float32": 1e-4, "bfloat16": 0.4}[dtype]
    np.testing.assert_allclose(
        tf.cast(found, "float32"), tf.cast(expected, "float32"), atol=tolerance
    )


# Whole tiles, parts of tiles, less than a tile, more rows or more images than are taken
# at a time, and not a multiple of them.
SHAPES = [(2, 8, 12), (1, 14, 13), (2, 1, 1), (3, 2, 5), (2, 9, 601), (60, 9, 9)]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_a_convolution(shape, kernel, rng, dtype):
    images = tf.cast(rng.normal(size=(*shape, 5)), dtype)
    found = convolve(images, kernel)
    assert found.shape == (*shape, 7)
    assert found.dtype == dtype
    assert_close(found, plain(images, kernel), dtype)


def test_one_graph_is_for_all_shapes(kernel, rng, dtype):
    specs = [tf.TensorSpec([None, None, None, 5], dtype), tf.TensorSpec(kernel.shape)]
    run = tf.function(convolve, input_signature=specs)
    for shape in SHAPES:
        images = tf.cast(rng.normal(size=(*shape, 5)), dtype)
        assert_close(run(images, kernel), plain(images, kernel), dtype)


def total_and_most(outputs, weights):
    values = ops.cast(outputs, "float32") + weights
    return ops.stack([ops.sum(values, axis=-1), ops.max(values, axis=-1)], axis=-1)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_kept_of_places_is_made_turn_by_turn(shape, kernel, rng, dtype):
    images = tf.cast(rng.normal(size=(*shape, 5)), dtype)
    weights = rng.normal(size=7).astype("float32")
    finish = Finish(total_and_most, [weights], 2, "float32")
    found = convolve_and_finish(images, kernel, finish)
    assert found.shape == (*shape, 2)
    assert found.dtype == "float32"
    expected = total_and_most(plain(images, kernel), weights)
    np.testing.assert_allclose(
        found, expected, atol=1e-3 if dtype == "float32" else 1.0
    )


def size_at_hand(outputs):
    return tf.ones_like(outputs[..., :1]) * tf.cast(tf.size(outputs), "float32")


def test_a_turn_has_a_part_of_the_outputs_at_hand(few_places, kernel, rng):
    images = rng.normal(size=(1, 300, 64, 5)).astype("float32")
    finish = Finish(size_at_hand, [], 1, "float32")
    sizes = convolve_and_finish(images, kernel, finish)
    everything, a_turn = 300 * 64 * 7, winograd.MAX_PLACES * 7
    assert a_turn < everything
    assert np.max(sizes) == (a_turn if few_places == "tiles" else everything)


def test_no_images_are_fine(kernel, dtype):
    images = tf.zeros((0, 14, 14, 5), dtype)
    assert convolve(images, kernel).shape == (0, 14, 14, 7)


def test_gradients_are_those_of_a_convolution(kernel, rng, dtype):
    images = tf.cast(rng.normal(size=(2, 9, 6, 5)), dtype)
    upstream = rng.normal(size=(2, 9, 6, 7)).astype("float32")
    gradients = []
    for function in (convolve, plain):
        arguments = [images, tf.constant(kernel)]
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            outputs = tf.cast(function(*arguments), "float32")
            loss = tf.reduce_sum(upstream * outputs)
        gradients.append(tape.gradient(loss, arguments))
    for found, expected in zip(*gradients, strict=True):
        assert found.dtype == expected.dtype
        found, expected = tf.cast(found, "float32"), tf.cast(expected, "float32")
        tolerance = {"float32": 1e-5, "bfloat16": 0.02}[dtype]
        scale = tf.reduce_max(tf.abs(expected)).numpy()
        np.testing.assert_allclose(found, expected, atol=tolerance * scale)


def test_graphs_around_it_are_let_go(kernel, rng, dtype):
    images = tf.cast(rng.normal(size=(1, 9, 6, 5)), dtype)

    @tf.function
    def learn(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            loss = tf.reduce_sum(convolve(images, kernel))
        return tape.gradient(loss, kernel)

    assert learn(images, kernel).shape == kernel.shape
    graph = weakref.ref(learn.get_concrete_function(images, kernel).graph)
    del learn
    gc.collect()
    assert graph() is None


def test_rounding_is_a_few_times_that_of_plain_convolution(rng, dtype):
    images = tf.cast(rng.normal(size=(1, 32, 32, 256)), dtype)
    kernel = rng.normal(size=(3, 3, 256, 64)).astype("float32") / 48
    exact = plain(images, kernel, "float64").numpy()
    found, as_ever = (
        np.abs(tf.cast(one, "float64") - exact).mean() / exact.std()
        for one in (convolve(images, kernel), plain(images, kernel, dtype))
    )
    largest, times_plain = ROUNDING[dtype]
    assert found < times_plain * as_ever
    assert found < largest


def conv(filters=128, kernel_side=3, channels=128, **options):
    layer = keras.layers.Conv2D(filters, kernel_side, **{"padding": "same", **options})
    layer.build((None, None, None, channels))
    return layer


def test_wide_convolutions_of_stride_1_are_quicker(monkeypatch):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    assert is_quicker(conv())
    for other in (
        conv(filters=64),
        conv(channels=64),
        conv(kernel_side=1),
        conv(strides=2),
        conv(dilation_rate=2),
        conv(padding="valid"),
        conv(groups=2),
    ):
        assert not is_quicker(other)
    # In half precision a little is won, so a little must not be lost.
    assert not is_quicker(conv(), "bfloat16")
    assert is_quicker(conv(filters=256, channels=256), "bfloat16")
    assert not is_quicker(conv(filters=256, channels=256), "float16")
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: False)
    assert not is_quicker(conv())


def num_plain_convolutions(layer, images):
    graph = tf.function(layer).get_concrete_function(images).graph
    return sum(one.type == "Conv2D" for one in graph.get_operations())


def test_layers_take_it_where_it_is_quicker(few_places, monkeypatch, rng):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    images = tf.constant(rng.normal(size=(1, 8, 8, 128)).astype("float32"))
    layer = conv(activation="relu", bias_initializer="normal")
    full, half = FoldedConv(layer), FoldedConv(layer, dtype="mixed_bfloat16")
    np.testing.assert_allclose(full(images), layer(images), atol=1e-4)
    assert num_plain_convolutions(full, images) == 0
    assert num_plain_convolutions(half, images) == 1


def test_a_mixed_policy_may_have_rounded_the_kernel(monkeypatch, rng):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    images = tf.constant(rng.normal(size=(1, 8, 8, 256)).astype("float32"))
    layer = conv(filters=256, channels=256)
    half = FoldedConv(layer, dtype="mixed_bfloat16")
    assert num_plain_convolutions(half, images) == 0
    found = half(images)
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(found, "float32"), layer(images), atol=0.1)
