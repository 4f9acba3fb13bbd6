import json
import logging

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.readers.via import ViaDataset
from mrcnn.geometry.masks import mask_bounds


def rect(x, y, width, height, **attributes):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": attributes}


POINT = {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}}


@pytest.fixture
def write(tmp_path):
    """Writes a VIA file of images given by name, each with its regions."""

    def write_file(files, missing=()):
        content = {}
        for name, regions in files.items():
            if name not in missing:
                Image.new("RGB", (12, 9)).save(tmp_path / name)
            content[name + "77"] = {"filename": name, "size": 77, "regions": regions}
        (tmp_path / "via.json").write_text(json.dumps(content))
        return tmp_path / "via.json"

    return write_file


def test_regions_become_instances(write):
    path = write(
        {"a.png": [rect(1, 2, 3, 4, kind="cat"), rect(0, 0, 2, 2, kind="ant")]}
    )
    dataset = ViaDataset.from_path(path)
    assert dataset.class_names == ["BG", "ant", "cat"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [2, 1]
    assert mask_bounds(masks).tolist() == [[2, 1, 6, 4], [0, 0, 2, 2]]
    assert dataset.load_image(0).shape == (9, 12, 3)


def test_without_attributes_there_is_one_class(write):
    path = write({"a.png": [rect(1, 2, 3, 4)]})
    assert ViaDataset.from_path(path).class_names == ["BG", "object"]
    named = ViaDataset.from_path(path, class_names=["balloon"])
    assert named.class_names == ["BG", "balloon"]
    assert named.load_mask(0)[1].tolist() == [1]


def test_without_attributes_two_classes_cannot_be_told_apart(write):
    path = write({"a.png": [rect(1, 2, 3, 4)]})
    with pytest.raises(ValueError, match=r"no attribute.*\['cat', 'dog'\] apart"):
        ViaDataset.from_path(path, class_names=["cat", "dog"])


def test_among_several_attributes_one_must_be_chosen(write):
    path = write({"a.png": [rect(1, 2, 3, 4, kind="cat", colour="red")]})
    with pytest.raises(ValueError, match=r"\['colour', 'kind'\].*class_attribute="):
        ViaDataset.from_path(path)
    dataset = ViaDataset()
    dataset.load_via(path, class_attribute="colour")
    dataset.prepare()
    assert dataset.class_names == ["BG", "red"]


def test_what_has_no_area_or_class_is_counted(write, caplog):
    regions = [POINT, rect(1, 2, 3, 4, kind="cat"), rect(1, 2, 3, 4, kind="")]
    path = write({"a.png": regions, "b.png": regions}, missing=["b.png"])
    with caplog.at_level(logging.WARNING, "mrcnn"):
        dataset = ViaDataset.from_path(path)
    assert dataset.left_out == {
        "regions of shape point": 2,
        "regions without 'kind'": 2,
        "images without a file": 1,
    }
    assert "2 regions of shape point" in caplog.text
    assert len(dataset.load_mask(0)[1]) == 1


def test_images_without_regions_are_kept_on_demand(write):
    path = write({"a.png": [rect(1, 2, 3, 4)], "b.png": []})
    dataset = ViaDataset.from_path(path)
    assert dataset.num_images == 1
    assert dataset.left_out == {"images without regions": 1}
    dataset = ViaDataset()
    dataset.load_via(path, keep_empty=True)
    dataset.prepare()
    assert dataset.load_mask(1)[0].shape == (9, 12, 0)


def test_without_any_image_the_folder_is_asked_for(write):
    path = write({"a.png": [rect(1, 2, 3, 4)]}, missing=["a.png"])
    with pytest.raises(
        FileNotFoundError, match=r"None of the 1.*'a\.png'.*image_folder"
    ):
        ViaDataset.from_path(path)


def test_images_may_lie_elsewhere(write, tmp_path):
    path = write({"a.png": [rect(1, 2, 3, 4)]}, missing=["a.png"])
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (5, 4)).save(tmp_path / "pictures" / "a.png")
    dataset = ViaDataset.from_path(path, tmp_path / "pictures")
    assert dataset.load_mask(0)[0].shape == (4, 5, 1)


def test_version_3_projects_are_read(tmp_path):
    Image.new("RGB", (12, 9)).save(tmp_path / "a.png")
    content = {
        "attribute": {"1": {"aname": "kind", "options": {"0": "cat"}}},
        "file": {"1": {"fname": "a.png", "src": "a.png"}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {"1_x": {"vid": "1", "xy": [2, 1, 2, 3, 4], "av": {"1": "0"}}},
    }
    (tmp_path / "via.json").write_text(json.dumps(content))
    dataset = ViaDataset.from_path(tmp_path / "via.json")
    assert dataset.class_names == ["BG", "cat"]
    assert mask_bounds(dataset.load_mask(0)[0]).tolist() == [[2, 1, 6, 4]]


def test_other_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"shapes": []}')
    with pytest.raises(ValueError, match=r"a\.json' is not a VIA file"):
        ViaDataset.from_path(tmp_path / "a.json")


def balloons(data_folder, part):
    path = data_folder / "balloon_native" / part / "via_region_data.json"
    dataset = ViaDataset.from_path(path, class_names=["balloon"])
    return dataset, json.loads(path.read_text())


def test_all_real_balloons_are_read(data_folder):
    for part, images in [("train", 43), ("val", 9)]:
        dataset, content = balloons(data_folder, part)
        assert dataset.num_images == len(content) == images
        assert dataset.class_names == ["BG", "balloon"]
        for info, entry in zip(dataset.image_info, content.values(), strict=True):
            assert info["id"] == entry["filename"]
            assert len(info["annotations"]) == len(entry["regions"])


def test_real_balloons_on_the_border_are_cut_there(data_folder):
    on_border = 0
    for part in ("train", "val"):
        dataset, _ = balloons(data_folder, part)
        for image_id, info in enumerate(dataset.image_info):
            sides = [info["width"], info["height"]]
            outlines = [
                np.reshape(annotation["segmentation"][0], (-1, 2))
                for annotation in info["annotations"]
            ]
            touching = [(corners >= sides).any() for corners in outlines]
            if not any(touching):
                continue
            on_border += sum(touching)
            masks, class_ids = dataset.load_mask(image_id)
            assert len(class_ids) == len(outlines)
            for corners, box in zip(outlines, mask_bounds(masks), strict=True):
                # The mask reaches its outline's corners, to within a pixel.
                first, last = (
                    corners.min(axis=0),
                    np.minimum(corners.max(axis=0), sides),
                )
                assert abs(box[[1, 0]] - first).max() <= 1
                assert abs(box[[3, 2]] - last).max() <= 1
    assert on_border == 9
