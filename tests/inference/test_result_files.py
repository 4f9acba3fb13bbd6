import json

import numpy as np
import pytest

from mrcnn.inference.result_files import coco_results, read_result, write_result
from mrcnn.inference.results import Instances


@pytest.fixture
def pair() -> Instances:
    masks = np.zeros((8, 9, 2), bool)
    masks[1:3, 2:7, 0] = True
    return Instances.from_masks(
        [[1, 2, 3, 7], [0.1, 0.2, 0.3, 0.4]], [1, 2], [0.9, 0.1], masks
    )


def test_a_file_holds_plain_json(pair, tmp_path):
    write_result(tmp_path / "result.json", pair)
    fields = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert fields["image_shape"] == [8, 9]
    assert fields["class_ids"] == [1, 2]
    assert fields["boxes"][0] == [1, 2, 3, 7]
    assert fields["masks"] == pair.rle()


def test_numbers_survive_exactly(pair, tmp_path):
    write_result(tmp_path / "result.json", pair)
    boxes = read_result(tmp_path / "result.json")["boxes"]
    np.testing.assert_array_equal(np.array(boxes, "float32"), pair.boxes)


def test_a_write_that_fails_leaves_the_old_file_alone(pair, tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_result(path, pair)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_result(path, pair[:1])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a JSON file"),
        ("{", "not a JSON file"),
        ("[]", "does not hold instances"),
        ('{"format": "other"}', "does not hold instances"),
        ('{"format": "mrcnn instances", "boxes": []}', "should have the fields"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_result(path)
    assert "other.json" in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_shape", None),
        ("image_shape", [8]),
        ("image_shape", [8, "9"]),
        ("image_shape", [800000, 900000]),
        ("masks", [{"size": [800000, 9], "counts": "0"}] * 2),
        ("masks", ["text", "text"]),
    ],
)
def test_shapes_that_disagree_are_refused(pair, tmp_path, field, value):
    path = tmp_path / "result.json"
    write_result(path, pair)
    fields = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**fields, field: value}), encoding="utf-8")
    with pytest.raises(ValueError, match="image's shape"):
        read_result(path)


def test_category_ids_may_be_a_list_or_equal_the_class_ids(pair):
    by_list = coco_results(pair, 3, [0, 10, 20])
    assert [result["category_id"] for result in by_list] == [10, 20]
    as_is = coco_results(pair, 3, None)
    assert [result["category_id"] for result in as_is] == [1, 2]


def test_boxes_turn_into_corner_and_sides(pair):
    assert coco_results(pair, 3, None)[0]["bbox"] == [2, 1, 5, 2]
