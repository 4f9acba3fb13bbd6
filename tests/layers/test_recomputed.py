import keras
import numpy as np
import tensorflow as tf

from mrcnn.layers.recomputed import Recomputed


def squares(model_class):
    """x -> (2 x) ** 2, with batch statistics that move."""
    image = keras.Input((1,))
    doubled = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.Constant(2.0), name="double"
    )(image)
    centred = keras.layers.BatchNormalization(momentum=0.5, name="norm")(doubled)
    return model_class(image, keras.layers.Multiply()([centred, centred]))


@tf.function
def value_and_gradients(model, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(model(x, training=True) * x)
    sources = [x, *(weight.value for weight in model.trainable_weights)]
    return loss, tape.gradient(loss, sources)


def test_values_and_gradients_are_those_of_the_model_and_statistics_move_once():
    x = tf.constant([[1.0], [2.0], [6.0]])
    plain, recomputed = squares(keras.Model), squares(Recomputed)
    expected, found = (value_and_gradients(m, x) for m in (plain, recomputed))
    tf.nest.map_structure(np.testing.assert_allclose, found, expected)
    assert np.abs(found[1][1]).max() > 0
    # Twice the mean of 1, 2 and 6 is 6, of which half is taken.
    (mean,) = recomputed.get_layer("norm").moving_mean.numpy()
    assert mean == 3.0


def test_at_detection_it_is_the_model_itself():
    x = np.array([[3.0]], "float32")
    np.testing.assert_allclose(squares(Recomputed)(x), squares(keras.Model)(x))


def test_weights_are_those_of_the_layers_inside():
    model = squares(Recomputed)
    assert len(model.trainable_weights) == 4
    assert [layer.name for layer in model.layers][1:3] == ["double", "norm"]
