"""Proposals: which anchors become one, where they lie, in which order."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.geometry.boxes import clip_boxes, decode_boxes, pairwise_iou
from mrcnn.layers.proposals import ProposalLayer, is_large
from tests.layer_contract import check_layer
from tests.layers.test_tensorflow_ops import plain_suppression, random_boxes


@pytest.fixture(params=[False, True], ids=["kernel", "twin"])
def portable(request):
    return request.param


def with_background(scores):
    """[B, A] -> probs [B, A, 2]"""
    scores = np.asarray(scores, "float32")
    return np.stack([1 - scores, scores], axis=-1)


def propose(anchors, scores, deltas=None, *, count=4, nms_threshold=0.5, **settings):
    """Proposals of one image. -> [count, 4]"""
    anchors = np.array([anchors], "float32")
    deltas = np.zeros_like(anchors) if deltas is None else np.array([deltas], "float32")
    layer = ProposalLayer(count, nms_threshold, **settings)
    return np.asarray(layer([with_background([scores]), deltas, anchors]))[0]


# Four quarters of the unit square, which share nothing but edges.
QUARTERS = [[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]]


def test_the_best_anchors_come_first_and_unused_rows_are_zero(portable):
    proposals = propose(QUARTERS, [0.2, 0.9, 0.1, 0.5], count=6, portable=portable)
    expected = [QUARTERS[1], QUARTERS[3], QUARTERS[0], QUARTERS[2]]
    np.testing.assert_allclose(proposals[:4], expected, atol=1e-6)
    np.testing.assert_array_equal(proposals[4:], np.zeros((2, 4)))


def test_only_as_many_as_asked_for_come_out(portable):
    proposals = propose(QUARTERS, [0.2, 0.9, 0.1, 0.5], count=1, portable=portable)
    np.testing.assert_allclose(proposals, [QUARTERS[1]], atol=1e-6)


def test_only_the_best_anchors_take_part_in_suppression(portable):
    settings = {"pre_nms_limit": 2, "portable": portable}
    # The two best are the same box, so of the two that take part one is left.
    anchors = [QUARTERS[0], QUARTERS[0], QUARTERS[3]]
    proposals = propose(anchors, [0.9, 0.8, 0.7], **settings)
    np.testing.assert_allclose(proposals[0], QUARTERS[0], atol=1e-6)
    np.testing.assert_array_equal(proposals[1:], np.zeros((3, 4)))


def test_deltas_count_in_units_of_their_deviation(portable):
    # Half the height down: 5 * 0.1. Twice the width: log 2 = 5 * 0.2 * log 2.
    deltas = [[5, 0, 0, 5 * np.log(2)]]
    proposals = propose(
        [[0.2, 0.4, 0.4, 0.6]], [1.0], deltas, count=1, portable=portable
    )
    np.testing.assert_allclose(proposals, [[0.3, 0.3, 0.5, 0.7]], atol=1e-6)

    proposals = propose(
        [[0.2, 0.4, 0.4, 0.6]], [1.0], [[0.5, 0, 0, np.log(2)]], count=1,
        delta_std=(1, 1, 1, 1), portable=portable,
    )  # fmt: skip
    np.testing.assert_allclose(proposals, [[0.3, 0.3, 0.5, 0.7]], atol=1e-6)


def test_proposals_are_clipped_to_the_image_before_suppression(portable):
    # Different outside the image, the same inside.
    anchors = [[-1, 0, 0.5, 0.5], [0, -0.2, 0.5, 0.5]]
    proposals = propose(anchors, [0.9, 0.8], count=2, portable=portable)
    np.testing.assert_allclose(proposals, [[0, 0, 0.5, 0.5], [0] * 4], atol=1e-6)


def test_nan_scores_and_deltas_are_no_candidates(portable):
    scores = [0.9, np.nan, 0.7, 0.6]
    deltas = np.zeros((4, 4))
    deltas[2, 1] = np.nan
    proposals = propose(QUARTERS, scores, deltas, portable=portable)
    expected = [QUARTERS[0], QUARTERS[3], [0] * 4, [0] * 4]
    np.testing.assert_allclose(proposals, expected, atol=1e-6)


def test_proposals_below_the_smallest_side_are_dropped(portable):
    anchors = [[0, 0, 0.5, 0.04], [0, 0, 0.05, 0.05], QUARTERS[3]]
    inputs = [
        with_background([[0.9, 0.8, 0.7]]),
        np.zeros((1, 3, 4), "float32"),
        np.array([anchors], "float32"),
        np.array([[0, 0, 0, 0, 100, 200, 3, 0, 0, 100, 200, 1, 1]], "float32"),
    ]
    # Sides in pixels: 50 × 8, 5 × 10, 50 × 100.
    layer = ProposalLayer(3, 0.5, min_size=8.5, portable=portable)
    np.testing.assert_allclose(
        layer(inputs)[0], [QUARTERS[3], [0] * 4, [0] * 4], atol=1e-6
    )
    layer = ProposalLayer(3, 0.5, min_size=7.5, portable=portable)
    np.testing.assert_allclose(
        layer(inputs)[0], [anchors[0], QUARTERS[3], [0] * 4], atol=1e-6
    )


def test_a_smallest_side_without_image_meta_is_an_error():
    with pytest.raises(ValueError, match="image_meta"):
        propose(QUARTERS, [0.9] * 4, min_size=8)


def test_a_box_of_no_length_is_a_pixel_with_the_edge_shift_only():
    box, shape = np.zeros((1, 4), "float32"), np.array([[64, 64, 3]], "float32")
    assert np.asarray(is_large(box, shape, 0.0, 1)).all()
    assert not np.asarray(is_large(box, shape, 0.0, 0)).any()


def test_proposals_are_what_a_loop_over_boxes_gives(rng, portable):
    anchors = random_boxes(rng, 2, 300)
    scores = rng.uniform(0, 1, (2, 300)).astype("float32")
    deltas = rng.normal(size=(2, 300, 4)).astype("float32")
    layer = ProposalLayer(50, 0.3, pre_nms_limit=200, portable=portable)

    proposals = np.asarray(layer([with_background(scores), deltas, anchors]))

    for image in range(2):
        best = np.argsort(-scores[image], kind="stable")[:200]
        std = np.array([0.1, 0.1, 0.2, 0.2], "float32")
        boxes = decode_boxes(deltas[image, best] * std, anchors[image, best])
        boxes = clip_boxes(boxes, (0, 0, 1, 1))
        chosen = plain_suppression(boxes, scores[image, best], 50, 0.3)
        np.testing.assert_allclose(
            proposals[image, : len(chosen)], boxes[chosen], atol=1e-6
        )
        assert not proposals[image, len(chosen) :].any()


def level_inputs(rng, counts, *, num_images=2, meta=None):
    """Inputs of a layer that looks at levels of so many anchors by themselves."""
    total = sum(counts)
    probs = with_background(rng.uniform(0, 1, (num_images, total)))
    deltas = rng.normal(size=(num_images, total, 4)).astype("float32")
    if meta is None:
        meta = [0, 0, 0, 0, 100, 200, 3, 0, 0, 100, 200, 1, 1]
    metas = np.tile(np.array(meta, "float32"), (num_images, 1))
    levels = np.split(probs, np.cumsum(counts)[:-1], axis=1)
    return [probs, deltas, random_boxes(rng, num_images, total), metas, *levels]


def test_each_level_may_be_ranked_and_suppressed_by_itself(rng, portable):
    counts, limit, count = [120, 40, 6], 30, 25
    inputs = level_inputs(rng, counts)
    probs, deltas, anchors = inputs[:3]
    layer = ProposalLayer(
        count, 0.3, pre_nms_limit=limit, per_level=True, portable=portable
    )

    proposals = np.asarray(layer(inputs))

    starts = np.cumsum([0, *counts])
    std = np.array([0.1, 0.1, 0.2, 0.2], "float32")
    for image in range(2):
        boxes = decode_boxes(deltas[image] * std, anchors[image])
        boxes = clip_boxes(boxes, (0, 0, 1, 1))
        scores, left = probs[image, :, 1], []
        for start, end in itertools.pairwise(starts):
            best = start + np.argsort(-scores[start:end], kind="stable")[:limit]
            chosen = plain_suppression(boxes[best], scores[best], count, 0.3)
            left += list(best[chosen])
        left = sorted(left, key=lambda row: -scores[row])[:count]
        assert len({row // 120 for row in left}) > 1  # not of the first level alone
        np.testing.assert_allclose(
            proposals[image, : len(left)], boxes[left], atol=1e-6
        )


def test_boxes_of_different_levels_do_not_suppress_each_other(portable):
    probs = with_background([[0.9, 0.8]])
    box = np.array([[QUARTERS[1]] * 2], "float32")
    inputs = [probs, np.zeros_like(box), box, np.zeros((1, 13), "float32")]
    levels = [probs[:, :1], probs[:, 1:]]
    settings = {"pre_nms_limit": 5, "portable": portable}
    apart = ProposalLayer(3, 0.5, per_level=True, **settings)([*inputs, *levels])
    np.testing.assert_allclose(apart[0], [QUARTERS[1], QUARTERS[1], [0] * 4], atol=1e-6)
    joint = ProposalLayer(3, 0.5, **settings)(inputs)
    np.testing.assert_allclose(joint[0], [QUARTERS[1], [0] * 4, [0] * 4], atol=1e-6)


def test_levels_are_needed_where_each_counts_by_itself(rng):
    inputs = level_inputs(rng, [4, 2])
    with pytest.raises(ValueError, match="probs of each level"):
        ProposalLayer(3, 0.5, per_level=True)(inputs[:4])


def test_numbers_of_anchors_of_levels_may_be_free(rng, portable):
    layer = ProposalLayer(10, 0.5, pre_nms_limit=12, per_level=True, portable=portable)
    shapes = [(2,), (4,), (4,), (13,), (2,), (2,)]
    free = tf.function(
        lambda *inputs: layer(list(inputs)),
        input_signature=[
            tf.TensorSpec((None, *([None] if shape != (13,) else []), *shape))
            for shape in shapes
        ],
    )
    for counts in ([20, 5], [8, 2]):
        inputs = level_inputs(rng, counts)
        np.testing.assert_allclose(free(*inputs), layer(inputs), atol=1e-6)


def test_proposals_may_end_where_the_picture_does(rng, portable):
    # The picture is the upper half of the molded image of 100 x 200 pixels.
    meta = np.array([[0, 0, 0, 0, 100, 200, 3, 0, 0, 50, 200, 1, 1]], "float32")
    anchors = np.array([[[0.2, 0.1, 0.9, 0.6], [0.7, 0, 1, 1]]], "float32")
    inputs = [with_background([[0.9, 0.8]]), np.zeros_like(anchors), anchors, meta]
    layer = ProposalLayer(2, 0.5, min_size=1, clip_to_window=True, portable=portable)
    expected = [[0.2, 0.1, 0.5, 0.6], [0] * 4]
    np.testing.assert_allclose(layer(inputs)[0], expected, atol=1e-6)
    with pytest.raises(ValueError, match="image_meta"):
        layer(inputs[:3])


def test_one_set_of_anchors_serves_all_images(rng, portable):
    anchors = random_boxes(rng, 1, 40)
    probs = with_background(rng.uniform(0, 1, (3, 40)))
    deltas = rng.normal(size=(3, 40, 4)).astype("float32")
    layer = ProposalLayer(10, 0.5, portable=portable)
    repeated = np.repeat(anchors, 3, axis=0)
    np.testing.assert_array_equal(
        layer([probs, deltas, anchors]), layer([probs, deltas, repeated])
    )


def test_number_of_anchors_may_be_free(rng, portable):
    layer = ProposalLayer(10, 0.5, pre_nms_limit=30, portable=portable)
    free = tf.function(
        lambda *inputs: layer(list(inputs)),
        input_signature=[tf.TensorSpec((None, None, side)) for side in (2, 4, 4)],
    )
    for num_anchors in (8, 50):
        inputs = [
            with_background(rng.uniform(0, 1, (2, num_anchors))),
            rng.normal(size=(2, num_anchors, 4)).astype("float32"),
            random_boxes(rng, 2, num_anchors),
        ]
        np.testing.assert_allclose(free(*inputs), layer(inputs), atol=1e-6)


def test_it_reproduces_matterports_proposals(golden_matterport, portable):
    layer = ProposalLayer(1000, 0.7, pre_nms_limit=6000, portable=portable)
    names = ("rpn_class", "rpn_bbox", "anchors")
    inputs = [tf.constant(golden_matterport[name][None]) for name in names]

    # A graph, because the twin's loop of a thousand rounds is slow without.
    proposals = tf.function(lambda *tensors: layer(list(tensors)))(*inputs)
    proposals = np.asarray(proposals)[0]

    expected = golden_matterport["rpn_rois"]
    overlap = pairwise_iou(proposals, expected)
    partner = overlap.argmax(axis=1)
    assert len(set(partner)) == len(expected) == 1000
    np.testing.assert_allclose(proposals, expected[partner], atol=1e-5)


def test_the_portable_layer_compiles_and_gives_the_same_proposals(rng):
    inputs = [
        with_background(rng.uniform(0, 1, (2, 300))),
        rng.normal(size=(2, 300, 4)).astype("float32"),
        random_boxes(rng, 2, 300),
    ]
    plain, portable = ProposalLayer(60, 0.5), ProposalLayer(60, 0.5, portable=True)
    by_xla = tf.function(lambda *tensors: portable(list(tensors)), jit_compile=True)
    assert portable.supports_jit
    assert not plain.supports_jit
    np.testing.assert_allclose(portable(inputs), plain(inputs), atol=1e-6)
    np.testing.assert_allclose(
        by_xla(*(tf.constant(one) for one in inputs)), plain(inputs), atol=1e-5
    )


@pytest.mark.parametrize("per_level", [False, True])
def test_it_does_the_duties_of_a_layer(rng, portable, per_level):
    inputs = level_inputs(rng, [24, 6])
    check_layer(
        ProposalLayer(
            12, 0.5, pre_nms_limit=20, per_level=per_level, portable=portable
        ),
        inputs if per_level else inputs[:3],
        (2, 12, 4),
        no_gradients_to=[0, 1, 2],
        keeps_float32=True,
    )
