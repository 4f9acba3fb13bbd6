import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.per_roi import FoldRois, PadRois, PerRoi, TrimRois, UnfoldRois
from tests.layer_contract import check_layer


@pytest.fixture
def features(rng):
    """[2, 3, 5, 5, 2]"""
    return rng.normal(size=(2, 3, 5, 5, 2)).astype("float32")


@pytest.mark.parametrize(
    ("inner", "shape"),
    [
        (layers.Conv2D(4, 3, name="inner"), (2, 3, 3, 3, 4)),
        (layers.Conv2DTranspose(4, 2, strides=2, name="inner"), (2, 3, 10, 10, 4)),
        (layers.Flatten(name="inner"), (2, 3, 50)),
    ],
    ids=["conv", "transposed conv", "flatten"],
)
def test_per_roi_keeps_the_layer_contract_and_equals_a_loop(inner, shape, features):
    layer = PerRoi(inner)
    (outputs,) = check_layer(layer, features, shape, gradients_to=[0])
    for image in range(2):
        for roi in range(3):
            alone = np.array(inner(features[image, roi][None]))[0]
            np.testing.assert_allclose(outputs[image, roi], alone, atol=1e-5)


def test_per_roi_bears_the_inner_layers_name_and_weights(features):
    inner = layers.Conv2D(4, 3, name="mrcnn_mask_conv1")
    layer = PerRoi(inner)
    layer(features)
    assert layer.name == "mrcnn_mask_conv1"
    assert layer.layer is inner
    assert [weight.name for weight in layer.weights] == ["kernel", "bias"]
    assert layer.weights[0] is inner.kernel


def test_per_roi_may_have_a_name_of_its_own():
    assert PerRoi(layers.Flatten(name="inner"), name="outer").name == "outer"


def test_training_reaches_the_inner_layer(features):
    layer = PerRoi(BatchNorm())
    trained = np.array(layer(features, training=True))
    np.testing.assert_allclose(trained.mean(axis=(0, 1, 2, 3)), 0, atol=1e-5)
    assert np.abs(layer.layer.moving_mean).max() > 0
    again = np.array(layer(features, training=False))
    assert np.abs(again - trained).max() > 0.01


def test_training_reaches_the_inner_layer_through_a_model(features):
    inputs = keras.Input(features.shape[1:])
    model = keras.Model(inputs, PerRoi(BatchNorm())(inputs))
    trained = np.array(model(features, training=True))
    np.testing.assert_allclose(trained.mean(axis=(0, 1, 2, 3)), 0, atol=1e-5)


def test_freezing_the_wrapper_freezes_the_inner_layer(features):
    layer = PerRoi(layers.Conv2D(4, 3))
    layer(features)
    layer.trainable = False
    assert layer.trainable_weights == []
    assert not layer.layer.trainable


def test_the_number_of_rois_may_be_unknown(features):
    inputs = keras.Input((None, 5, 5, 2))
    outputs = PerRoi(layers.Conv2D(4, 3))(inputs)
    assert outputs.shape == (None, None, 3, 3, 4)
    model = keras.Model(inputs, outputs)
    model.compile(jit_compile=False)
    for count in (3, 1, 0):
        predicted = model.predict_on_batch(features[:, :count])
        assert predicted.shape == (2, count, 3, 3, 4)


def test_shapes_that_are_known_survive_compilation(features):
    layer = PerRoi(layers.Conv2D(4, 3))
    layer(features)
    unknown = tf.TensorSpec((None, None, 5, 5, 2), "float32")
    traced = tf.function(lambda x: layer(x)).get_concrete_function(unknown)
    assert tuple(traced.structured_outputs.shape) == (None, None, 3, 3, 4)


def test_per_roi_takes_the_precision_of_the_inner_layer(features):
    layer = PerRoi(layers.Conv2D(4, 3, dtype="mixed_bfloat16"))
    assert layer.compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(layer(features).dtype) == "bfloat16"


def detections_with(counts, slots=6):
    """[B, slots, 6]; image i holds `counts[i]` detections, numbered from 1."""
    detections = np.zeros((len(counts), slots, 6), "float32")
    for image, count in enumerate(counts):
        detections[image, :count] = np.arange(1, count + 1)[:, None] / 10
    return detections


def test_trim_rois_keeps_the_layer_contract():
    detections = detections_with([2, 4])
    (trimmed,) = check_layer(
        TrimRois(), detections, (2, None, 6), gradients_to=[0], images_independent=False
    )
    np.testing.assert_array_equal(trimmed, detections[:, :4])


@pytest.mark.parametrize(
    ("counts", "expected"), [([0, 0], 1), ([0, 1], 1), ([6, 2], 6), ([3], 3)]
)
def test_trim_rois_leaves_as_many_slots_as_the_fullest_image_needs(counts, expected):
    detections = detections_with(counts)
    trimmed = np.array(TrimRois()(detections))
    np.testing.assert_array_equal(trimmed, detections[:, :expected])


def test_a_detection_at_the_origin_is_not_taken_for_padding():
    detections = np.zeros((1, 3, 6), "float32")
    detections[0, :2] = [[0, 0, 0.5, 0.5, 1, 0.9], [0, 0, 1, 1, 2, 0.8]]
    assert TrimRois()(detections).shape == (1, 2, 6)


def test_pad_rois_keeps_the_layer_contract(rng):
    patches = rng.uniform(size=(2, 3, 4, 4, 2)).astype("float32")
    (padded,) = check_layer(PadRois(5), patches, (2, 5, 4, 4, 2), gradients_to=[0])
    np.testing.assert_array_equal(padded[:, :3], patches)
    assert not padded[:, 3:].any()


def test_pad_rois_leaves_full_rows_alone(rng):
    rows = rng.uniform(size=(2, 5, 6)).astype("float32")
    np.testing.assert_array_equal(PadRois(5)(rows), rows)


def test_pad_rois_refuses_more_rows_than_it_has_room_for(rng):
    with pytest.raises(Exception, match=r"[Pp]adding|paddings"):
        PadRois(2)(rng.uniform(size=(1, 3, 6)).astype("float32"))


def test_trimming_and_padding_again_gives_the_same_detections():
    detections = detections_with([2, 4])
    inputs = keras.Input((6, 6))
    outputs = PadRois(6)(TrimRois()(inputs))
    assert outputs.shape == (None, 6, 6)
    model = keras.Model(inputs, outputs)
    np.testing.assert_array_equal(model(detections), detections)
    unknown = tf.TensorSpec((None, None, 6), "float32")
    traced = tf.function(lambda x: PadRois(6)(x)).get_concrete_function(unknown)
    assert tuple(traced.structured_outputs.shape) == (None, 6, 6)


def fold_and_unfold():
    rois = keras.Input((None, 5, 5, 2))
    folded = FoldRois()(rois)
    mean = layers.GlobalAveragePooling2D()(folded)
    return keras.Model(rois, [folded, UnfoldRois()([mean, rois])])


def test_folded_rois_are_the_images_of_a_batch_until_they_are_unfolded(features):
    model = fold_and_unfold()
    assert [one.shape for one in model.outputs] == [(None, 5, 5, 2), (None, None, 2)]
    for outputs in (model(features), model.predict_on_batch(features)):
        np.testing.assert_array_equal(outputs[0][4], features[1, 1])
        np.testing.assert_allclose(
            outputs[1], features.mean(axis=(2, 3)), rtol=1e-4, atol=1e-6
        )
    folded, unfolded = model(features[:, :0])
    assert folded.shape == (0, 5, 5, 2)
    assert unfolded.shape == (2, 0, 2)


def test_folding_survives_saving(features, tmp_path):
    model = fold_and_unfold()
    model.save(tmp_path / "fold.keras")
    twin = keras.saving.load_model(tmp_path / "fold.keras")
    np.testing.assert_array_equal(model(features)[1], twin(features)[1])
