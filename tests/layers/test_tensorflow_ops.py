"""What suppression and cropping promise, in TensorFlow's kernels and in their twins."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers.tensorflow_ops import (
    in_turn,
    non_max_suppression,
    pool_levels,
    pool_levels_by_count,
    trace_for_all_shapes,
)

# Three squares in a row, each overlapping the next by a third of their union:
# 5 * 10 / (100 + 100 - 50), the first and the last not at all.
THREE_SQUARES = np.array([[[0, 0, 10, 10], [0, 5, 10, 15], [0, 10, 10, 20]]], "float32")


@pytest.fixture(params=[False, True], ids=["kernel", "twin"])
def portable(request):
    return request.param


def plain_suppression(boxes, scores, max_count, iou_threshold):
    """One image, one box after the other. -> list of indices"""
    chosen = []
    for index in np.argsort(-scores, kind="stable"):
        overlaps = [plain_iou(boxes[index], boxes[other]) for other in chosen]
        if scores[index] >= 0 and all(iou <= iou_threshold for iou in overlaps):
            chosen.append(int(index))
    return chosen[:max_count]


def plain_iou(box, other):
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    intersection = np.prod(np.maximum(sides, 0))
    union = np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2]) - intersection
    return intersection / union if union > 0 else 0.0


def random_boxes(rng, *shape):
    """Boxes in and about the unit square."""
    centers = rng.uniform(0, 1, (*shape, 2))
    half_sides = rng.uniform(0.01, 0.2, (*shape, 2))
    boxes = np.concatenate([centers - half_sides, centers + half_sides], axis=-1)
    return boxes.astype("float32")


def chosen_rows(result):
    """A list of indices for each image."""
    indices, is_valid = (np.asarray(one) for one in result)
    return [list(row[valid]) for row, valid in zip(indices, is_valid, strict=True)]


def test_a_worse_box_is_dropped_when_it_overlaps_by_more_than_the_threshold(portable):
    scores = np.array([[0.5, 0.9, 0.7]], "float32")

    strict = non_max_suppression(THREE_SQUARES, scores, 3, 0.3, portable=portable)
    lenient = non_max_suppression(THREE_SQUARES, scores, 3, 0.4, portable=portable)

    assert chosen_rows(strict) == [[1]]
    assert chosen_rows(lenient) == [[1, 2, 0]]


def test_a_dropped_box_drops_no_other(portable):
    scores = np.array([[0.9, 0.8, 0.7]], "float32")
    result = non_max_suppression(THREE_SQUARES, scores, 3, 0.3, portable=portable)
    assert chosen_rows(result) == [[0, 2]]


def test_an_overlap_of_just_the_threshold_is_kept(portable):
    boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 2]]], "float32")  # 8 / 16
    scores = np.array([[0.9, 0.8]], "float32")
    result = non_max_suppression(boxes, scores, 2, 0.5, portable=portable)
    assert chosen_rows(result) == [[0, 1]]


def test_among_equal_scores_the_lower_index_wins(portable):
    scores = np.full((1, 3), 0.5, "float32")
    result = non_max_suppression(THREE_SQUARES, scores, 3, 0.3, portable=portable)
    assert chosen_rows(result) == [[0, 2]]


def test_a_score_of_zero_is_a_candidate_and_a_negative_one_is_not(portable):
    scores = np.array([[0.0, -1.0, -0.1]], "float32")
    result = non_max_suppression(THREE_SQUARES, scores, 3, 0.3, portable=portable)
    assert chosen_rows(result) == [[0]]


def test_slots_beyond_the_boxes_stay_empty(portable):
    scores = np.array([[0.5, 0.9, 0.7]], "float32")
    indices, is_valid = non_max_suppression(
        THREE_SQUARES, scores, 5, 0.4, portable=portable
    )
    np.testing.assert_array_equal(indices, [[1, 2, 0, 0, 0]])
    np.testing.assert_array_equal(is_valid, [[True, True, True, False, False]])


def test_without_candidates_nothing_is_chosen(portable):
    scores = np.full((1, 3), -1, "float32")
    result = non_max_suppression(THREE_SQUARES, scores, 2, 0.3, portable=portable)
    assert chosen_rows(result) == [[]]


def test_boxes_without_area_are_kept(portable):
    boxes = np.zeros((1, 2, 4), "float32")
    scores = np.array([[0.5, 0.6]], "float32")
    result = non_max_suppression(boxes, scores, 2, 0.3, portable=portable)
    assert chosen_rows(result) == [[1, 0]]


@pytest.mark.parametrize("max_count", [10, 200])
def test_suppression_is_what_a_loop_over_boxes_gives(rng, portable, max_count):
    boxes = random_boxes(rng, 2, 120)
    scores = rng.uniform(-0.2, 1, (2, 120)).astype("float32")

    result = non_max_suppression(boxes, scores, max_count, 0.3, portable=portable)

    for image in range(2):
        expected = plain_suppression(boxes[image], scores[image], max_count, 0.3)
        assert chosen_rows(result)[image] == expected


RAMP = np.arange(12, dtype="float32").reshape(1, 3, 4, 1)  # 4 * row + column


def pool_ramp(box, pool_shape, portable, border=0):
    boxes = np.array(box, "float32").reshape(1, 1, 1, 4)
    levels = np.zeros((1, 1), "int32")
    pooled = pool_levels(
        [tf.constant(RAMP)], boxes, levels, pool_shape, border=border, portable=portable
    )
    return np.asarray(pooled)[0, 0, ..., 0]


def test_the_unit_square_runs_from_the_first_cell_to_the_last(portable):
    np.testing.assert_allclose(
        pool_ramp([0, 0, 1, 1], (3, 4), portable), RAMP[0, ..., 0], atol=1e-6
    )


def test_values_between_cells_are_interpolated(portable):
    # Rows 0 and 2 of 0..2; columns 0.75, 1.5 and 2.25 of 0..3.
    pooled = pool_ramp([0, 0.25, 1, 0.75], (2, 3), portable)
    np.testing.assert_allclose(pooled, [[0.75, 1.5, 2.25], [8.75, 9.5, 10.25]])


def test_a_single_point_lies_in_the_middle(portable):
    np.testing.assert_allclose(pool_ramp([0, 0, 1, 1], (1, 1), portable), [[5.5]])


def test_points_outside_the_map_are_zero(portable):
    # Rows -2, 0 and 2; the column is 3.
    pooled = pool_ramp([-1, 1, 1, 1], (3, 1), portable)
    np.testing.assert_allclose(pooled, [[0], [3], [11]])


def test_a_border_continues_the_map_by_its_outermost_cells(portable):
    # The map with its border has 5 rows and 6 columns.
    pooled = pool_ramp([0, 0, 1, 1], (5, 6), portable, border=1)
    expected = np.pad(RAMP[0, ..., 0], 1, mode="edge")
    np.testing.assert_allclose(pooled, expected, atol=1e-5)


def test_grids_of_a_roi_are_averaged(portable):
    boxes = np.array([[[[0, 0, 0, 0], [1, 1, 1, 1]]]], "float32")
    levels = np.zeros((1, 1), "int32")
    pooled = pool_levels([tf.constant(RAMP)], boxes, levels, (1, 1), portable=portable)
    assert np.asarray(pooled).item() == (0 + 11) / 2


def test_each_roi_reads_its_own_level_of_its_own_image(portable):
    values = np.array([[1, 2], [3, 4]], "float32")  # image, level
    maps = [
        tf.constant(np.broadcast_to(values[:, level, None, None, None], (2, *shape, 1)))
        for level, shape in enumerate([(4, 6), (2, 3)])
    ]
    boxes = np.broadcast_to(np.array([0, 0, 1, 1], "float32"), (2, 3, 1, 4))
    levels = np.array([[0, 1, 0], [1, 1, 0]], "int32")

    pooled = pool_levels(maps, boxes, levels, (1, 1), portable=portable)

    np.testing.assert_allclose(np.asarray(pooled)[..., 0, 0, 0], [[1, 2, 1], [4, 4, 3]])


def test_gradients_flow_into_the_maps_and_not_into_the_boxes(portable):
    maps = [tf.constant(RAMP), tf.ones((1, 2, 2, 1))]
    boxes = tf.constant([[[[0.0, 0.0, 1.0, 1.0]]]])
    with tf.GradientTape() as tape:
        tape.watch([*maps, boxes])
        levels = tf.zeros((1, 1), "int32")
        pooled = pool_levels(maps, boxes, levels, (3, 4), portable=portable)
        total = tf.reduce_sum(pooled)
    to_map, to_unread_map, to_boxes = tape.gradient(
        total, [*maps, boxes], unconnected_gradients="zero"
    )
    np.testing.assert_allclose(to_map, np.ones_like(RAMP), atol=1e-6)
    np.testing.assert_array_equal(to_unread_map, np.zeros((1, 2, 2, 1)))
    np.testing.assert_array_equal(to_boxes, np.zeros((1, 1, 1, 4)))


def test_each_roi_is_averaged_over_as_many_grids_as_it_asks_for(rng, portable):
    maps = [tf.constant(RAMP), tf.constant(10 * RAMP[:, ::2])]
    boxes = np.array([[[0, 0, 0, 0], [0, 0, 1, 1], [0.5, 0, 0.5, 1]]], "float32")
    steps = np.array([[[0.5, 1 / 3], [0.25, 0.5], [0.1, 0.1]]], "float32")
    counts = np.array([[[2, 3], [1, 1], [1, 2]]], "int32")
    levels = np.array([[0, 1, 0]], "int32")

    pooled = pool_levels_by_count(
        maps, boxes, steps, counts, levels, (2, 2), border=0, portable=portable
    )

    for roi, (rows, columns) in enumerate(counts[0]):
        shifts = np.array(list(np.ndindex(rows, columns))) * steps[0, roi]
        grids = boxes[0, roi] + np.concatenate([shifts, shifts], axis=1)
        expected = pool_levels(
            maps,
            grids.astype("float32")[None, None],
            levels[:, roi : roi + 1],
            (2, 2),
        )
        np.testing.assert_allclose(pooled[:, roi], expected[:, 0], rtol=1e-5)


def test_grids_by_count_of_no_rois_are_none(portable):
    nothing = pool_levels_by_count(
        [tf.constant(RAMP)],
        np.zeros((1, 0, 4), "float32"),
        np.zeros((1, 0, 2), "float32"),
        np.zeros((1, 0, 2), "int32"),
        np.zeros((1, 0), "int32"),
        (2, 2),
        portable=portable,
    )
    assert tuple(nothing.shape) == (1, 0, 2, 2, 1)


def test_one_traced_graph_serves_all_shapes():
    inputs = [keras.Input((None, 2)), keras.Input((3,))]
    model = keras.Model(inputs, keras.ops.sum(inputs[0], axis=1) + inputs[1][:, :2])
    model.make_predict_function()
    trace_for_all_shapes(model.predict_function, model.inputs)
    for count, length in [(1, 4), (2, 4), (2, 7)]:
        rows = np.ones((count, length, 2), "float32")
        sums = model.predict_on_batch([rows, np.ones((count, 3), "float32")])
        np.testing.assert_array_equal(sums, np.full((count, 2), length + 1))
    assert model.predict_function.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("count", [0, 1, 4, 7])
@pytest.mark.parametrize("at_once", [0, 1, 3, 9])
def test_rows_in_turn_are_all_rows(count, at_once):
    sizes = []

    def compute(start, stop):
        sizes.append(stop - start)
        return tf.cast(tf.range(start, stop), "float32")[:, None] * [1.0, 2.0]

    found = in_turn(compute, count, at_once)
    np.testing.assert_array_equal(found, np.arange(count)[:, None] * [1.0, 2.0])
    assert found.shape == (count, 2)
    assert max(int(size) for size in sizes) <= max(at_once, 1)
