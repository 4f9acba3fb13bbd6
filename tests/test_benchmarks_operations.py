"""Multiply-adds against counts by hand."""

import keras
import pytest
from keras import layers

from benchmarks.operations import count_multiply_adds, floor_seconds
from mrcnn.layers.per_roi import PerRoi, TrimRois
from mrcnn.network import build_network
from tests.small_configs import TinyConfig


def count(outputs, inputs, *, rois=1, training=False, shape=(1, 16, 16)):
    model = keras.Model(inputs, outputs)
    return count_multiply_adds(model, shape, rois=rois, training=training)


@pytest.fixture
def image():
    return keras.Input([None, None, 3])


def test_a_convolution_counts_its_kernel_at_every_place(image):
    same = layers.Conv2D(8, 3, padding="same", name="same")(image)
    halved = layers.Conv2D(4, 1, strides=2, name="halved")(same)
    found = count(halved, image)
    assert found["same"] == 3 * 3 * 3 * 8 * 16 * 16
    assert found["halved"] == 8 * 4 * 8 * 8


def test_a_batch_of_two_counts_twice(image):
    outputs = layers.Conv2D(8, 3, name="conv")(image)
    assert count(outputs, image, shape=(2, 16, 16))["conv"] == 2 * 27 * 8 * 14 * 14


def test_a_transposed_convolution_counts_the_places_of_its_input(image):
    outputs = layers.Conv2DTranspose(8, 2, strides=2, name="up")(image)
    assert count(outputs, image)["up"] == 2 * 2 * 3 * 8 * 16 * 16


def test_what_has_no_kernel_counts_nothing(image):
    outputs = layers.BatchNormalization()(layers.Activation("relu")(image))
    assert count(outputs, image).total() == 0


def test_a_dense_layer_counts_every_row():
    rows = keras.Input([7, 5])
    model = keras.Model(rows, layers.Dense(3, name="dense")(rows))
    assert count_multiply_adds(model, (2, 7), rois=1)["dense"] == 2 * 7 * 5 * 3


def test_rois_of_unknown_number_count_as_many_as_are_given():
    detections = keras.Input([10, 6])
    slots = TrimRois()(detections)
    outputs = layers.Dense(4, name="dense")(slots)
    patches = PerRoi(layers.Dense(3, name="patches"))(outputs)
    model = keras.Model(detections, patches)
    found = count_multiply_adds(model, (2, 10), rois=5)
    assert found["dense"] == 5 * 6 * 4
    assert found["patches"] == 5 * 4 * 3


def test_a_nested_model_counts_at_each_call(image):
    inner_input = keras.Input([None, None, 3])
    inner = keras.Model(inner_input, layers.Conv2D(3, 1, name="inner")(inner_input))
    outputs = inner(inner(image))
    assert count(outputs, image)["inner"] == 2 * 3 * 3 * 16 * 16


def test_training_passes_back_to_weights_that_learn_and_no_further(image):
    frozen = layers.Conv2D(4, 1, name="frozen", trainable=False)
    first, second = (layers.Conv2D(4, 1, name=name) for name in ("first", "second"))
    later = layers.Conv2D(4, 1, name="later", trainable=False)
    outputs = later(second(first(frozen(image))))
    forward = count(outputs, image)
    both = count(outputs, image, training=True)
    passes = {name: both[name] / forward[name] for name in forward if forward[name]}
    assert passes == {"frozen": 1, "first": 2, "second": 3, "later": 2}


def test_training_passes_through_a_nested_model(image):
    inner_input = keras.Input([None, None, 4])
    inner = keras.Model(inner_input, layers.Conv2D(4, 1, name="inner")(inner_input))
    outputs = inner(layers.Conv2D(4, 1, name="outer")(image))
    assert count(outputs, image, training=True)["inner"] == 3 * 16 * 16 * 16


def test_detections_cost_the_mask_head_alone():
    model = build_network(TinyConfig(), "aligned")
    side = TinyConfig().IMAGE_MAX_DIM
    one, three = (
        count_multiply_adds(model, (1, side, side), rois=rois) for rois in (1, 3)
    )
    assert {name for name in one if one[name] != three[name]} == {
        *(f"mrcnn_mask_conv{number}" for number in (1, 2, 3, 4)),
        "mrcnn_mask_deconv",
        "mrcnn_mask",
    }
    assert three["mrcnn_mask"] == 3 * one["mrcnn_mask"]


def test_the_floor_is_two_operations_for_each_multiply_add():
    assert floor_seconds(100e9, 50e9) == 4
