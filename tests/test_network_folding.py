"""Folded networks against the networks that they are made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.geometry.boxes import pairwise_iou
from mrcnn.layers import winograd
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.folded_conv import FoldedConv
from mrcnn.layers.narrowed_conv import NarrowedConv
from mrcnn.layers.per_roi import PerRoi
from mrcnn.layers.recomputed import Recomputed
from mrcnn.network import assemble_network, detector_of
from mrcnn.network_anchors import anchors_for_image
from mrcnn.network_folding import build_detector, fold_norms
from tests.small_configs import TinyConfig


def names_of(model: keras.Model, kind: type) -> list[str]:
    return [layer.name for layer in model.layers if isinstance(layer, kind)]


def give_statistics(model: keras.Model, rng) -> None:
    """Statistics and factors that a normalization of fresh weights has not."""
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            shape = layer.gamma.shape
            means = rng.normal(0, 0.1, (2, *shape))
            factors = rng.uniform(0.8, 1.2, (2, *shape))
            layer.set_weights([factors[0], means[0], means[1], factors[1]])


def is_found(detection: np.ndarray, others: np.ndarray) -> bool:
    """Whether one of the other detections has the same class, box and score."""
    overlap = pairwise_iou(detection[None, :4], others[:, :4])[0]
    is_same = (overlap > 0.9) & (others[:, 4] == detection[4])
    return bool((is_same & (np.abs(others[:, 5] - detection[5]) < 0.05)).any())


@pytest.fixture(scope="module")
def detector() -> keras.Model:
    config = TinyConfig()
    config.DETECTION_MIN_CONFIDENCE = 0.0
    model, parts = assemble_network(config, "aligned")
    give_statistics(model, np.random.default_rng(3))
    return detector_of(config, "aligned", parts)


@pytest.fixture
def inputs(rng) -> list[np.ndarray]:
    metas = np.zeros((2, TinyConfig().IMAGE_META_SIZE), "float32")
    metas[:, 1:12] = [64, 64, 3, 64, 64, 3, 0, 0, 64, 64, 1]
    anchors = anchors_for_image(TinyConfig(), (64, 64), "aligned")
    image = rng.normal(0, 5, (2, 64, 64, 3)).astype("float32")
    return [image, metas, np.stack([anchors, anchors])]


def test_all_normalizations_of_a_detector_are_folded(detector):
    assert names_of(detector, BatchNorm)
    assert not names_of(fold_norms(detector), BatchNorm)


def test_a_folded_detector_finds_the_same(detector, inputs):
    plain, folded = (
        model.predict_on_batch(inputs) for model in (detector, fold_norms(detector))
    )
    assert (plain[0][..., 4] > 0).any()
    for expected, array in zip(plain, folded, strict=True):
        np.testing.assert_allclose(array, expected, atol=2e-4)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_finds_nearly_the_same(detector, inputs, precision):
    full, half = (
        build_detector(detector, one).predict_on_batch(inputs)
        for one in ("float32", precision)
    )
    detections, patches = half
    assert (detections.dtype, patches.dtype) == ("float32", "float32")
    assert not np.array_equal(detections, full[0])
    # Suppression may decide otherwise about a box or two; the others are the same.
    for image in range(2):
        found = [is_found(row, detections[image]) for row in full[0][image]]
        assert np.mean(found) >= 0.8
    # What is computed afterwards is in full precision again.
    again = build_detector(detector).predict_on_batch(inputs)
    np.testing.assert_array_equal(again[0], full[0])


def small_model(branch: bool = False, wrapped: bool = False) -> keras.Model:
    image = keras.Input((8, 8, 3) if not wrapped else (5, 8, 8, 3))
    conv = keras.layers.Conv2D(4, 3, name="conv")
    features = (PerRoi(conv) if wrapped else conv)(image)
    outputs = BatchNorm(name="norm")(features)
    return keras.Model(image, [outputs, features] if branch else outputs)


def test_weights_are_shared_with_the_network_that_is_folded(rng):
    model = small_model()
    folded = fold_norms(model)
    give_statistics(model, rng)
    model.get_layer("conv").kernel.assign_add(np.full((3, 3, 3, 4), 0.1))
    image = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(folded(image), model(image), atol=1e-5)


def test_convolutions_of_rois_are_folded_inside_their_wrapper(rng):
    model = small_model(wrapped=True)
    give_statistics(model, rng)
    folded = fold_norms(model)
    assert not names_of(folded, BatchNorm)
    rois = rng.normal(size=(2, 5, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(folded(rois), model(rois), atol=1e-5)


def test_a_convolution_that_others_look_at_stays_as_it_is(rng):
    image = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, name="conv")(image)
    normed = BatchNorm(name="norm")(features)
    model = keras.Model(image, keras.layers.Add()([normed, features]))
    give_statistics(model, rng)
    folded = fold_norms(model)
    assert names_of(folded, BatchNorm) == ["norm"]
    image = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(folded(image), model(image), atol=1e-6)


def test_an_activation_between_the_two_forbids_folding():
    image = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    model = keras.Model(image, BatchNorm(name="norm")(features))
    assert names_of(fold_norms(model), BatchNorm) == ["norm"]


def test_convolutions_over_a_whole_roi_become_matrix_products(rng):
    rois = keras.Input((5, 7, 7, 3))
    wide = PerRoi(keras.layers.Conv2D(4, 7, name="wide"))(rois)
    narrow = PerRoi(keras.layers.Conv2D(4, 1, name="narrow"))(wide)
    model = keras.Model(rois, narrow)
    folded = fold_norms(model)
    values = rng.normal(size=(2, 5, 7, 7, 3)).astype("float32")
    np.testing.assert_allclose(folded(values), model(values), atol=1e-5)
    inner = {layer.name: layer.layer for layer in folded.layers[1:]}
    assert {type(inner[name]) for name in ("wide", "narrow")} == {FoldedConv}
    assert inner["wide"].norm is None


def wide_then_narrow(*, shown: bool = False) -> keras.Model:
    """The convolutions of a region proposal network."""
    image = keras.Input((None, None, 128))
    wide = keras.layers.Conv2D(
        128,
        3,
        padding="same",
        activation="relu",
        name="wide",
        bias_initializer="normal",
    )
    hidden = wide(image)
    first = keras.layers.Conv2D(4, 1, activation="tanh", name="first")(hidden)
    second = keras.layers.Conv2D(8, 1, name="second")(hidden)
    return keras.Model(image, [first, second] + [hidden] * shown)


@pytest.mark.parametrize("shown", [False, True])
def test_narrow_convolutions_go_into_the_wide_one_that_they_alone_look_at(
    rng, monkeypatch, shown
):
    monkeypatch.setattr(winograd, "runs_on_cpu", lambda: True)
    model = wide_then_narrow(shown=shown)
    folded = fold_norms(model)
    assert bool(names_of(folded, NarrowedConv)) != shown
    assert not names_of(fold_norms(model, only_frozen=True), NarrowedConv)
    images = rng.normal(size=(2, 40, 33, 128)).astype("float32")
    for found, expected in zip(folded(images), model(images), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def two_convolutions(model_class: type[keras.Model] = keras.Model) -> keras.Model:
    """Two with a normalization each, the first of which is frozen."""
    image = features = keras.Input((6, 6, 2))
    for name, frozen in (("first", True), ("second", False)):
        features = keras.layers.Conv2D(3, 3, name=name)(features)
        features = BatchNorm(frozen=frozen, name=f"{name}_norm")(features)
    return model_class(image, features)


def step_through(model: keras.Model, images: np.ndarray) -> tuple:
    """Value and gradients of a loss in training."""
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images, training=True)[..., 0] ** 3)
    return loss.numpy(), [one.numpy() for one in tape.gradient(loss, weights)]


def test_in_training_frozen_normalizations_alone_are_folded(rng):
    model = two_convolutions()
    give_statistics(model, rng)
    images = rng.normal(size=(4, 6, 6, 2)).astype("float32")
    before = model.get_weights()
    value, gradients = step_through(model, images)
    after = model.get_weights()
    model.set_weights(before)

    folded = fold_norms(model, only_frozen=True)
    assert names_of(folded, BatchNorm) == ["second_norm"]
    folded_value, folded_gradients = step_through(folded, images)

    assert folded_value == pytest.approx(value, rel=1e-4)
    # Of two kernels with their biases, and of the second's scale and shift.
    assert len(gradients) == 6
    for expected, gradient in zip(gradients, folded_gradients, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, atol=1e-4 * scale + 1e-3)
    for expected, weight in zip(after, model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)


def test_what_is_recomputed_is_folded_inside(rng):
    image = keras.Input((6, 6, 2))
    model = keras.Model(image, two_convolutions(Recomputed)(image))
    folded = fold_norms(model, only_frozen=True)
    (inner,) = [one for one in folded.layers if isinstance(one, Recomputed)]
    assert names_of(inner, FoldedConv) == ["first"]
    assert names_of(inner, BatchNorm) == ["second_norm"]
    images = rng.normal(size=(2, 6, 6, 2)).astype("float32")
    np.testing.assert_allclose(folded(images), model(images), atol=1e-5)
