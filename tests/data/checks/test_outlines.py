import pytest

from mrcnn.data.checks.outlines import outline_problems
from mrcnn.data.readers.outlines import rectangle


def problems(*annotations, height=10, width=20):
    info = {"height": height, "width": width, "annotations": list(annotations)}
    return list(outline_problems(info))


def polygon(*corners, **values):
    return {"segmentation": [list(corners)], **values}


def test_a_rectangle_inside_is_sound():
    assert problems({"segmentation": [rectangle(0, 0, 20, 10)]}) == []
    assert problems({"segmentation": rectangle(2, 2, 5, 5), "bbox": [2, 2, 3, 3]}) == []


def test_the_instance_is_named_by_place_and_id():
    [(kind, message)] = problems(
        {"segmentation": [rectangle(2, 2, 5, 5)]},
        polygon(1, 1, 2, 2, id=77),
    )
    assert kind == "degenerate outline"
    assert message.startswith("Instance 1 (id 77) has 2 corners")


@pytest.mark.parametrize(
    ("x", "kinds"),
    [
        (16, []),
        (17, []),  # one pixel over the edge is within the tolerance
        (18, ["partly outside the image"]),
        (20, ["outside the image"]),
        (-4, ["outside the image"]),
        (-3, ["partly outside the image"]),
    ],
)
def test_how_far_outside_an_outline_lies(x, kinds):
    found = problems({"segmentation": [rectangle(x, 2, x + 4, 6)]})
    assert [kind for kind, _ in found] == kinds


def test_a_part_without_area_does_not_matter_beside_a_sound_one():
    sound = rectangle(2, 2, 8, 8)
    assert problems({"segmentation": [sound, [1, 1, 2, 2]]}) == []
    [(kind, _)] = problems({"segmentation": [[1, 1, 5, 5, 9, 9]]})
    assert kind == "degenerate outline"


@pytest.mark.parametrize("box", [[1, 1, 0, 5], [1, 1, 5], [1, 1, 5, float("nan")]])
def test_a_box_needs_four_numbers_and_an_area(box):
    [(kind, message)] = problems(polygon(*rectangle(1, 1, 6, 6), bbox=box))
    assert kind == "degenerate box"
    assert str(box) in message


def test_a_box_of_corners_in_place_of_sides_disagrees():
    outline = rectangle(10, 5, 13, 8)
    assert problems(polygon(*outline, bbox=[10, 5, 3, 3])) == []
    # Rounded outwards by a pixel each way it still means the same.
    assert problems(polygon(*outline, bbox=[9, 4, 5, 5])) == []
    [(kind, _)] = problems(polygon(*outline, bbox=[10, 5, 13, 8]))
    assert kind == "box and outline disagree"


def test_a_crowd_may_be_coded_for_another_size():
    rle = {"size": [4, 4], "counts": [3, 13]}
    assert problems({"segmentation": rle, "iscrowd": 1}) == []
    [(kind, _)] = problems({"segmentation": rle})
    assert kind == "annotated at another size"


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"annotations": [polygon(1, 1)]},
        {"annotations": "a.json", "height": 4, "width": 4},
        {"annotations": ["a", {"x": 1}], "height": 4, "width": 4},
        {"annotations": [{"segmentation": [["a"]]}], "height": 4, "width": 4},
        {"annotations": [{"segmentation": {"counts": []}}], "height": 4, "width": 4},
    ],
)
def test_what_is_no_annotation_is_left_alone(info):
    assert list(outline_problems(info)) == []
