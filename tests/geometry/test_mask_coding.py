import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from mrcnn.geometry.mask_coding import (
    decode_rle,
    encode_local_rle,
    encode_rle,
    mask_to_polygons,
    polygons_to_mask,
    rle_area,
    rle_iou,
)
from tests.scenes import random_shape

SIDES = st.integers(1, 14)
SEEDS = st.integers(0, 2**32 - 1)


def random_mask(height, width, density, seed):
    return np.random.default_rng(seed).random((height, width)) < density


def test_plain_run_lengths_go_down_the_columns():
    mask = decode_rle({"size": [2, 3], "counts": [1, 2, 3]})
    assert mask.tolist() == [[False, True, False], [True, False, False]]


def test_codes_are_ready_for_json():
    rle = encode_rle(np.eye(3))
    assert json.loads(json.dumps(rle)) == rle
    assert rle["size"] == [3, 3]


@pytest.mark.parametrize("mask", [np.zeros((3, 4)), np.ones((3, 4)), np.eye(4) * 255])
def test_decoding_undoes_encoding(mask):
    rle = encode_rle(mask)
    assert np.array_equal(decode_rle(rle), mask != 0)
    assert rle_area(rle) == np.count_nonzero(mask)


def test_counts_may_be_bytes():
    rle = encode_rle(np.eye(3))
    as_bytes = {**rle, "counts": rle["counts"].encode()}
    assert np.array_equal(decode_rle(as_bytes), np.eye(3))


@pytest.mark.parametrize(
    "damaged",
    [
        {"counts": [9]},
        {"size": [3, 3]},
        {"size": [3, 3], "counts": [5, 5]},
        {"size": [3, 3], "counts": [10, -1]},
        {"size": [3, 3], "counts": []},
        {"size": [3, 3], "counts": "zzzz"},
        [[1, 2, 3, 4, 5, 6]],
    ],
)
def test_damaged_codes_are_refused(damaged):
    with pytest.raises(ValueError, match=r"size|RLE"):
        decode_rle(damaged)


def test_masks_are_encoded_one_by_one():
    with pytest.raises(ValueError, match="one by one"):
        encode_rle(np.zeros((3, 4, 5)))


def test_iou_of_codes_counts_pixels():
    first, second = np.zeros((2, 10, 10), bool)
    first[:8, :8] = True
    second[1:8, 1:8] = True
    codes = [encode_rle(first), encode_rle(second)]
    assert np.allclose(rle_iou(codes, codes), [[1, 49 / 64], [49 / 64, 1]])
    assert np.allclose(rle_iou(codes, codes[:1], [True]), [[1], [1]])
    assert rle_iou([], codes).shape == (0, 2)


def test_a_part_that_leaves_the_image_is_refused():
    with pytest.raises(ValueError, match="cut it off"):
        encode_local_rle(np.ones((3, 3)), (0, 8), (10, 10))
    with pytest.raises(ValueError, match="cut it off"):
        encode_local_rle(np.ones((3, 3)), (-1, 0), (10, 10))


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0)])
def test_a_part_without_pixels_is_an_empty_mask(shape):
    rle = encode_local_rle(np.zeros(shape), (0, 0), (5, 6))
    assert rle == encode_rle(np.zeros((5, 6)))


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, st.floats(0, 1), SEEDS, st.integers(0, 3), st.integers(0, 3))
def test_a_part_is_encoded_as_the_full_mask_would_be(
    height, width, density, seed, below, right
):
    mask = random_mask(height, width, density, seed)
    for y, x in {(0, 0), (below, right), (0, right), (below, 0)}:
        full = np.zeros((height + below, width + right), bool)
        full[y : y + height, x : x + width] = mask
        assert encode_local_rle(mask, (y, x), full.shape) == encode_rle(full)


def test_a_rectangle_is_drawn_exactly():
    mask = polygons_to_mask([[2, 1, 6, 1, 6, 4, 2, 4]], (5, 8))
    expected = np.zeros((5, 8), bool)
    expected[1:4, 2:6] = True
    assert np.array_equal(mask, expected)


def test_corners_may_be_pairs():
    flat = [2, 1, 6, 1, 6, 4]
    pairs = np.reshape(flat, (-1, 2))
    drawn = polygons_to_mask([flat], (5, 8))
    assert np.array_equal(polygons_to_mask([pairs], (5, 8)), drawn)
    assert np.array_equal(polygons_to_mask([pairs.tolist()], (5, 8)), drawn)


def test_polygons_of_one_instance_add_up():
    first, second = [0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]
    both = polygons_to_mask([first, second], (8, 8))
    one, other = polygons_to_mask([first], (8, 8)), polygons_to_mask([second], (8, 8))
    assert np.array_equal(both, one | other)


def test_polygons_may_touch_and_leave_the_image():
    edge = [[0, 0, 8, 0, 8, 5, 0, 5]]
    beyond = [[-7, -9, 20, -9, 20, 30, -7, 30]]
    assert polygons_to_mask(edge, (5, 8)).all()
    assert polygons_to_mask(beyond, (5, 8)).all()
    assert not polygons_to_mask([[20, 20, 30, 20, 30, 30]], (5, 8)).any()


def test_polygons_without_area_are_empty():
    assert not polygons_to_mask([[1, 1, 4, 4, 7, 7]], (9, 9)).any()
    assert not polygons_to_mask([[2, 2] * 4], (9, 9)).any()
    assert not polygons_to_mask([], (9, 9)).any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[1, 2, 3, 4]], "three corners"),
        ([[]], "three corners"),
        ([[1, 2, 3, 4, 5, 6, 7]], "7 numbers"),
        ([1, 2, 3, 4, 5, 6], "list of flat lists"),
        ([[0, 0, 5, 0, 5, np.nan]], "nan"),
        ([[0, 0, 5, 0, 5, 1e12]], "expected pixels"),
    ],
)
def test_wrong_polygons_are_refused_by_their_index(wrong, message):
    with pytest.raises(ValueError, match=f"Polygon 0 .*{message}"):
        polygons_to_mask(wrong, (9, 9))


def test_polygons_of_a_mask_are_lists_of_numbers():
    mask = np.zeros((4, 6))
    mask[1:3, 2:5] = 1
    (polygon,) = mask_to_polygons(mask)
    assert json.loads(json.dumps(polygon)) == [2, 1, 5, 1, 5, 3, 2, 3]
    with pytest.raises(ValueError, match="shape"):
        mask_to_polygons(mask[..., None])


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, st.floats(0, 1), SEEDS)
def test_drawing_undoes_tracing(height, width, density, seed):
    mask = random_mask(height, width, density, seed)
    assert np.array_equal(polygons_to_mask(mask_to_polygons(mask), mask.shape), mask)


def test_drawing_undoes_tracing_of_shapes(rng):
    for _ in range(20):
        mask = random_shape(rng, 20, 150)
        polygons = mask_to_polygons(mask)
        assert np.array_equal(polygons_to_mask(polygons, mask.shape), mask)


@pytest.mark.parametrize("subset", ["train", "val"])
def test_masks_and_areas_of_real_annotations_are_pycocotools(data_folder, subset):
    coco = COCO(data_folder / "coco_tiny" / f"instances_{subset}.json")
    kinds = set()
    for annotation in coco.loadAnns(coco.getAnnIds()):
        image = coco.loadImgs(annotation["image_id"])[0]
        shape = image["height"], image["width"]
        code = annotation["segmentation"]
        is_code = isinstance(code, dict)
        mask = decode_rle(code) if is_code else polygons_to_mask(code, shape)
        expected = coco.annToMask(annotation)
        assert np.array_equal(mask, expected)
        rle = coco.annToRLE(annotation)
        assert rle_area(code if is_code else encode_rle(mask)) == coco_mask.area(rle)
        if is_code:
            assert encode_rle(mask)["counts"] == rle["counts"].decode()
        kinds.add((is_code, annotation["iscrowd"]))
    assert kinds == {(False, 0), (True, 1)}


def test_importing_the_file_loads_no_plots_and_no_networks():
    code = (
        "import sys, mrcnn.geometry.mask_coding\n"
        "print([name for name in ('matplotlib', 'tensorflow', 'scipy', 'cv2')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
