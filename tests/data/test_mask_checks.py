import numpy as np
import pytest

from mrcnn.data.mask_checks import check_class_ids, checked_masks

SHAPE = (4, 6, 3)


@pytest.fixture
def masks():
    masks = np.zeros((4, 6, 2), bool)
    masks[1:3, 1:4, 0] = True
    masks[0, 5, 1] = True
    return masks


def check(masks, class_ids, num_classes=4):
    return checked_masks(masks, class_ids, SHAPE, num_classes, "image 7 (shop.a)")


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("bool", 1), ("uint8", 1), ("uint8", 255), ("int64", 3), ("float64", 1.0)],
)
@pytest.mark.parametrize("kind", [list, tuple, np.int64, np.float32])
def test_masks_and_class_ids_of_every_kind_come_out_alike(masks, dtype, value, kind):
    ids = kind([1, 3]) if kind in (list, tuple) else np.array([1, 3], kind)
    result, class_ids = check(masks.astype(dtype) * value, ids)
    assert result.dtype == bool
    np.testing.assert_array_equal(result, masks)
    assert class_ids.dtype == "int32"
    assert class_ids.tolist() == [1, 3]


def test_bool_masks_are_not_copied(masks):
    assert check(masks, [1, 2])[0] is masks


def test_soft_edges_of_float_masks_are_cut_at_one_half(masks):
    result, _ = check(masks * 0.9 + 0.05, [1, 2])
    np.testing.assert_array_equal(result, masks)


def test_a_single_plane_is_one_instance(masks):
    result, class_ids = check(masks[..., 0], 2)
    np.testing.assert_array_equal(result, masks[..., :1])
    assert class_ids.tolist() == [2]


def test_a_list_of_planes_is_stacked(masks):
    result, _ = check([masks[..., 0], masks[..., 1]], [1, 2])
    np.testing.assert_array_equal(result, masks)


@pytest.mark.parametrize(
    "nothing", [np.empty((0, 0, 0)), np.empty((4, 6, 0), bool), [], np.empty(0)]
)
def test_no_instance_can_be_said_in_many_ways(nothing):
    result, class_ids = check(nothing, [])
    assert result.shape == (4, 6, 0)
    assert result.dtype == bool
    assert class_ids.shape == (0,)


def test_an_empty_background_instance_is_left_out(masks):
    masks[..., 0] = False
    result, class_ids = check(masks, [0, 2])
    np.testing.assert_array_equal(result, masks[..., 1:])
    assert class_ids.tolist() == [2]


def test_negative_class_ids_are_crowds(masks):
    assert check(masks, [-3, 1])[1].tolist() == [-3, 1]


@pytest.mark.parametrize(
    ("change", "class_ids", "message"),
    [
        (lambda m: m, [1], "one class id for each mask"),
        (lambda m: m, [1, 2, 3], r"shape \(4, 6, 2\) and 3 class ids"),
        (lambda m: m.transpose(1, 0, 2), [1, 2], "exchanged.*EXIF"),
        (lambda m: np.moveaxis(m, -1, 0), [1, 2], "np.moveaxis"),
        (lambda m: m[..., 0], [1, 2], "np.stack"),
        (lambda m: m[:3], [1, 2], "own height and width"),
        (lambda m: None, [1, 2], "returned None"),
        (lambda m: m.astype(object), [1, 2], "dtype object"),
        (lambda m: np.where(m, np.nan, 0), [1, 2], "NaN"),
        (lambda m: m, [1, 4], r"class ids \[4\].*from 1 to 3"),
        (lambda m: m, [0, 1], r"class ids \[0\].*background"),
        (lambda m: m, [-9, 1], r"class ids \[-9\]"),
        (lambda m: m, ["cat", "dog"], "one whole number per instance"),
        (lambda m: m, [1.5, 2], "one whole number per instance"),
        (lambda m: np.empty((4, 6, 0)), [1], "1 class ids"),
    ],
)
def test_what_is_wrong_is_said_with_the_image(masks, change, class_ids, message):
    with pytest.raises(ValueError, match=message) as error:
        check(change(masks), class_ids)
    assert "image 7 (shop.a)" in str(error.value)


def test_class_ids_alone_can_be_checked():
    check_class_ids(np.array([1, -2]), 3, "image 1")
    with pytest.raises(ValueError, match=r"\[3\]"):
        check_class_ids(np.array([3]), 3, "image 1")
