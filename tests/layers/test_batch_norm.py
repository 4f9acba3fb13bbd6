import keras
import numpy as np
import pytest

from mrcnn.layers.batch_norm import BatchNorm
from tests.layer_contract import check_layer


@pytest.fixture
def features(rng):
    return rng.normal(3.0, 2.0, (2, 4, 4, 3)).astype("float32")


def statistics(layer):
    return [layer.moving_mean.numpy(), layer.moving_variance.numpy()]


def test_batch_norm_keeps_the_layer_contract(features):
    layer = BatchNorm(name="bn")
    check_layer(layer, features, (2, 4, 4, 3), gradients_to=[0])


def test_a_frozen_batch_norm_keeps_the_layer_contract(features):
    layer = BatchNorm(frozen=True, name="bn")
    check_layer(layer, features, (2, 4, 4, 3), gradients_to=[0])


def test_rois_on_a_fifth_axis_are_normalized_alike(features):
    layer = BatchNorm()
    five_axes = np.stack([features, features + 1], axis=1)
    outputs = np.array(layer(five_axes, training=True))
    np.testing.assert_allclose(outputs.mean(axis=(0, 1, 2, 3)), 0, atol=1e-5)


def test_inference_is_the_moving_statistics_scale_and_shift():
    layer = BatchNorm(epsilon=1e-3)
    layer.build((None, 1))
    layer.set_weights(np.array([[3.0], [10.0], [4.0], [2.0 - 1e-3]]))
    outputs = layer(np.array([[6.0]], "float32"))
    expected = 3 * (6 - 4) / np.sqrt(2) + 10
    np.testing.assert_allclose(outputs, [[expected]], rtol=1e-6)


def test_a_layer_in_training_uses_the_batch_and_learns_its_statistics(features):
    layer = BatchNorm()
    outputs = np.array(layer(features, training=True))
    np.testing.assert_allclose(outputs.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    moved = 0.01 * features.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, moved, rtol=1e-4)


@pytest.mark.parametrize("training", [None, False])
def test_outside_training_the_statistics_rest(features, training):
    layer = BatchNorm()
    layer.build(features.shape)
    before = statistics(layer)
    outputs = layer(features, training=training)
    np.testing.assert_allclose(outputs, features / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(statistics(layer), before)


def test_a_frozen_layer_ignores_training(features):
    layer = BatchNorm(frozen=True)
    inference = np.array(layer(features))
    before = statistics(layer)
    training = np.array(layer(features, training=True))
    np.testing.assert_array_equal(training, inference)
    np.testing.assert_array_equal(statistics(layer), before)


@pytest.mark.parametrize("switch_before_build", [True, False])
def test_a_frozen_layer_stays_so_when_it_is_made_trainable(
    features, switch_before_build
):
    layer = BatchNorm(frozen=True)
    if switch_before_build:
        layer.trainable = True
    layer(features)
    layer.trainable = True
    assert not layer.trainable
    assert layer.trainable_weights == []
    inference = np.array(layer(features))
    np.testing.assert_array_equal(layer(features, training=True), inference)


def test_a_frozen_layer_stays_so_when_its_model_is_made_trainable(features):
    inputs = keras.Input(features.shape[1:])
    outputs = keras.layers.Conv2D(2, 1, name="conv")(inputs)
    outputs = BatchNorm(frozen=True, name="bn")(outputs)
    model = keras.Model(inputs, outputs)
    conv_only = ["conv/kernel", "conv/bias"]
    assert [weight.path for weight in model.trainable_variables] == conv_only
    model.trainable = False
    model.trainable = True
    assert [weight.path for weight in model.trainable_variables] == conv_only


def test_a_layer_that_is_not_frozen_can_be_switched(features):
    layer = BatchNorm()
    layer(features)
    assert len(layer.trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == []
    layer.trainable = True
    assert [weight.name for weight in layer.trainable_weights] == ["gamma", "beta"]


@pytest.mark.parametrize("frozen", [True, False])
def test_weights_stand_in_the_order_of_checkpoints(frozen):
    layer = BatchNorm(frozen=frozen)
    layer.build((None, 3))
    names = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [weight.name for weight in layer.weights] == names
