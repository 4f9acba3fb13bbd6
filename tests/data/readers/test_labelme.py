import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.readers.labelme import LabelmeDataset, is_labelme
from mrcnn.geometry.masks import mask_bounds

SQUARE = [[1, 2], [4, 2], [4, 6], [1, 6]]


def shape(label, points, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def as_text(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def write(tmp_path):
    def write_file(name, shapes, image=True, data=None, image_path=None):
        if image:
            Image.new("RGB", (12, 9)).save(tmp_path / f"{name}.png")
        content = {
            "version": "5.0.1",
            "shapes": shapes,
            "imagePath": image_path or f"{name}.png",
            "imageData": data,
            "imageHeight": 9,
            "imageWidth": 12,
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return tmp_path

    return write_file


def masks_of(folder):
    return LabelmeDataset.from_path(folder).load_mask(0)[0]


def test_a_folder_of_files_is_one_dataset(write):
    write("a", [shape("cat", SQUARE)])
    folder = write("b", [shape("ant", SQUARE), shape("cat", SQUARE)])
    dataset = LabelmeDataset.from_path(folder)
    assert dataset.class_names == ["BG", "ant", "cat"]
    assert [info["id"] for info in dataset.image_info] == ["a", "b"]
    assert dataset.load_mask(0)[1].tolist() == [2]
    assert dataset.load_mask(1)[1].tolist() == [1, 2]
    assert dataset.load_image(0).shape == (9, 12, 3)


def test_one_file_is_a_dataset_too(write):
    folder = write("a", [shape("cat", SQUARE)])
    write("b", [shape("ant", SQUARE)])
    assert LabelmeDataset.from_path(folder / "a.json").class_names == ["BG", "cat"]


@pytest.mark.parametrize(
    ("points", "kind"),
    [
        (SQUARE, "polygon"),
        (SQUARE, None),
        ([[1, 2], [4, 6]], "rectangle"),
        ([[4, 6], [1, 2]], "rectangle"),
    ],
)
def test_polygons_and_rectangles_cover_their_pixels(write, points, kind):
    masks = masks_of(write("a", [shape("cat", points, kind)]))
    assert masks.sum() == 12
    assert mask_bounds(masks).tolist() == [[2, 1, 6, 4]]


def test_a_circle_goes_through_its_second_point(write):
    masks = masks_of(write("a", [shape("cat", [[6, 4], [6, 8]], "circle")]))
    assert mask_bounds(masks).tolist() == [[0, 2, 8, 10]]
    assert abs(masks.sum() - np.pi * 16) < 4


def test_shapes_of_one_group_are_one_instance(write):
    other = [[8, 0], [10, 0], [10, 2], [8, 2]]
    grouped = [shape("cat", part, group_id=1) for part in (SQUARE, other)]
    ant = shape("ant", other, group_id=1)
    dataset = LabelmeDataset.from_path(write("a", [*grouped, ant]))
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [2, 1]
    assert masks.sum(axis=(0, 1)).tolist() == [12 + 4, 4]


def test_a_mask_shape_is_read_where_its_box_lies(write):
    drawn = np.array([[255, 0], [255, 255], [0, 255]], "uint8")
    mask = shape("cat", [[10, 2], [11, 4]], "mask", mask=as_text(drawn))
    masks = masks_of(write("a", [mask]))
    np.testing.assert_array_equal(masks[2:5, 10:12, 0], drawn > 0)
    assert masks.sum() == 4


def test_a_mask_shape_that_leaves_the_image_is_cut(write):
    drawn = np.full((3, 2), 255, "uint8")
    mask = shape("cat", [[11, -1], [12, 1]], "mask", mask=as_text(drawn))
    masks = masks_of(write("a", [mask]))
    assert mask_bounds(masks).tolist() == [[0, 11, 2, 12]]


def test_lines_and_points_are_counted(write):
    shapes = [
        shape("cat", SQUARE),
        shape("cat", SQUARE[:2], "line"),
        shape("cat", SQUARE[:1], "point"),
        shape("cat", SQUARE, "linestrip"),
    ]
    dataset = LabelmeDataset.from_path(write("a", shapes))
    assert dataset.left_out == {
        "shapes of type line": 1,
        "shapes of type point": 1,
        "shapes of type linestrip": 1,
    }
    assert len(dataset.load_mask(0)[1]) == 1


def test_an_image_without_shapes_is_kept(write):
    write("a", [])
    dataset = LabelmeDataset.from_path(write("b", [shape("cat", SQUARE)]))
    assert dataset.load_mask(0)[0].shape == (9, 12, 0)


def test_paths_of_other_machines_are_understood(write):
    folder = write("a", [shape("cat", SQUARE)], image_path="..\\photos\\a.png")
    assert LabelmeDataset.from_path(folder).load_image(0).shape == (9, 12, 3)


def test_the_copy_inside_stands_in_for_a_missing_image(write, rng):
    image = rng.integers(0, 256, (9, 12, 3)).astype("uint8")
    folder = write("a", [shape("cat", SQUARE)], image=False, data=as_text(image))
    dataset = LabelmeDataset.from_path(folder)
    np.testing.assert_array_equal(dataset.load_image(0), image)
    assert dataset.load_mask(0)[0].shape == (9, 12, 1)


def test_a_damaged_copy_is_named(write):
    folder = write("a", [], image=False, data=base64.b64encode(b"no image").decode())
    dataset = LabelmeDataset.from_path(folder)
    with pytest.raises(OSError, match=r"a\.json.*'a\.png' beside it"):
        dataset.load_image(0)


def test_missing_images_and_other_files_are_counted(write):
    folder = write("a", [shape("cat", SQUARE)])
    write("b", [shape("cat", SQUARE)], image=False)
    (folder / "c.json").write_text("{}")
    dataset = LabelmeDataset.from_path(folder)
    assert dataset.left_out == {
        "images without a file": 1,
        "json files of another kind": 1,
    }
    assert dataset.num_images == 1


@pytest.mark.parametrize(
    "damaged",
    [
        {"label": "cat"},
        {"points": SQUARE},
        shape("cat", [1, 2, 3]),
        shape("cat", [[1, 2, 3], [4, 5]], "circle"),
        shape("cat", [[0, 0], [1, 1]], "mask", mask="bm9uZQ=="),
    ],
)
def test_a_damaged_shape_is_named_with_its_file(write, damaged):
    with pytest.raises(ValueError, match=r"a\.json' has a damaged shape"):
        LabelmeDataset.from_path(write("a", [damaged]))


def test_a_folder_without_labelme_files_is_refused(tmp_path):
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(ValueError, match=r"no labelme json.*another kind': 1"):
        LabelmeDataset.from_path(tmp_path)
    assert not is_labelme([])
