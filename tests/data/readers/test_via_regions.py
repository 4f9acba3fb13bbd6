import math

import pytest

from mrcnn.data.readers.outlines import ellipse, rectangle
from mrcnn.data.readers.via_regions import is_via, via_images


def shape(**attributes):
    return {"shape_attributes": attributes, "region_attributes": {}}


def regions_of(*regions):
    entry = {"filename": "a.jpg", "regions": list(regions)}
    return via_images({"a.jpg100": entry})[0].regions


@pytest.mark.parametrize(
    ("attributes", "outline"),
    [
        (
            {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [4, 5, 6]},
            [1, 4, 2, 5, 3, 6],
        ),
        (
            {"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [4, 5, 6]},
            [1, 4, 2, 5, 3, 6],
        ),
        (
            {"name": "rect", "x": 2, "y": 3, "width": 4, "height": 1},
            rectangle(2, 3, 6, 4),
        ),
        ({"name": "circle", "cx": 9, "cy": 8, "r": 4}, ellipse(9, 8, 4, 4)),
        (
            {"name": "ellipse", "cx": 9, "cy": 8, "rx": 4, "ry": 2, "theta": 0.5},
            ellipse(9, 8, 4, 2, 0.5),
        ),
        (
            {"name": "ellipse", "cx": 9, "cy": 8, "rx": 4, "ry": 2},
            ellipse(9, 8, 4, 2),
        ),
        ({"name": "point", "cx": 9, "cy": 8}, None),
        (
            {"name": "polyline", "all_points_x": [1, 2], "all_points_y": [4, 5]},
            None,
        ),
        ({}, None),
    ],
)
def test_shapes_become_polygons(attributes, outline):
    (region,) = regions_of(shape(**attributes))
    assert region.outline == outline
    assert region.shape_name == attributes.get("name", "unnamed")


@pytest.mark.parametrize(
    "damaged",
    [
        {"name": "rect", "x": 1, "y": 2},
        {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]},
        {"name": "circle", "cx": "left", "cy": 1, "r": None},
    ],
)
def test_a_damaged_region_is_named_with_its_image(damaged):
    with pytest.raises(ValueError, match=r"image 'a\.jpg' is damaged"):
        regions_of(shape(**damaged))


def test_a_damaged_region_of_version_3_is_named_with_its_view():
    with pytest.raises(ValueError, match=r"view 1' is damaged"):
        via_images(version_3(entry([2, 1, 1])))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("cat", "cat"),
        (" cat ", "cat"),
        (3, "3"),
        ("", None),
        (None, None),
        ({"cat": True}, "cat"),
        ({"cat": True, "dog": False}, "cat"),
        ({"cat": True, "dog": True}, None),
        ({}, None),
    ],
)
def test_attribute_values_are_texts_and_empty_ones_left_out(value, text):
    region = shape(name="point")
    region["region_attributes"] = {"kind": value}
    assert regions_of(region)[0].attributes.get("kind") == text


def test_regions_may_be_an_object_a_list_or_inside_a_project():
    region = shape(name="rect", x=0, y=0, width=2, height=2)
    version_1 = {"a": {"filename": "a.jpg", "regions": {"0": region, "1": region}}}
    version_2 = {"a": {"filename": "a.jpg", "regions": [region, region]}}
    project = {"_via_settings": {}, "_via_img_metadata": version_2}
    assert via_images(version_1) == via_images(version_2) == via_images(project)
    assert len(via_images(version_1)[0].regions) == 2


def version_3(*entries):
    return {
        "project": {"pid": "x"},
        "attribute": {
            "1": {"aname": "kind", "type": 4, "options": {"0": "cat", "1": "dog"}},
            "2": {"aname": "note", "type": 1, "options": {}},
        },
        "file": {
            "1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "b.jpg", "type": 2, "loc": 1, "src": ""},
        },
        "view": {"1": {"fid_list": ["2"]}, "2": {"fid_list": ["1"]}},
        "metadata": {str(i): entry for i, entry in enumerate(entries)},
    }


def entry(xy, view="1", **values):
    return {"vid": view, "flg": 0, "z": [], "xy": xy, "av": values}


@pytest.mark.parametrize(
    ("numbers", "name", "outline"),
    [
        ([2, 2, 3, 4, 1], "rect", rectangle(2, 3, 6, 4)),
        ([3, 9, 8, 4], "circle", ellipse(9, 8, 4, 4)),
        ([4, 9, 8, 4, 2], "ellipse", ellipse(9, 8, 4, 2)),
        ([6, 1, 4, 2, 5, 3, 6], "polyline", [1, 4, 2, 5, 3, 6]),
        ([7, 1, 4, 2, 5, 3, 6], "polygon", [1, 4, 2, 5, 3, 6]),
        ([8, 3, 0, 9, 4, 5, 7, 1, 2], "extreme_rect", rectangle(1, 0, 9, 7)),
        ([9, 5, 0, 10, 5, 5, 10], "extreme_circle", ellipse(5, 5, 5, 5)),
        ([9, 0, 0, 1, 1, 2, 2], "extreme_circle", None),
        ([1, 5, 5], "point", None),
        ([5, 1, 1, 4, 4], "line", None),
        ([17, 1], "number 17", None),
    ],
)
def test_numbered_shapes_of_version_3_become_polygons(numbers, name, outline):
    content = version_3(entry(numbers))
    (region,) = via_images(content)[0].regions
    assert region.shape_name == name
    if outline is None:
        assert region.outline is None
    else:
        assert region.outline == pytest.approx(outline)


def test_version_3_regions_go_to_the_file_of_their_view():
    content = version_3(entry([2, 0, 0, 2, 2]), entry([2, 1, 1, 2, 2], view="2"))
    first, second = via_images(content)
    assert (first.file_name, second.file_name) == ("b.jpg", "a.jpg")
    assert first.regions[0].outline == rectangle(0, 0, 2, 2)
    assert second.regions[0].outline == rectangle(1, 1, 3, 3)


def test_version_3_attributes_are_looked_up_among_their_options():
    content = version_3(entry([1, 5, 5], **{"1": "1", "2": "my dog"}))
    expected = {"kind": "dog", "note": "my dog"}
    assert via_images(content)[0].regions[0].attributes == expected


def test_version_3_entries_about_the_whole_file_are_no_regions():
    assert via_images(version_3(entry([], **{"1": "0"})))[0].regions == []


def test_via_is_told_from_other_json():
    assert is_via({"a": {"filename": "a.jpg", "regions": []}})
    assert is_via({"_via_img_metadata": {}})
    assert is_via(version_3())
    for other in ([], {}, {"a": 1}, {"images": [], "annotations": []}):
        assert not is_via(other)


def test_a_circle_through_three_points_is_round():
    content = version_3(entry([9, 13, 4, 10, 7, 7, 4]))
    outline = via_images(content)[0].regions[0].outline
    xs, ys = outline[0::2], outline[1::2]
    for x, y in zip(xs, ys, strict=True):
        assert math.hypot(x - 10, y - 4) == pytest.approx(3)
