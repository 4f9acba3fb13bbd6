"""matterport's box functions: its names, parameters, dtypes and numbers."""

import inspect
import json
import math
from pathlib import Path

import numpy as np
import pytest

from mrcnn.compat import anchors as compat_anchors
from mrcnn.compat import boxes as compat_boxes
from mrcnn.compat import image_meta as compat_image_meta
from mrcnn.compat.boxes import (
    apply_box_deltas,
    apply_box_deltas_graph,
    batch_pack_graph,
    batch_slice,
    box_refinement,
    box_refinement_graph,
    clip_boxes_graph,
    compute_iou,
    compute_overlaps,
    denorm_boxes,
    denorm_boxes_graph,
    log2_graph,
    non_max_suppression,
    norm_boxes,
    norm_boxes_graph,
    overlaps_graph,
    trim_zeros,
    trim_zeros_graph,
)

API = json.loads((Path(__file__).parents[1] / "fixtures" / "api.json").read_text())
SIGNATURES = {
    name: [parameter["name"] for parameter in function["params"]]
    for module in ("mrcnn.utils", "mrcnn.model")
    for name, function in API["modules"][module]["functions"].items()
}
OURS = {
    name: function
    for module in (compat_boxes, compat_anchors, compat_image_meta)
    for name, function in vars(module).items()
    if inspect.isfunction(function) and name in SIGNATURES
}

BOXES = np.array([[0, 0, 8, 8], [0, 0, 4, 8]])
REFERENCES = np.array([[3, 5, 10, 12], [0, 0, 8, 8], [0, 0, 0, 0]])
IOU = [[15 / (64 + 49 - 15), 1, 0], [3 / (32 + 49 - 3), 0.5, 0]]


def test_every_old_function_of_boxes_anchors_and_metas_is_here():
    assert len(OURS) == 25


@pytest.mark.parametrize("name", OURS)
def test_parameters_keep_their_names_and_order(name):
    assert list(inspect.signature(OURS[name]).parameters) == SIGNATURES[name]


# --- NumPy


def test_one_box_is_compared_with_many():
    areas = np.array([49.0, 64.0, 0.0])
    np.testing.assert_allclose(compute_iou(BOXES[0], REFERENCES, 64, areas), IOU[0])


def test_empty_boxes_give_no_nan():
    nothing = np.zeros((1, 4))
    np.testing.assert_array_equal(compute_iou(nothing[0], nothing, 0, np.zeros(1)), [0])


def test_overlaps_are_in_double_precision():
    for boxes in (BOXES, BOXES.astype("float32")):
        overlaps = compute_overlaps(boxes, REFERENCES)
        assert overlaps.dtype == np.float64
        np.testing.assert_allclose(overlaps, IOU)


def test_suppression_keeps_the_best_of_each_heap():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 5]])
    scores = np.array([0.8, 0.9, 0.3, 0.7])
    kept = non_max_suppression(boxes, scores, 0.6)  # IoU .9, 0, 5 / 9 with the best
    assert kept.dtype == np.int32
    np.testing.assert_array_equal(kept, [1, 3, 2])


def test_suppression_spares_overlaps_at_the_threshold():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])
    np.testing.assert_array_equal(non_max_suppression(boxes, [0.9, 0.8], 0.5), [0, 1])
    np.testing.assert_array_equal(non_max_suppression(boxes, [0.9, 0.8], 0.49), [0])


def test_suppression_of_nothing_is_empty():
    kept = non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5)
    assert kept.dtype == np.int32
    assert kept.shape == (0,)


def test_deltas_are_applied_in_single_precision():
    moved = apply_box_deltas(
        np.array([[0, 0, 4, 10]]), np.array([[0.5, -0.1, math.log(2), 0]])
    )
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, [[0, -1, 8, 9]], atol=1e-5)


def test_refinement_leads_from_the_box_to_the_gt_box():
    deltas = box_refinement(np.array([[0, 0, 4, 10]]), np.array([[2, 0, 10, 5]]))
    assert deltas.dtype == np.float32
    expected = [[(6 - 2) / 4, (2.5 - 5) / 10, math.log(2), math.log(0.5)]]
    np.testing.assert_allclose(deltas, expected, rtol=1e-6)


def test_boxes_are_normalized_with_the_shift_of_a_pixel():
    normalized = norm_boxes(np.array([[0, 0, 11, 21], [5, 5, 11, 11]]), (11, 21))
    assert normalized.dtype == np.float32
    expected = [[0, 0, 1, 1], [5 / 10, 5 / 20, 10 / 10, 10 / 20]]
    np.testing.assert_allclose(normalized, expected, rtol=1e-6)


def test_denormalized_boxes_are_whole_pixels(rng):
    boxes = rng.integers(0, 1000, (50, 4))
    back = denorm_boxes(norm_boxes(boxes, (1024, 800)), (1024, 800))
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, boxes)


def test_trimming_drops_rows_of_zeros_at_any_width():
    rows = np.array([[0, 0, 1], [0, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(trim_zeros(rows), [[0, 0, 1], [2, 0, 0]])
    assert trim_zeros(np.zeros((3, 4))).shape == (0, 4)


# --- slices of a batch


def test_one_output_of_a_slice_is_stacked(as_array):
    x, y = as_array([[1.0, 2.0], [3.0, 4.0]]), as_array([10.0, 20.0])
    result = batch_slice([x, y], lambda row, number: row * number, 2)
    np.testing.assert_array_equal(result, [[10, 20], [60, 80]])


def test_several_outputs_of_a_slice_are_a_list(as_array):
    x = as_array([[1.0, 2.0], [3.0, 4.0]])
    result = batch_slice(x, lambda row: (row, row[0]), 2, names=["rows", "firsts"])
    assert isinstance(result, list)
    np.testing.assert_array_equal(result[0], x)
    np.testing.assert_array_equal(result[1], [1, 3])


def test_slices_build_a_symbolic_graph():
    import keras

    x = keras.Input((5, 4), batch_size=2)
    assert batch_slice([x], lambda boxes: boxes[:3, :], 2).shape == (2, 3, 4)


# --- tensors


def symbolic(*shape):
    from keras import KerasTensor

    return KerasTensor(shape)


def test_graph_functions_give_tensors_even_for_numpy_arrays():
    from keras import ops

    deltas = np.zeros((2, 4))
    results = [
        box_refinement_graph(BOXES, BOXES),
        apply_box_deltas_graph(BOXES, deltas),
        clip_boxes_graph(BOXES, np.array([0, 0, 1, 1])),
        overlaps_graph(BOXES, REFERENCES),
        norm_boxes_graph(BOXES, np.array([9, 9])),
        denorm_boxes_graph(BOXES, np.array([9, 9])),
        log2_graph(np.array([8.0])),
    ]
    assert all(ops.is_tensor(result) for result in results)


def test_graph_refinement_and_deltas_undo_each_other(rng):
    start = rng.uniform(0, 50, (2, 9, 2))
    box, gt_box = np.concatenate([start, start + rng.uniform(5, 50, start.shape)], -1)
    deltas = box_refinement_graph(box, gt_box)
    np.testing.assert_allclose(deltas, box_refinement(box, gt_box), atol=1e-5)
    np.testing.assert_allclose(apply_box_deltas_graph(box, deltas), gt_box, rtol=1e-4)


def test_graph_boxes_are_clipped_to_the_window():
    clipped = clip_boxes_graph(np.array([[-1, 2, 5, 9]]), np.array([0, 3, 4, 8]))
    np.testing.assert_array_equal(clipped, [[0, 3, 4, 8]])


def test_graph_overlaps_are_ious():
    np.testing.assert_allclose(overlaps_graph(BOXES, REFERENCES), IOU, rtol=1e-6)


def test_graph_boxes_are_normalized_and_back():
    boxes, shape = np.array([[5, 5, 11, 11]]), np.array([11, 21])
    normalized = norm_boxes_graph(boxes, shape)
    np.testing.assert_allclose(normalized, [[0.5, 0.25, 1, 0.5]], rtol=1e-6)
    back = denorm_boxes_graph(normalized, shape)
    assert np.asarray(back).dtype == np.int32
    np.testing.assert_array_equal(back, boxes)


def test_the_binary_logarithm_of_eight_is_three():
    np.testing.assert_allclose(log2_graph(np.array([8.0, 0.5])), [3, -1], rtol=1e-6)


def test_graph_trimming_drops_rows_of_zeros_and_says_which():
    rows = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 2, 2]])
    boxes, is_real = trim_zeros_graph(rows, name="trim")
    np.testing.assert_array_equal(boxes, [[0, 0, 1, 1], [0, 0, 2, 2]])
    np.testing.assert_array_equal(is_real, [True, False, True])


def test_packing_takes_the_first_rows_of_each_image():
    x = np.arange(12).reshape(3, 4)
    packed = batch_pack_graph(x, np.array([2, 0, 1]), 3)
    np.testing.assert_array_equal(packed, [0, 1, 8])
    np.testing.assert_array_equal(
        batch_pack_graph(x, np.array([2, 1, 1]), 2), [0, 1, 4]
    )


def test_packing_keeps_further_axes():
    x = np.arange(16).reshape(2, 2, 4)
    packed = batch_pack_graph(x, np.array([1, 2]), 2)
    np.testing.assert_array_equal(packed, x.reshape(4, 4)[[0, 2, 3]])


def test_graph_functions_take_symbolic_tensors():
    boxes, shape, window = symbolic(None, 4), symbolic(2), symbolic(4)
    assert box_refinement_graph(boxes, boxes).shape == (None, 4)
    assert apply_box_deltas_graph(boxes, boxes).shape == (None, 4)
    assert clip_boxes_graph(boxes, window).shape == (None, 4)
    assert overlaps_graph(boxes, symbolic(7, 4)).shape == (None, 7)
    assert norm_boxes_graph(boxes, shape).shape == (None, 4)
    assert denorm_boxes_graph(boxes, shape).dtype == "int32"
    assert log2_graph(boxes).shape == (None, 4)
    assert [tuple(t.shape) for t in trim_zeros_graph(boxes)] == [(None, 4), (None,)]
    assert batch_pack_graph(symbolic(2, 9, 4), symbolic(2), 2).shape == (None, 4)


def test_graph_functions_compile():
    import tensorflow as tf

    @tf.function
    def packed(x, counts):
        boxes, _ = trim_zeros_graph(x[0])
        return boxes, batch_pack_graph(x, counts, 2)

    x = tf.constant([[[0.0, 0, 1, 1], [0, 0, 0, 0]], [[0, 0, 2, 2], [0, 0, 3, 3]]])
    boxes, rows = packed(x, tf.constant([1, 2]))
    np.testing.assert_array_equal(boxes, [[0, 0, 1, 1]])
    np.testing.assert_array_equal(rows, [[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]])
