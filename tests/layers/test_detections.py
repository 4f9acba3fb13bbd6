"""Detections: which classes of which rois become one, where they lie."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.geometry.boxes import clip_boxes, decode_boxes
from mrcnn.layers.detections import DetectionLayer
from tests.layer_contract import check_layer
from tests.layers.test_tensorflow_ops import plain_suppression, random_boxes

STD = (0.1, 0.1, 0.2, 0.2)
LEFT, RIGHT = [0.2, 0.1, 0.6, 0.4], [0.2, 0.6, 0.6, 0.9]


@pytest.fixture(params=[False, True], ids=["kernel", "twin"])
def portable(request):
    return request.param


def image_meta(window=(0, 0, 100, 100), height=100, width=100, num_classes=3):
    return np.array(
        [0, 1, 1, 3, height, width, 3, *window, 1, *[1] * num_classes], "float32"
    )


def detect(
    rois,
    probs,
    deltas=None,
    *,
    meta=None,
    max_instances=4,
    min_confidence=0.0,
    nms_threshold=0.3,
    edge_shift=0,
    **settings,
):
    """Detections of one image. -> the real rows, [*, 6]"""
    probs = np.array([probs], "float32")
    if deltas is None:
        deltas = np.zeros((*probs.shape[1:], 4))
    layer = DetectionLayer(
        max_instances,
        min_confidence,
        nms_threshold,
        delta_std=STD,
        edge_shift=edge_shift,
        **settings,
    )
    meta = image_meta(num_classes=probs.shape[-1]) if meta is None else meta
    inputs = [np.array([rois]), probs, np.array([deltas]), meta[None]]
    rows = np.asarray(layer([one.astype("float32") for one in inputs]))[0]
    num_real = int((rows[:, 4] > 0).sum())
    assert rows.shape == (max_instances, 6)
    assert not rows[num_real:].any()
    return rows[:num_real]


def test_a_roi_counts_for_its_most_probable_class(portable):
    rows = detect([LEFT, RIGHT], [[0.1, 0.3, 0.6], [0.2, 0.7, 0.1]], portable=portable)
    np.testing.assert_allclose(rows, [[*RIGHT, 1, 0.7], [*LEFT, 2, 0.6]], atol=1e-6)


def test_background_is_no_detection(portable):
    rows = detect([LEFT, RIGHT], [[0.5, 0.4, 0.1], [0.1, 0.8, 0.1]], portable=portable)
    np.testing.assert_allclose(rows, [[*RIGHT, 1, 0.8]], atol=1e-6)


def test_the_deltas_of_the_class_move_the_roi(portable):
    deltas = np.zeros((1, 3, 4))
    deltas[0, 1] = [-3, 7, -4, 2]
    # A quarter of the height down: 2.5 * 0.1 * 0.4. The width halves.
    deltas[0, 2] = [2.5, 0, 0, -5 * np.log(2)]
    rows = detect([LEFT], [[0.1, 0.3, 0.6]], deltas, portable=portable)
    np.testing.assert_allclose(rows[0, :4], [0.3, 0.175, 0.7, 0.325], atol=1e-6)


def test_deltas_for_all_classes_alike_move_the_roi_whatever_its_class(portable):
    deltas = [[[1, 0, 0, 0]], [[0, -1, 0, 0]]]
    probs = [[0.1, 0.9, 0], [0.2, 0, 0.8]]
    settings = {"portable": portable, "per_class": True}
    rows = detect([LEFT, RIGHT], probs, deltas, **settings)
    every = detect([LEFT, RIGHT], probs, np.repeat(deltas, 3, axis=1), **settings)
    np.testing.assert_allclose(rows, every)
    np.testing.assert_allclose(rows[0, :4], [0.24, 0.1, 0.64, 0.4], rtol=1e-5)


def test_boxes_are_clipped_to_the_window(portable):
    meta = image_meta(window=(30, 0, 70, 80))
    rows = detect([[0.1, 0.5, 0.6, 0.9]], [[0.1, 0.3, 0.6]], meta=meta)
    np.testing.assert_allclose(rows[0, :4], [0.3, 0.5, 0.6, 0.8], atol=1e-6)

    rows = detect([[0, 0, 1, 1]], [[0.1, 0.3, 0.6]], meta=meta, edge_shift=1)
    expected = [30 / 99, 0, 69 / 99, 79 / 99]
    np.testing.assert_allclose(rows[0, :4], expected, atol=1e-6)


def test_a_box_outside_the_window_is_no_detection(portable):
    meta = image_meta(window=(70, 0, 100, 100))
    assert len(detect([LEFT], [[0.1, 0.3, 0.6]], meta=meta, portable=portable)) == 0


@pytest.mark.parametrize("min_confidence", [0.6, [0, 0.3, 0.6], np.array([1, 1, 0.6])])
def test_a_score_of_just_the_confidence_is_enough(portable, min_confidence):
    probs = [[0.1, 0.3, 0.6], [0.1, 0.31, 0.59]]
    rows = detect(
        [LEFT, RIGHT], probs, min_confidence=min_confidence, portable=portable
    )
    np.testing.assert_allclose(rows, [[*LEFT, 2, 0.6]], atol=1e-6)


@pytest.mark.parametrize("min_confidence", [0, None])
def test_without_a_confidence_every_score_is_enough(portable, min_confidence):
    probs = [[0.0, 0.001, 0.0]]
    rows = detect([LEFT], probs, min_confidence=min_confidence, portable=portable)
    np.testing.assert_allclose(rows, [[*LEFT, 1, 0.001]], atol=1e-6)


def test_confidences_must_be_one_for_each_class():
    with pytest.raises(ValueError, match="2 numbers, but there are 3 classes"):
        detect([LEFT], [[0.1, 0.3, 0.6]], min_confidence=[0.5, 0.5])


def test_boxes_of_a_class_suppress_each_other_and_no_other_class(portable):
    probs = [[0.1, 0.8, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6]]
    rows = detect([LEFT, LEFT, LEFT], probs, portable=portable)
    np.testing.assert_allclose(rows[:, 4:], [[1, 0.8], [2, 0.6]], atol=1e-6)

    rows = detect([LEFT] * 3, probs, class_agnostic_nms=True, portable=portable)
    np.testing.assert_allclose(rows[:, 4:], [[1, 0.8]], atol=1e-6)


def test_a_roi_may_be_detections_of_several_classes(portable):
    probs = [[0.5, 0.2, 0.3], [0.9, 0.06, 0.04]]
    settings = {"per_class": True, "min_confidence": 0.05, "portable": portable}
    rows = detect([LEFT, RIGHT], probs, **settings)
    expected = [[*LEFT, 2, 0.3], [*LEFT, 1, 0.2], [*RIGHT, 1, 0.06]]
    np.testing.assert_allclose(rows, expected, atol=1e-6)

    rows = detect([LEFT, RIGHT], probs, class_agnostic_nms=True, **settings)
    np.testing.assert_allclose(rows, [expected[0], expected[2]], atol=1e-6)


def test_the_best_are_kept_when_slots_run_out(portable):
    probs = [[0.1, 0.7, 0.2], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1]]
    rois = [LEFT, RIGHT, [0.7, 0.1, 0.9, 0.9]]
    rows = detect(rois, probs, max_instances=2, portable=portable)
    np.testing.assert_allclose(rows[:, 4:], [[2, 0.8], [1, 0.7]], atol=1e-6)


@pytest.mark.parametrize("edge_shift", [0, 1])
def test_padding_rows_are_no_detections(portable, edge_shift):
    probs = [[0.1, 0.8, 0.1], [0.0, 1.0, 0.0]]
    deltas = np.full((2, 3, 4), [0, 0, 1, 1])
    rows = detect(
        [LEFT, [0, 0, 0, 0]], probs, deltas, edge_shift=edge_shift, portable=portable
    )
    np.testing.assert_allclose(rows[:, 4:], [[1, 0.8]], atol=1e-6)


def test_nan_is_no_detection(portable):
    probs = [[0.1, 0.8, 0.1], [0.1, np.nan, 0.1], [0.1, 0.7, 0.2]]
    deltas = np.zeros((3, 3, 4))
    deltas[2, 1, 0] = np.nan
    rows = detect([LEFT, RIGHT, RIGHT], probs, deltas, portable=portable)
    np.testing.assert_allclose(rows, [[*LEFT, 1, 0.8]], atol=1e-6)


def test_detections_below_the_smallest_side_are_dropped(portable):
    # 40 × 30 pixels
    probs = [[0.1, 0.8, 0.1]]
    assert len(detect([LEFT], probs, min_size=29.5, portable=portable)) == 1
    assert len(detect([LEFT], probs, min_size=30.5, portable=portable)) == 0


def random_inputs(rng, num_images, num_rois, num_classes):
    logits = rng.normal(size=(num_images, num_rois, num_classes)) * 2
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    rois = random_boxes(rng, num_images, num_rois)
    rois[:, -2:] = 0
    windows = [(5, 10, 90, 100), (0, 0, 100, 100), (0, 0, 50, 100)][:num_images]
    meta = [image_meta(window, 100, 120, num_classes) for window in windows]
    deltas = rng.normal(size=(num_images, num_rois, num_classes, 4))
    return [np.asarray(one).astype("float32") for one in (rois, probs, deltas, meta)]


def plain_detections(rois, probs, deltas, meta, min_confidence, per_class):
    """One image by the rule, class after class. -> [*, 6] best first"""
    height, width = meta[4:6]
    window = meta[7:11] / [height, width, height, width]
    rows = []
    for class_id in range(1, probs.shape[-1]):
        boxes = decode_boxes(deltas[:, class_id] * np.array(STD, "float32"), rois)
        boxes = clip_boxes(boxes, window.astype("float32"))
        scores = probs[:, class_id].copy()
        scores[scores < min_confidence] = -1
        scores[~rois.any(axis=1)] = -1
        scores[(boxes[:, :2] >= boxes[:, 2:]).any(axis=1)] = -1
        if not per_class:
            scores[probs.argmax(axis=1) != class_id] = -1
        for index in plain_suppression(boxes, scores, len(boxes), 0.3):
            rows.append([*boxes[index], class_id, probs[index, class_id]])
    rows = np.array(rows).reshape(-1, 6)
    return rows[np.argsort(-rows[:, 5], kind="stable")]


@pytest.mark.parametrize("min_confidence", [0.0, 0.4])
@pytest.mark.parametrize("per_class", [False, True])
def test_detections_are_what_a_loop_over_classes_gives(
    rng, portable, per_class, min_confidence
):
    inputs = random_inputs(rng, 3, 60, 5)
    layer = DetectionLayer(
        20,
        min_confidence,
        0.3,
        delta_std=STD,
        edge_shift=0,
        per_class=per_class,
        portable=portable,
    )

    detections = np.asarray(layer(inputs))

    for image, image_inputs in enumerate(zip(*inputs, strict=True)):
        expected = plain_detections(*image_inputs, min_confidence, per_class)[:20]
        assert len(expected) > 5
        actual = detections[image]
        np.testing.assert_allclose(actual[: len(expected)], expected, atol=1e-5)
        assert not actual[len(expected) :].any()


@pytest.mark.parametrize("class_agnostic_nms", [False, True])
def test_the_portable_layer_compiles_and_gives_the_same_detections(
    rng, class_agnostic_nms
):
    inputs = [tf.constant(one) for one in random_inputs(rng, 2, 80, 4)]
    settings = {
        "delta_std": STD,
        "edge_shift": 1,
        "per_class": True,
        "class_agnostic_nms": class_agnostic_nms,
    }
    plain = DetectionLayer(30, 0.1, 0.4, **settings)
    portable = DetectionLayer(30, 0.1, 0.4, portable=True, **settings)
    by_xla = tf.function(lambda *tensors: portable(list(tensors)), jit_compile=True)

    assert portable.supports_jit
    assert not plain.supports_jit
    np.testing.assert_allclose(portable(inputs), plain(inputs), atol=1e-5)
    np.testing.assert_allclose(by_xla(*inputs), plain(inputs), atol=1e-5)


@pytest.mark.parametrize("min_confidence", [None, [0.0, 0.2, 0.3, 0.1]])
def test_it_does_the_duties_of_a_layer(rng, portable, min_confidence):
    check_layer(
        DetectionLayer(
            8, min_confidence, 0.3, delta_std=STD, edge_shift=1, portable=portable
        ),
        random_inputs(rng, 2, 20, 4),
        (2, 8, 6),
        no_gradients_to=[0, 1, 2, 3],
        keeps_float32=True,
    )
