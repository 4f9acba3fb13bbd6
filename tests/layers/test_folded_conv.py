import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.folded_conv import FoldedConv, covers_map, scale_and_shift


@pytest.fixture
def norm(rng) -> BatchNorm:
    norm = BatchNorm(epsilon=0.5)
    norm.build((None, None, None, 4))
    gamma, beta, mean = rng.normal(size=(3, 4))
    norm.set_weights([gamma, beta, mean, rng.uniform(0.5, 2, 4)])
    return norm


def conv_of(norm: BatchNorm, **options) -> keras.layers.Conv2D:
    conv = keras.layers.Conv2D(4, 3, bias_initializer="normal", **options)
    conv.build((None, None, None, 3))
    return conv


def test_scale_and_shift_are_those_of_the_formula():
    norm = BatchNorm(epsilon=0.0)
    norm.build((None, 1))
    norm.set_weights([np.array([v]) for v in (6.0, 1.0, 5.0, 4.0)])
    scale, shift = scale_and_shift(norm)
    assert (float(scale[0]), float(shift[0])) == (6 / 2, 1 - 5 * 6 / 2)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": "same", "strides": 2},
        {"use_bias": False},
        {"dilation_rate": 2, "padding": "same"},
    ],
)
def test_it_computes_what_the_two_layers_do(rng, norm, options):
    conv = conv_of(norm, **options)
    image = rng.normal(size=(2, 9, 8, 3)).astype("float32")
    expected = norm(conv(image), training=False)
    folded = FoldedConv(conv, norm)
    np.testing.assert_allclose(folded(image), expected, atol=1e-5)
    assert folded.compute_output_shape((2, 9, 8, 3)) == expected.shape


@pytest.mark.parametrize("side", [3, 1])
def test_a_kernel_as_large_as_the_map_is_a_matrix_product(rng, norm, side):
    conv = keras.layers.Conv2D(4, side, bias_initializer="normal")
    maps = rng.normal(size=(5, side, side, 3)).astype("float32")
    expected = norm(conv(maps), training=False)
    assert covers_map(conv, maps.shape)
    folded = FoldedConv(conv, norm)
    np.testing.assert_allclose(folded(maps), expected, atol=1e-5)
    assert folded(maps[:0]).shape == (0, 1, 1, 4)
    np.testing.assert_allclose(FoldedConv(conv)(maps), conv(maps), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((None, 3, 3, 4), {"padding": "same"}),
        ((None, 4, 3, 4), {}),
        ((None, None, None, 4), {}),
        ((None, 3, 3, 4), {"dilation_rate": 2}),
    ],
)
def test_other_kernels_move_over_the_map(shape, options):
    assert not covers_map(keras.layers.Conv2D(4, 3, **options), shape)


def test_a_bias_is_added_in_the_form_that_is_fused_with_the_convolution(rng, norm):
    folded = FoldedConv(conv_of(norm), norm)
    call = tf.function(lambda image: tf.nn.relu(folded(image)))
    image = tf.zeros((1, 5, 5, 3))
    kinds = {
        node.type for node in call.get_concrete_function(image).graph.get_operations()
    }
    assert "BiasAdd" in kinds


def test_it_follows_the_weights(rng, norm):
    conv = conv_of(norm)
    folded = FoldedConv(conv, norm)
    image = rng.normal(size=(1, 5, 5, 3)).astype("float32")
    before = keras.ops.convert_to_numpy(folded(image))
    norm.gamma.assign(2 * norm.gamma)
    conv.kernel.assign(conv.kernel + 0.1)
    assert not np.allclose(folded(image), before)
    np.testing.assert_allclose(folded(image), norm(conv(image)), atol=1e-5)


def test_in_training_the_statistics_stay_as_they_are(rng, norm):
    folded = FoldedConv(conv_of(norm), norm)
    image = rng.normal(size=(1, 5, 5, 3)).astype("float32")
    before = norm.get_weights()
    np.testing.assert_array_equal(folded(image, training=True), folded(image))
    for weight, value in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_in_half_precision_the_output_is_half(rng, norm):
    conv = conv_of(norm)
    image = rng.normal(size=(1, 5, 5, 3)).astype("float32")
    half = FoldedConv(conv, norm, dtype="mixed_bfloat16")(image)
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"
    expected = keras.ops.convert_to_numpy(FoldedConv(conv, norm)(image))
    half = keras.ops.convert_to_numpy(keras.ops.cast(half, "float32"))
    error = np.abs(half - expected)
    assert error.max() < 0.03 * np.abs(expected).max()


def test_layers_without_weights_cannot_be_folded():
    folded = FoldedConv(keras.layers.Conv2D(4, 3, name="early"), BatchNorm(name="bn"))
    with pytest.raises(ValueError, match="'early' and 'bn'"):
        folded(np.zeros((1, 5, 5, 3), "float32"))


def test_an_early_layer_alone_is_named_too():
    folded = FoldedConv(keras.layers.Conv2D(4, 3, name="early"))
    with pytest.raises(ValueError, match="'early' have no weights"):
        folded(np.zeros((1, 5, 5, 3), "float32"))
