"""Convolutions with fewer multiplications against plain ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers import winograd
from mrcnn.layers.folded_conv import FoldedConv
from mrcnn.layers.winograd import TILE, TRANSFORMS, convolve, is_quicker


def plain(images, kernel, dtype="float32"):
    images, kernel = (tf.cast(one, dtype) for one in (images, kernel))
    return tf.nn.conv2d(images, kernel, strides=1, padding="SAME")


@pytest.fixture(params=["tiles", "as ever"], autouse=True)
def few_tiles(request, monkeypatch):
    """Either way of convolving what has few tiles."""
    monkeypatch.setattr(winograd, "MIN_TILES", 0 if request.param == "tiles" else 1000)
    winograd._convolution.cache_clear()
    yield request.param
    winograd._convolution.cache_clear()


@pytest.fixture
def kernel(rng):
    return rng.normal(size=(3, 3, 5, 7)).astype("float32")


# Whole tiles, parts of tiles, less than a tile, more rows than are taken at a time.
SHAPES = [(2, 8, 12), (1, 14, 13), (2, 1, 1), (3, 2, 5), (2, 9, 601)]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_a_convolution(shape, kernel, rng):
    images = rng.normal(size=(*shape, 5)).astype("float32")
    found = convolve(images, kernel)
    assert found.shape == (*shape, 7)
    np.testing.assert_allclose(found, plain(images, kernel), atol=1e-4)


def test_one_graph_is_for_all_shapes(kernel, rng):
    specs = [tf.TensorSpec([None, None, None, 5]), tf.TensorSpec(kernel.shape)]
    run = tf.function(convolve, input_signature=specs)
    for shape in SHAPES:
        images = rng.normal(size=(*shape, 5)).astype("float32")
        np.testing.assert_allclose(
            run(images, kernel), plain(images, kernel), atol=1e-4
        )


def test_no_images_are_fine(kernel):
    assert convolve(np.zeros((0, 14, 14, 5), "float32"), kernel).shape == (0, 14, 14, 7)


def test_gradients_are_those_of_a_convolution(kernel, rng):
    images = rng.normal(size=(2, 9, 6, 5)).astype("float32")
    upstream = rng.normal(size=(2, 9, 6, 7)).astype("float32")
    gradients = []
    for function in (convolve, plain):
        arguments = [tf.constant(images), tf.constant(kernel)]
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            loss = tf.reduce_sum(upstream * function(*arguments))
        gradients.append(tape.gradient(loss, arguments))
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_rounding_is_a_few_times_that_of_plain_convolution(rng):
    images = rng.normal(size=(1, 32, 32, 256)).astype("float32")
    kernel = rng.normal(size=(3, 3, 256, 64)).astype("float32") / 48
    exact = plain(images, kernel, "float64").numpy()
    errors = [
        np.abs(function(images, kernel) - exact).mean()
        for function in (convolve, plain)
    ]
    assert errors[0] < 10 * errors[1]
    assert errors[0] < 2e-6 * exact.std()


def test_transforms_are_exact_for_whole_numbers():
    patch, kernel = np.arange(36.0).reshape(6, 6), np.arange(9.0).reshape(3, 3)
    products = (TRANSFORMS.patch @ patch.ravel()) * (TRANSFORMS.kernel @ kernel.ravel())
    found = (TRANSFORMS.tile @ products).reshape(TILE, TILE)
    for y in range(TILE):
        for x in range(TILE):
            expected = (patch[y : y + 3, x : x + 3] * kernel).sum()
            assert found[y, x] == pytest.approx(expected, rel=1e-5)


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
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: False)
    assert not is_quicker(conv())


def num_plain_convolutions(layer, images):
    graph = tf.function(layer).get_concrete_function(images).graph
    return sum(one.type == "Conv2D" for one in graph.get_operations())


def test_layers_take_it_in_full_precision_alone(monkeypatch, rng):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    images = tf.constant(rng.normal(size=(1, 8, 8, 128)).astype("float32"))
    layer = conv(activation="relu", bias_initializer="normal")
    full, half = FoldedConv(layer), FoldedConv(layer, dtype="mixed_bfloat16")
    np.testing.assert_allclose(full(images), layer(images), atol=1e-4)
    assert num_plain_convolutions(full, images) == 0
    assert num_plain_convolutions(half, images) == 1
