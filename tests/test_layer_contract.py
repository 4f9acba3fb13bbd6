"""The helper itself: it must notice each broken duty."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.layer_contract import check_layer


@keras.saving.register_keras_serializable(package="mrcnn")
class Scale(keras.layers.Layer):
    """Keeps every duty; the classes below break one each."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="mrcnn")
class WrongShape(Scale):
    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + 1)


@keras.saving.register_keras_serializable(package="mrcnn")
class MixesImages(Scale):
    def call(self, inputs):
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


@keras.saving.register_keras_serializable(package="mrcnn")
class ForgetsItsFactor(Scale):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


@keras.saving.register_keras_serializable(package="mrcnn")
class Overflows(Scale):
    def call(self, inputs):
        return ops.minimum(inputs * 1e5, 1e5)


@keras.saving.register_keras_serializable(package="mrcnn")
class OtherWhenTraced(Scale):
    def call(self, inputs):
        is_eager = hasattr(inputs, "numpy")
        return inputs * (self.factor if is_eager else 3.0)


@keras.saving.register_keras_serializable(package="mrcnn")
class StopsGradients(Scale):
    def call(self, inputs):
        return ops.stop_gradient(inputs) * self.factor


class Unregistered(Scale):
    pass


@pytest.fixture
def inputs(rng):
    return rng.uniform(1, 2, (2, 3)).astype("float32")


def test_a_good_layer_passes_and_its_outputs_come_back(inputs):
    (outputs,) = check_layer(Scale(5.0), inputs, (2, 3), gradients_to=[0])
    np.testing.assert_allclose(outputs, 5 * inputs)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (WrongShape(), "symbolic"),
        (MixesImages(), "a batch of one"),
        (ForgetsItsFactor(5.0), "round trip"),
        (Overflows(), "not finite"),
        (OtherWhenTraced(), "compiled"),
        (StopsGradients(), "no gradient reaches input 0"),
        (Unregistered(), "not registered"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_broken_duty_is_noticed(layer, complaint, inputs):
    with pytest.raises(AssertionError, match=complaint):
        check_layer(layer, inputs, (2, 3), gradients_to=[0])


def test_a_leaking_gradient_is_noticed(inputs):
    with pytest.raises(AssertionError, match="a gradient reaches input 0"):
        check_layer(Scale(), inputs, (2, 3), no_gradients_to=[0])


def test_half_precision_outputs_are_noticed_where_float32_is_asked(inputs):
    with pytest.raises(AssertionError, match="float16 under mixed_float16"):
        check_layer(Scale(), inputs, (2, 3), keeps_float32=True)


def test_an_unexpected_eager_shape_is_noticed(inputs):
    with pytest.raises(AssertionError, match="expected"):
        check_layer(Scale(), inputs, (2, 4))
