"""Box arithmetic on graph paper, then on any box that one can think of."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.geometry.boxes import (
    MAX_LOG_GROWTH,
    UNIT_SQUARE,
    box_area,
    clip_boxes,
    decode_boxes,
    denormalize_boxes,
    encode_boxes,
    is_padding,
    normalize_boxes,
    pairwise_cover,
    pairwise_intersection,
    pairwise_iou,
)

EDGE_SHIFTS = [0, 1]
WORLDS = ["numpy", "tensor"]

HUGE = 2.0**99  # about 6e29, exact in single precision

coordinates = st.one_of(
    st.floats(-2, 2, width=32),
    st.floats(-HUGE, HUGE, width=32),
    st.sampled_from([0.0, 1.0, -1.0, 1 / HUGE, HUGE, -HUGE]),
)
any_boxes = hnp.arrays("float32", (3, 4), elements=coordinates)
wild_boxes = hnp.arrays(
    "float32", (3, 4), elements=coordinates | st.sampled_from([np.nan, np.inf, -np.inf])
)
fast = settings(max_examples=60, deadline=None)


def proper_boxes(rng, *shape, side=100.0):
    """Boxes with an area, float64 [*shape, 4]."""
    start = rng.uniform(0, side, (*shape, 2))
    return np.concatenate([start, start + rng.uniform(1, side, (*shape, 2))], axis=-1)


def in_world(world, array):
    if world == "numpy":
        return array
    from keras import ops

    return ops.convert_to_tensor(array)


# --- area and overlap


def test_area_is_height_times_width(as_array):
    boxes = as_array([[0.0, 0.0, 3.0, 5.0], [1.0, 2.0, 2.0, 4.0]])
    np.testing.assert_array_equal(box_area(boxes), [3 * 5, 1 * 2])


def test_a_box_that_is_inside_out_or_holds_nan_has_no_area(as_array):
    nan = np.nan
    boxes = [[3.0, 3, 1, 1], [0, 3, 1, 1], [nan, 0, 1, 1], [0, 0, 1, nan], [2, 2, 2, 2]]
    np.testing.assert_array_equal(box_area(as_array(boxes)), [0] * 5)


def test_iou_is_shared_area_over_covered_area(as_array):
    boxes = as_array([[0.0, 0.0, 8.0, 8.0]])
    references = as_array([[3.0, 5.0, 10.0, 12.0], [0, 0, 8, 8], [0, 0, 4, 8]])
    expected = [[15 / (64 + 49 - 15), 1, 32 / 64]]
    np.testing.assert_allclose(pairwise_iou(boxes, references), expected, rtol=1e-6)
    np.testing.assert_array_equal(
        pairwise_intersection(boxes, references), [[15, 64, 32]]
    )


def test_boxes_that_only_touch_overlap_nothing(as_array):
    boxes = as_array([[0.0, 0.0, 2.0, 2.0]])
    references = as_array([[0.0, 2.0, 2.0, 4.0], [2, 2, 4, 4]])
    np.testing.assert_array_equal(pairwise_iou(boxes, references), [[0, 0]])


def test_a_zero_area_box_overlaps_nothing_not_even_itself(as_array):
    boxes = as_array([[0.0, 0, 0, 0], [1, 1, 1, 5], [4, 4, 1, 1]])
    real = as_array([[0.0, 0.0, 9.0, 9.0]])
    for references in (boxes, real):
        assert not np.any(pairwise_iou(boxes, references))
        assert not np.any(pairwise_cover(boxes, references))


def test_cover_is_the_share_of_the_box_inside_the_reference(as_array):
    boxes = as_array([[0.0, 0.0, 4.0, 4.0], [10, 10, 12, 12]])
    crowds = as_array([[0.0, 0.0, 100.0, 100.0], [2, 0, 4, 4]])
    np.testing.assert_array_equal(pairwise_cover(boxes, crowds), [[1, 8 / 16], [1, 0]])


def test_areas_beyond_32_bit_integers_are_right(as_array):
    side = 100_000
    boxes = as_array(np.array([[0, 0, side, side]], "int32"))
    references = as_array(np.array([[0, 0, side, side // 2]], "int32"))
    np.testing.assert_allclose(box_area(boxes), [1e10], rtol=1e-6)
    np.testing.assert_allclose(pairwise_iou(boxes, references), [[0.5]], rtol=1e-6)


def test_small_unsigned_coordinates_do_not_wrap():
    boxes = np.array([[200, 200, 100, 250], [0, 0, 200, 200]], "uint8")
    np.testing.assert_array_equal(box_area(boxes), [0, 40_000])


def test_no_boxes_overlap_nothing(as_array):
    none, two = as_array(np.zeros((0, 4), "float32")), as_array(np.ones((2, 4), "f"))
    assert tuple(pairwise_iou(none, two).shape) == (0, 2)
    assert tuple(pairwise_iou(two, none).shape) == (2, 0)
    assert tuple(box_area(none).shape) == (0,)


def test_iou_agrees_with_the_plain_way(as_array, rng):
    boxes = rng.integers(0, 20, (30, 4)).astype("float32")
    references = rng.integers(0, 20, (20, 4)).astype("float32")
    result = np.asarray(pairwise_iou(as_array(boxes), as_array(references)))
    cells = [painted(box) for box in boxes]
    others = [painted(box) for box in references]
    for i, cell in enumerate(cells):
        for j, other in enumerate(others):
            union = (cell | other).sum()
            expected = (cell & other).sum() / max(union, 1)
            expected *= cell.any() and other.any()
            assert result[i, j] == pytest.approx(expected, abs=1e-6)


def painted(box):
    paper = np.zeros((20, 20), bool)
    y1, x1, y2, x2 = box.astype(int)
    paper[y1:y2, x1:x2] = True
    return paper


def test_iou_is_symmetric_and_one_on_itself(as_array, rng):
    boxes = as_array(proper_boxes(rng, 12).astype("float32"))
    iou = np.asarray(pairwise_iou(boxes, boxes))
    np.testing.assert_array_equal(iou, iou.T)
    np.testing.assert_array_equal(np.diag(iou), np.ones(12))


def test_leading_axes_are_a_batch(as_array, rng):
    boxes, references = proper_boxes(rng, 2, 3, 5), proper_boxes(rng, 2, 3, 4)
    together = np.asarray(pairwise_iou(as_array(boxes), as_array(references)))
    assert together.shape == (2, 3, 5, 4)
    alone = pairwise_iou(as_array(boxes[1, 2]), as_array(references[1, 2]))
    np.testing.assert_array_equal(together[1, 2], alone)


@pytest.mark.parametrize("world", WORLDS)
@fast
@given(boxes=wild_boxes, references=wild_boxes)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overlaps_of_any_boxes_lie_between_zero_and_one(world, boxes, references):
    boxes, references = in_world(world, boxes), in_world(world, references)
    for measure in (pairwise_iou, pairwise_cover):
        result = np.asarray(measure(boxes, references))
        assert np.all((result >= 0) & (result <= 1))
    assert np.all(np.isfinite(pairwise_intersection(boxes, references)))
    assert np.all(np.asarray(box_area(boxes)) >= 0)


@fast
@given(boxes=any_boxes)
def test_mixed_precision_does_not_push_an_overlap_over_one(boxes):
    for measure in (pairwise_iou, pairwise_cover):
        assert np.all(measure(boxes, boxes.astype("float64")) <= 1)


def test_the_gradient_of_iou_is_finite_on_padding():
    import tensorflow as tf

    boxes = tf.constant([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        iou = pairwise_iou(boxes, boxes)
    assert np.all(np.isfinite(tape.gradient(iou, boxes)))


# --- clipping


def test_clipping_cuts_at_the_window(as_array):
    boxes = as_array([[-1.0, 2.0, 5.0, 9.0], [1, 1, 2, 2]])
    window = as_array([0.0, 3.0, 4.0, 8.0])
    expected = [[0, 3, 4, 8], [1, 3, 2, 3]]
    np.testing.assert_array_equal(clip_boxes(boxes, window), expected)


def test_a_box_outside_the_window_ends_without_area(as_array):
    clipped = clip_boxes(as_array([[2.0, -3.0, 4.0, -1.0]]), UNIT_SQUARE)
    np.testing.assert_array_equal(clipped, [[1, 0, 1, 0]])


def test_every_image_has_its_own_window(as_array):
    boxes = as_array(np.full((2, 3, 4), 9, "float32"))
    windows = as_array(np.array([[[0, 0, 2, 3]], [[0, 0, 20, 20]]], "float32"))
    clipped = np.asarray(clip_boxes(boxes, windows))
    np.testing.assert_array_equal(clipped[0], [[2, 3, 2, 3]] * 3)
    np.testing.assert_array_equal(clipped[1], np.full((3, 4), 9))


@pytest.mark.parametrize("world", WORLDS)
@fast
@given(boxes=any_boxes)
def test_clipped_boxes_lie_inside_the_window(world, boxes):
    window = np.array([-1, 0, 0.5, 7], "float32")
    clipped = np.asarray(clip_boxes(in_world(world, boxes), window))
    assert np.all(clipped >= window[[0, 1, 0, 1]])
    assert np.all(clipped <= window[[2, 3, 2, 3]])


# --- deltas


def test_deltas_are_shift_and_logarithmic_growth(as_array):
    reference = as_array([[0.0, 0.0, 4.0, 10.0]])  # centre (2, 5)
    box = as_array([[2.0, 0.0, 10.0, 5.0]])  # centre (6, 2.5)
    expected = [[(6 - 2) / 4, (2.5 - 5) / 10, math.log(8 / 4), math.log(5 / 10)]]
    np.testing.assert_allclose(encode_boxes(box, reference), expected, rtol=1e-6)


def test_deltas_move_and_grow_a_box(as_array):
    deltas = as_array([[0.5, -0.1, math.log(2), 0.0]])
    reference = as_array([[0.0, 0.0, 4.0, 10.0]])
    # centre (2, 5) moves to (4, 4), sides (4, 10) grow to (8, 10)
    np.testing.assert_allclose(
        decode_boxes(deltas, reference), [[0, -1, 8, 9]], atol=1e-5
    )


def test_zero_deltas_leave_a_box_alone(as_array, rng):
    boxes = proper_boxes(rng, 9)
    same = decode_boxes(as_array(np.zeros((9, 4))), as_array(boxes))
    np.testing.assert_allclose(same, boxes, rtol=1e-12)


def test_decode_undoes_encode(as_array, rng):
    boxes, references = proper_boxes(rng, 2, 40, side=30), proper_boxes(rng, 2, 40)
    deltas = encode_boxes(as_array(boxes), as_array(references))
    result = decode_boxes(deltas, as_array(references))
    np.testing.assert_allclose(result, boxes, atol=1e-9)


@pytest.mark.parametrize("growth", [MAX_LOG_GROWTH, 50.0, 1e30])
def test_growth_is_cut(as_array, growth):
    deltas = as_array(np.array([[0, 0, growth, growth]], "float32"))
    grown = decode_boxes(deltas, as_array(np.array([[0, 0, 16, 16]], "float32")))
    np.testing.assert_allclose(grown, [[-492, -492, 508, 508]], rtol=1e-5)


@pytest.mark.parametrize("world", WORLDS)
@fast
@given(boxes=any_boxes, references=any_boxes)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_deltas_between_any_finite_boxes_are_finite(world, boxes, references):
    deltas = encode_boxes(in_world(world, boxes), in_world(world, references))
    assert np.all(np.isfinite(deltas))


def test_deltas_of_no_boxes_are_none(as_array):
    none = as_array(np.zeros((0, 4)))
    assert tuple(encode_boxes(none, none).shape) == (0, 4)
    assert tuple(decode_boxes(none, none).shape) == (0, 4)


# --- pixel and normalized


def test_aligned_edges_of_the_image_lie_at_zero_and_one(as_array):
    boxes = as_array([[0.0, 0.0, 10.0, 20.0], [5, 5, 10, 10]])
    normalized = normalize_boxes(boxes, (10, 20), edge_shift=0)
    np.testing.assert_allclose(normalized, [[0, 0, 1, 1], [0.5, 0.25, 1, 0.5]])


def test_shifted_pixels_of_the_image_run_from_zero_to_one(as_array):
    boxes = as_array([[0.0, 0.0, 11.0, 21.0], [5, 5, 11, 11]])
    normalized = normalize_boxes(boxes, (11, 21, 3), edge_shift=1)
    expected = [[0, 0, 1, 1], [5 / 10, 5 / 20, 10 / 10, 10 / 20]]
    np.testing.assert_allclose(normalized, expected, rtol=1e-6)


@pytest.mark.parametrize("edge_shift", EDGE_SHIFTS)
def test_denormalize_undoes_normalize(as_array, rng, edge_shift):
    boxes = proper_boxes(rng, 2, 7)
    shapes = as_array(np.array([[[64.0, 128.0, 3.0]], [[640.0, 96.0, 3.0]]]))
    normalized = normalize_boxes(as_array(boxes), shapes, edge_shift=edge_shift)
    back = denormalize_boxes(normalized, shapes, edge_shift=edge_shift)
    np.testing.assert_allclose(back, boxes, rtol=1e-9)
    alone = normalize_boxes(as_array(boxes[1]), (640, 96), edge_shift=edge_shift)
    np.testing.assert_allclose(np.asarray(normalized)[1], alone, rtol=1e-9)


@pytest.mark.parametrize("edge_shift", EDGE_SHIFTS)
def test_whole_pixels_are_normalized_without_rounding(as_array, edge_shift):
    boxes = as_array(np.array([[1, 2, 3, 4]], "int32"))
    shape = as_array(np.array([5, 9], "int32"))
    result = normalize_boxes(boxes, shape, edge_shift=edge_shift)
    high, wide = 5 - edge_shift, 9 - edge_shift
    y2, x2 = 3 - edge_shift, 4 - edge_shift
    expected = [[1 / high, 2 / wide, y2 / high, x2 / wide]]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_single_precision_stays_single(rng):
    boxes = proper_boxes(rng, 3).astype("float32")
    shape = np.array([64, 64])
    assert normalize_boxes(boxes, shape, edge_shift=1).dtype == np.float32
    assert clip_boxes(boxes, UNIT_SQUARE).dtype == np.float32
    assert pairwise_iou(boxes, shape.repeat(2)[None]).dtype == np.float32


# --- padding and worlds


def test_only_an_all_zero_row_is_padding(as_array):
    rows = as_array([[0.0, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0], [np.nan, 0, 0, 0]])
    np.testing.assert_array_equal(is_padding(rows), [True, False, False, False])


def test_a_numpy_box_may_meet_a_tensor(rng):
    from keras import ops

    boxes = proper_boxes(rng, 5)
    tensor = ops.convert_to_tensor(boxes.astype("float32"))
    for function in (pairwise_iou, encode_boxes, clip_boxes):
        expected = function(boxes, boxes)
        np.testing.assert_allclose(function(boxes, tensor), expected, atol=1e-4)
        np.testing.assert_allclose(function(tensor, boxes), expected, atol=1e-4)


def test_symbolic_boxes_keep_an_open_batch_axis():
    from keras import KerasTensor

    boxes, references = KerasTensor((None, 5, 4)), KerasTensor((None, 7, 4))
    shape = KerasTensor((None, 1, 3))
    assert pairwise_iou(boxes, references).shape == (None, 5, 7)
    assert pairwise_cover(boxes, references).shape == (None, 5, 7)
    assert box_area(boxes).shape == (None, 5)
    assert is_padding(boxes).shape == (None, 5)
    assert encode_boxes(boxes, boxes).shape == (None, 5, 4)
    assert decode_boxes(boxes, boxes).shape == (None, 5, 4)
    assert clip_boxes(boxes, UNIT_SQUARE).shape == (None, 5, 4)
    assert normalize_boxes(boxes, shape, edge_shift=1).shape == (None, 5, 4)
    assert denormalize_boxes(boxes, shape, edge_shift=1).shape == (None, 5, 4)
