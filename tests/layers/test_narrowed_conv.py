"""Wide convolutions with the narrow ones behind them, against the layers themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers import winograd
from mrcnn.layers.narrowed_conv import NarrowedConv, can_be_narrowed


@pytest.fixture(params=[True, False], ids=["tiles", "as ever"])
def on_cpu(request, monkeypatch):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: request.param)
    return request.param


def conv(filters=128, kernel_side=3, channels=128, **options):
    options = {"padding": "same", "activation": "relu", **options}
    options = {"bias_initializer": "normal", **options}
    layer = keras.layers.Conv2D(filters, kernel_side, **options)
    layer.build((None, None, None, channels))
    return layer


def narrow(filters=6, **options):
    return conv(filters, **{"kernel_side": 1, "activation": None, **options})


@pytest.mark.parametrize("shape", [(2, 40, 40), (1, 5, 6)])
def test_it_computes_what_the_layers_do(on_cpu, shape, rng):
    wide, few = conv(), [narrow(6), narrow(12)]
    images = rng.normal(size=(*shape, 128)).astype("float32")
    layer = NarrowedConv(wide, few)
    found = layer(images)
    expected = tf.concat([one(wide(images)) for one in few], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert layer.compute_output_shape(images.shape) == found.shape == (*shape, 18)


def test_no_images_are_fine(on_cpu):
    images = np.zeros((0, 40, 40, 128), "float32")
    assert NarrowedConv(conv(), [narrow()])(images).shape == (0, 40, 40, 6)


def test_numbers_are_float32_in_half_precision(on_cpu, rng):
    wide, few = conv(256, channels=256), narrow(18, channels=256)
    images = rng.normal(size=(1, 40, 40, 256)).astype("float32")
    layer = NarrowedConv(wide, [few], dtype="bfloat16")
    found, expected = layer(images), few(wide(images))
    assert found.dtype == tf.float32
    assert 0 < np.abs(found - expected).max() < 0.05
    assert layer(keras.Input((None, None, 256))).dtype == "float32"


def test_a_wide_convolution_and_all_who_look_at_it(monkeypatch):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    assert can_be_narrowed(conv(), [narrow(), narrow()])


@pytest.mark.parametrize(
    ("wide", "users"),
    [
        (conv(), []),
        (conv(), [narrow(), keras.layers.ReLU()]),
        (conv(), [narrow(kernel_side=3)]),
        (conv(), [narrow(strides=2)]),
        (conv(), [narrow(use_bias=False)]),
        (conv(), [narrow(64), narrow(64)]),
        (conv(activation=None), [narrow()]),
        (conv(use_bias=False), [narrow()]),
        (conv(strides=2), [narrow()]),
        (keras.layers.ReLU(), [narrow()]),
    ],
)
def test_others_stay_as_they_are(wide, users, monkeypatch):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    assert not can_be_narrowed(wide, users)
