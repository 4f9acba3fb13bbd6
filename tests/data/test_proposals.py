"""Proposals of the caller: checked, and found in files."""

import json

import numpy as np
import pytest

from mrcnn.data.proposals import checked_proposals, proposals_by_image

SHAPE = (40, 60, 3)


def test_proposals_of_any_kind_come_in_one_form():
    boxes = [[0, 0, 40, 60], [5, 10, 20, 30]]
    for given in (boxes, np.array(boxes, "uint8"), np.array(boxes, "float64")):
        checked = checked_proposals(given, SHAPE, "image 0")
        assert checked.dtype == np.float32
        assert checked.tolist() == boxes
    fractions = checked_proposals([[0.5, 1.25, 2.5, 3.75]], SHAPE, "image 0")
    assert fractions.tolist() == [[0.5, 1.25, 2.5, 3.75]]


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4)), np.zeros(0), [[]]])
def test_no_proposals_are_none(nothing):
    assert checked_proposals(nothing, SHAPE, "image 0").shape == (0, 4)


def test_rows_of_zeros_are_padding():
    boxes = [[5, 10, 20, 30], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    checked = checked_proposals(boxes, SHAPE, "image 0")
    assert checked.tolist() == [boxes[0], boxes[2]]


def test_a_box_may_stick_out_by_a_pixel_which_is_cut_off():
    boxes = [[-1, -0.5, 41, 60.5]]
    assert checked_proposals(boxes, SHAPE, "image 0").tolist() == [[0, 0, 40, 60]]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 42, 10]], r"Proposal 0 of image 7, \[0.0, 0.0, 42.0, 10.0\], is not"),
        ([[0, 0, 9, 9], [0, -2, 9, 9]], "Proposal 1 of image 7"),
        ([[0, 0, 9, np.nan]], "is not inside it: the image is 40 pixels high and 60"),
        ([[0, 0, 9, np.inf]], "is not inside"),
        ([[5, 5, 5, 9]], "has no area"),
        ([[9, 5, 5, 9]], "y1 < y2"),
        ([[40, 5, 41, 9]], "has no area"),
        ([[0, 0, 9]], r"shape \(1, 3\)"),
        ([0, 0, 9, 9], r"shape \(4,\)"),
        (np.ones((2, 2, 4)), r"shape \(2, 2, 4\)"),
        ([["a", "b", "c", "d"]], "dtype <U1"),
    ],
)
def test_what_is_no_box_of_the_image_is_refused_with_its_row(boxes, message):
    with pytest.raises(ValueError, match=message):
        checked_proposals(boxes, SHAPE, "image 7")


def test_proposals_by_image_are_taken_as_they_are():
    boxes = np.ones((2, 4))
    found = proposals_by_image({12: boxes, "b": []})
    assert found.keys() == {"12", "b"}
    assert found["12"] is boxes


@pytest.mark.parametrize("key", [None, "annotations"])
def test_a_file_of_coco_results_gives_boxes_the_best_first(tmp_path, key):
    results = [
        {"image_id": 3, "bbox": [10, 20, 5, 7], "score": 0.5},
        {"image_id": 4, "bbox": [1, 2, 3, 4]},
        {"image_id": 3, "bbox": [0, 0, 8, 9.5], "score": 0.75},
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results if key is None else {key: results}))
    found = proposals_by_image(path)
    assert found.keys() == {"3", "4"}
    assert found["3"].tolist() == [[0, 0, 9.5, 8], [20, 10, 27, 15]]
    assert found["4"].tolist() == [[2, 1, 6, 4]]


@pytest.mark.parametrize(
    "content", [7, {"images": []}, [1], [{"image_id": 3}], [{"bbox": [1, 2, 3, 4]}]]
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"other\.json.*'image_id' and 'bbox'"):
        proposals_by_image(path)
