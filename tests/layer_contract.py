"""check_layer: one call, every duty of a Keras layer.

A layer's numbers are tested beside it; here stands what is asked of all of them:
shapes known before anything runs, the same results by every way of running, free
batch axis, a life in a file, half precision, gradients where they belong.

Shapes: B images; everything else is the layer's own.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

HALF_POLICIES = ("mixed_float16", "mixed_bfloat16")


def check_layer(
    layer: keras.layers.Layer,
    inputs: Any,
    expected_shapes: Any,
    *,
    gradients_to: Sequence[int] = (),
    no_gradients_to: Sequence[int] = (),
    keeps_float32: bool = False,
    images_independent: bool = True,
    tolerance: float = 1e-5,
) -> list[np.ndarray]:
    """Asserts a layer's duties and gives back what it computes.

    Args:
        layer: as its user would construct it, built or not
        inputs: the array, or list of arrays, that the layer is called with; two
            images or more, so that a batch of one can be told from it
        expected_shapes: shape of the output, or a list of one for each output; None
            where only the data decides
        gradients_to: positions of inputs that a gradient must reach
        no_gradients_to: positions of inputs where every gradient must end
        keeps_float32: outputs must be float32 under a half-precision policy too
        images_independent: an image's output must not depend on its batch
        tolerance: absolute and relative, between the ways of running

    Returns:
        The outputs in eager inference, one array each.
    """
    expected = _as_shapes(expected_shapes)
    outputs = _numbers(layer(inputs))
    _check_shapes(layer, inputs, outputs, expected)
    _check_ways_of_running(layer, inputs, outputs, images_independent, tolerance)
    _check_round_trip(layer, inputs, outputs, tolerance)
    _check_half_precision(layer, inputs, keeps_float32)
    _check_gradients(layer, inputs, gradients_to, no_gradients_to)
    return outputs


def _check_shapes(
    layer: keras.layers.Layer, inputs: Any, outputs: list[np.ndarray], expected: list
) -> None:
    """Symbolic shapes are the expected ones, eager shapes fill in what is None."""
    assert len(outputs) == len(expected), f"{len(outputs)} outputs"
    for output, shape in zip(outputs, expected, strict=True):
        assert output.ndim == len(shape), f"eager {output.shape}, expected {shape}"
        for eager, side in zip(output.shape, shape, strict=True):
            assert side in (None, eager), f"eager {output.shape}, expected {shape}"

    fixed = layer(_symbolic(inputs, lambda shape: shape))
    assert _shapes(fixed) == expected, f"symbolic {_shapes(fixed)}"

    free = layer(_symbolic(inputs, lambda shape: (None, *shape[1:])))
    free_expected = [(None, *shape[1:]) for shape in expected]
    assert _shapes(free) == free_expected, f"with a free batch {_shapes(free)}"
    for symbol, output in zip(keras.tree.flatten(free), outputs, strict=True):
        dtype = keras.backend.standardize_dtype(symbol.dtype)
        assert dtype == str(output.dtype), f"symbolic {dtype}, eager {output.dtype}"


def _check_ways_of_running(
    layer: keras.layers.Layer,
    inputs: Any,
    outputs: list[np.ndarray],
    images_independent: bool,
    tolerance: float,
) -> None:
    compiled = tf.function(lambda arguments: layer(arguments), jit_compile=False)
    _assert_equal(_numbers(compiled(_tensors(inputs))), outputs, tolerance, "compiled")

    symbols = _symbolic(inputs, lambda shape: (None, *shape[1:]))
    model = keras.Model(symbols, layer(symbols))
    model.compile(jit_compile=False)
    predicted = _numbers(model.predict_on_batch(inputs))
    _assert_equal(predicted, outputs, tolerance, "predicted")

    one_image = keras.tree.map_structure(lambda array: array[:1], inputs)
    predicted = _numbers(model.predict_on_batch(one_image))
    assert all(len(output) == 1 for output in predicted)
    if images_independent:
        first = [output[:1] for output in outputs]
        _assert_equal(predicted, first, tolerance, "a batch of one")


def _check_round_trip(
    layer: keras.layers.Layer, inputs: Any, outputs: list[np.ndarray], tolerance: float
) -> None:
    registered = keras.saving.get_registered_name(type(layer))
    assert registered.startswith("mrcnn>"), f"{registered} is not registered"
    text = _as_json(layer)
    twin = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(twin) is type(layer)

    twin(inputs)  # Builds it: configurations of inner layers tell whether they are.
    assert _as_json(twin) == _as_json(layer), "changed by the round trip"
    assert [weight.name for weight in twin.weights] == [
        weight.name for weight in layer.weights
    ]
    twin.set_weights(layer.get_weights())
    _assert_equal(_numbers(twin(inputs)), outputs, tolerance, "the round trip")


def _as_json(layer: keras.layers.Layer) -> str:
    return json.dumps(keras.saving.serialize_keras_object(layer))


def _check_half_precision(
    layer: keras.layers.Layer, inputs: Any, keeps_float32: bool
) -> None:
    before = keras.config.dtype_policy()
    for policy in HALF_POLICIES:
        keras.config.set_dtype_policy(policy)
        try:
            config = _without_dtypes(layer.get_config())
            twin = type(layer).from_config(config)
            twin(inputs)  # Builds it.
            twin.set_weights(layer.get_weights())
            outputs = keras.tree.flatten(twin(inputs))
        finally:
            keras.config.set_dtype_policy(before)
        for output in outputs:
            dtype = keras.backend.standardize_dtype(output.dtype)
            numbers = keras.ops.convert_to_numpy(output).astype("float64")
            assert np.isfinite(numbers).all(), f"not finite under {policy}"
            if keeps_float32 and "float" in dtype:
                assert dtype == "float32", f"{dtype} under {policy}"


def _check_gradients(
    layer: keras.layers.Layer,
    inputs: Any,
    gradients_to: Sequence[int],
    no_gradients_to: Sequence[int],
) -> None:
    tensors = _tensors(inputs)
    sources = keras.tree.flatten(tensors)
    trainable = list(layer.trainable_variables)
    with tf.GradientTape(persistent=True) as tape:
        for source in sources:
            tape.watch(source)
        outputs = keras.tree.flatten(layer(tensors))
        total = tf.add_n([_uneven_sum(output) for output in outputs])
    for position in gradients_to:
        gradient = tape.gradient(total, sources[position])
        assert gradient is not None, f"no gradient reaches input {position}"
        numbers = keras.ops.convert_to_numpy(tf.convert_to_tensor(gradient))
        assert np.isfinite(numbers).all(), f"gradient of input {position}"
        assert np.abs(numbers).max() > 0, f"gradient of input {position} is zero"
    for position in no_gradients_to:
        gradient = tape.gradient(total, sources[position])
        leaks = gradient is not None and np.abs(gradient).max() > 0
        assert not leaks, f"a gradient reaches input {position}"
    for variable in trainable:
        gradient = tape.gradient(total, variable.value)
        assert gradient is not None, f"no gradient reaches {variable.path}"


def _uneven_sum(output: Any) -> Any:
    """A scalar that every element moves by another amount."""
    output = tf.cast(output, "float32")
    weights = tf.linspace(0.5, 1.5, tf.size(output))
    return tf.reduce_sum(tf.reshape(output, [-1]) * tf.cast(weights, "float32"))


def _assert_equal(
    actual: list[np.ndarray], expected: list[np.ndarray], tolerance: float, way: str
) -> None:
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.shape == other.shape, f"{way}: {one.shape}, eager {other.shape}"
        np.testing.assert_allclose(
            one, other, rtol=tolerance, atol=tolerance, err_msg=way
        )


def _symbolic(inputs: Any, reshape: Callable[[tuple], tuple]) -> Any:
    def symbol(array: np.ndarray) -> Any:
        dtype = keras.backend.standardize_dtype(array.dtype)
        return keras.Input(batch_shape=reshape(tuple(array.shape)), dtype=dtype)

    return keras.tree.map_structure(symbol, inputs)


def _tensors(inputs: Any) -> Any:
    return keras.tree.map_structure(tf.convert_to_tensor, inputs)


def _numbers(outputs: Any) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(outputs)]


def _shapes(outputs: Any) -> list[tuple]:
    return [tuple(output.shape) for output in keras.tree.flatten(outputs)]


def _as_shapes(expected_shapes: Any) -> list[tuple]:
    is_single = isinstance(expected_shapes, tuple) and all(
        side is None or isinstance(side, int) for side in expected_shapes
    )
    return [expected_shapes] if is_single else [tuple(s) for s in expected_shapes]


def _without_dtypes(config: Any) -> Any:
    """A configuration, inner layers included, that follows the global policy."""
    if isinstance(config, dict):
        return {
            key: _without_dtypes(value)
            for key, value in config.items()
            if key != "dtype"
        }
    return config
