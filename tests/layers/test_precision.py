"""Half precision for as long as a graph is traced."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.folded_conv import FoldedConv
from mrcnn.layers.per_roi import PerRoi
from mrcnn.layers.precision import computing_in


def network():
    image = keras.Input((4, 4, 4, 2))
    hidden = PerRoi(keras.layers.Conv2D(2, 1, name="conv"))(image)
    hidden = BatchNorm(frozen=True, name="norm")(hidden)
    inner = keras.Input((4, 4, 4, 2))
    nested = keras.Model(inner, keras.layers.Activation("relu", name="relu")(inner))
    logits = keras.layers.Dense(2, dtype="float32", name="logits")(nested(hidden))
    return keras.Model(image, [hidden, logits])


def test_layers_follow_but_those_with_a_precision_of_their_own():
    model = network()
    image = np.ones((1, 4, 4, 4, 2), "float32")
    with computing_in(model, "mixed_bfloat16"):
        hidden, logits = model(image)
        assert model.get_layer("conv").layer.compute_dtype == "bfloat16"
        assert model.get_layer("logits").compute_dtype == "float32"
    assert hidden.dtype == tf.bfloat16
    assert logits.dtype == tf.float32
    assert all(weight.dtype == "float32" for weight in model.weights)
    assert [tensor.dtype for tensor in model(image)] == [tf.float32] * 2


def test_weights_are_folded_before_they_are_rounded():
    conv, norm = keras.layers.Conv2D(1, 1, name="conv"), BatchNorm(name="norm")
    image = keras.Input((2, 2, 1))
    norm(conv(image))
    # Both round to 1 in bfloat16, their product does not.
    conv.set_weights([np.full((1, 1, 1, 1), 1.003), np.zeros(1)])
    norm.set_weights([np.full(1, 1.003), np.zeros(1), np.zeros(1), np.ones(1) - 1e-3])
    folded = keras.Model(image, FoldedConv(conv, norm)(image))
    rois = keras.Input((3, 2, 2, 1))
    of_rois = keras.Model(rois, PerRoi(FoldedConv(conv, norm))(rois))
    for one in (folded, of_rois):
        with computing_in(one, "mixed_bfloat16"):
            found = one(np.ones((1, *one.input_shape[1:]), "float32"))
        assert found.dtype == tf.bfloat16
        np.testing.assert_array_equal(tf.cast(found, "float32"), 1 + 2**-7)


def test_an_error_inside_leaves_full_precision_behind():
    model = network()
    with pytest.raises(KeyError), computing_in(model, "mixed_float16"):
        raise KeyError
    assert model.get_layer("norm").compute_dtype == "float32"


def test_a_network_that_cannot_follow_is_refused():
    image = keras.Input((2,))
    model = keras.Model(image, keras.layers.Dense(1, dtype="float32")(image))
    with (
        pytest.raises(ValueError, match="mixed_float16"),
        computing_in(model, "mixed_float16"),
    ):
        pass
