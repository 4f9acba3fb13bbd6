import numpy as np
import pytest

from mrcnn.data.checks.instances import load_checked_instances, same_instances
from mrcnn.data.dataset import Dataset
from mrcnn.geometry.masks import pairwise_mask_iou
from tests.data.checks.broken_copies import SmallConfig


class OneImage(Dataset):
    def __init__(self, masks, class_ids, info):
        super().__init__()
        self.masks = masks, class_ids
        self.add_class("hand", 1, "cat")
        self.add_class("hand", 2, "dog")
        self.add_image("hand", 1, None, **dict(info))
        self.prepare()

    def load_mask(self, image_id):
        return self.masks


def checked(masks, class_ids, image_shape=(20, 30, 3), info=()):
    dataset = OneImage(masks, class_ids, info)
    masks, class_ids, findings = load_checked_instances(
        dataset, 0, image_shape, SmallConfig()
    )
    return masks, class_ids, [finding.kind for finding in findings]


def masks_of(*boxes):
    masks = np.zeros((20, 30, len(boxes)), bool)
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, index] = True
    return masks


def test_sound_instances_come_as_they_are():
    masks = masks_of((2, 2, 8, 8), (5, 10, 15, 25))
    found, class_ids, kinds = checked(masks, [1, 2])
    np.testing.assert_array_equal(found, masks)
    assert class_ids.tolist() == [1, 2]
    assert kinds == []


def test_empty_masks_are_found_and_left_out():
    masks, class_ids, kinds = checked(masks_of((2, 2, 8, 8), (3, 3, 3, 9)), [1, 2])
    assert masks.shape[2] == 1
    assert class_ids.tolist() == [1]
    assert kinds == ["empty mask"]


def test_a_list_of_masks_is_judged_like_an_array():
    masks = masks_of((2, 2, 8, 8), (5, 10, 15, 25))
    both = [masks[..., 0], masks[..., 1]]
    assert checked(both, [1, 2])[2] == []
    assert checked(both, [1])[2] == ["not one class id per mask"]
    turned = [mask.T for mask in both]
    assert checked(turned, [1, 2])[2] == ["image turned on its side"]


def test_crowds_may_cover_the_image_and_are_counted():
    whole = masks_of((0, 0, 20, 30))
    assert checked(whole, [1])[2] == ["mask covers the image"]
    assert checked(whole, [-1])[2] == ["crowd"]


def test_mask_files_that_left_no_mask_are_counted():
    kinds = checked(masks_of((2, 2, 8, 8)), [1], info={"masks": ["a", "b"]})[2]
    assert kinds == ["empty mask"]


def test_a_wrong_size_is_told_once():
    info = {"height": 40, "width": 60, "annotations": []}
    assert checked(np.zeros((40, 60, 1)), [1], info=info)[2] == [
        "annotated at another size"
    ]


def shifted_disc(y, x):
    rows, columns = np.mgrid[:60, :60]
    return (rows - y) ** 2 + (columns - x) ** 2 <= 400


@pytest.mark.parametrize("class_ids", [[1, 1, 1, 1], [1, 2, 1, 1]])
def test_the_same_instances_are_all_pairs_over_the_threshold(class_ids):
    masks = [shifted_disc(30, x) for x in (30, 30, 31, 29)]
    masks = np.stack(masks, axis=-1)
    class_ids = np.array(class_ids)
    iou = pairwise_mask_iou(masks, masks)
    expected = [
        (i, j)
        for i in range(4)
        for j in range(i + 1, 4)
        if iou[i, j] > 0.95 and class_ids[i] == class_ids[j]
    ]
    found = list(same_instances(masks, class_ids))
    assert [(first, second) for first, second, _ in found] == expected
    assert len(expected) < 6
    for first, second, value in found:
        assert value == pytest.approx(iou[first, second])
