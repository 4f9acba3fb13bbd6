import numpy as np
import pytest

from mrcnn.inference.local_masks import PatchMasks
from mrcnn.inference.merging import merge_views
from mrcnn.inference.results import Instances

SHAPE = (40, 60)


def view(boxes, class_ids, scores, patches=None, image_shape=SHAPE) -> Instances:
    """What one view found; without patches, instances without masks."""
    boxes = np.array(boxes, "float32").reshape(-1, 4)
    masks = None
    if patches is not None:
        patches = np.array(patches, "float32").reshape(-1, 4, 4)
        masks = PatchMasks(patches, boxes, image_shape, 0.5, whole_pixel_paste=False)
    return Instances(boxes, class_ids, scores, image_shape, masks=masks)


def merge(*views: Instances, nms_threshold=0.3, max_instances=100) -> Instances:
    return merge_views(views, nms_threshold=nms_threshold, max_instances=max_instances)


def test_one_view_is_returned_as_it_is():
    only = view([[0, 0, 10, 10]], [1], [0.9])
    assert merge(only) is only


def test_the_votes_on_a_box_are_weighted_by_scores():
    merged = merge(
        view([[0, 0, 10, 10]], [1], [0.9]), view([[0, 0, 10, 12]], [1], [0.3])
    )
    np.testing.assert_allclose(merged.boxes, [[0, 0, 10, (0.9 * 10 + 0.3 * 12) / 1.2]])
    np.testing.assert_allclose(merged.scores, [0.9])


def test_what_one_view_alone_finds_is_kept():
    merged = merge(
        view([[0, 0, 10, 10]], [1], [0.8]), view([[20, 20, 30, 30]], [2], [0.9])
    )
    assert merged.rois.tolist() == [[20, 20, 30, 30], [0, 0, 10, 10]]
    assert merged.class_ids.tolist() == [2, 1]


def test_other_classes_are_other_objects():
    box = [[0, 0, 10, 10]]
    merged = merge(view(box, [1], [0.8]), view(box, [2], [0.9]))
    assert merged.class_ids.tolist() == [2, 1]


def test_a_weak_overlap_is_suppressed_and_has_no_vote():
    # 40 shared pixels of 160: above the threshold of 0.2, below the voters' 0.5.
    merged = merge(
        view([[0, 0, 10, 10]], [1], [0.9]),
        view([[0, 6, 10, 16]], [1], [0.8]),
        nms_threshold=0.2,
    )
    assert merged.boxes.tolist() == [[0, 0, 10, 10]]


def test_neighbours_of_one_view_stay_apart():
    both = view([[0, 0, 10, 10], [0, 8, 10, 18]], [1, 1], [0.9, 0.8])
    merged = merge(both, both)
    np.testing.assert_allclose(merged.boxes, both.boxes, rtol=1e-6)


def test_only_the_best_fit_the_slots():
    merged = merge(
        view([[0, 0, 9, 9], [20, 20, 29, 29]], [1, 1], [0.5, 0.7]),
        view([], [], []),
        max_instances=1,
    )
    assert merged.rois.tolist() == [[20, 20, 29, 29]]


def test_views_of_nothing_are_nothing():
    merged = merge(view([], [], [], []), view([], [], [], []))
    assert len(merged) == 0
    assert merged.masks.shape == (*SHAPE, 0)


def test_equal_masks_stay_as_they_are(rng):
    patches = rng.random((2, 4, 4))
    found = view([[0, 0, 12, 12], [20, 20, 36, 44]], [1, 2], [0.9, 0.8], patches)
    merged = merge(found, found, found)
    np.testing.assert_array_equal(merged.masks, found.masks)
    assert found.masks.any()


def test_masks_are_voted_on_in_place():
    # The same object: one view's box ends where it does, the other's is twice as high.
    whole = view([[0, 0, 16, 16]], [1], [0.8], np.ones((4, 4)))
    upper = np.zeros((4, 4))
    upper[:2] = 1
    half = view([[0, 0, 16, 16]], [1], [0.4], upper)
    mask = merge(whole, half).mask(0)
    # Two thirds of the votes are for the lower half too.
    assert mask[:16, :16].all()
    assert mask.sum() == 16 * 16
    outvoted = merge(half, half, half, whole).mask(0)
    assert outvoted[:7, :16].all()
    assert not outvoted[9:].any()


def test_a_view_without_instances_has_no_say_in_masks():
    found = view([[0, 0, 12, 12]], [1], [0.9], np.ones((4, 4)))
    merged = merge(view([], [], [], []), found)
    np.testing.assert_array_equal(merged.masks, found.masks)


def test_views_without_masks_merge_to_instances_without_masks():
    assert not merge(view([], [], []), view([[0, 0, 9, 9]], [1], [0.9])).has_masks


def test_the_order_of_views_does_not_matter(rng):
    corners = rng.uniform(0, 20, (6, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 20, (6, 2))], axis=1)
    views = [
        view(boxes[i::2], [1, 1, 2], rng.random(3), rng.random((3, 4, 4)))
        for i in (0, 1)
    ]
    one, other = merge(*views), merge(*views[::-1])
    np.testing.assert_allclose(one.boxes, other.boxes, rtol=1e-5)
    np.testing.assert_array_equal(one.masks, other.masks)


def test_masks_from_a_file_cannot_be_merged():
    from_file = Instances.from_masks(None, [1], [0.9], np.ones((*SHAPE, 1)))
    with pytest.raises(TypeError, match="RleMasks"):
        merge(from_file, from_file)
