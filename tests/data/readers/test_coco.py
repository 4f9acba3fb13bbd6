import contextlib
import io
import json
import logging

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from mrcnn.data.readers.coco import CocoDataset, is_coco
from mrcnn.geometry.mask_coding import encode_rle


@pytest.fixture
def folder(tmp_path):
    """Three images of 6 x 8 pixels; the third is named by the json only."""
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / "images" / name)
    return tmp_path


@pytest.fixture
def content():
    mask = np.zeros((6, 8), bool)
    mask[2:4, 2:5] = True
    square = [[1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0]]
    counts = [0, 6, 42]
    instances = [
        {"image_id": 30, "category_id": 5, "segmentation": square, "iscrowd": 0},
        {"image_id": 30, "category_id": 90, "segmentation": encode_rle(mask)},
        {
            "image_id": 30,
            "category_id": 5,
            "segmentation": {"size": [6, 8], "counts": counts},
            "iscrowd": 1,
        },
    ]
    return {
        "images": [
            {"id": 30, "file_name": "a.png", "height": 6, "width": 8},
            {"id": 10, "file_name": "b.png", "height": 6, "width": 8},
            {"id": 20, "file_name": "c.png", "height": 6, "width": 8},
        ],
        "annotations": [{"id": i, **entry} for i, entry in enumerate(instances)],
        "categories": [{"id": 90, "name": "dog"}, {"id": 5, "name": "cat"}],
    }


def write(folder, content):
    path = folder / "all.json"
    path.write_text(json.dumps(content))
    return path


def reference_coco(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def test_polygons_and_both_kinds_of_rle_are_read(folder, content):
    dataset = CocoDataset.from_path(write(folder, content))
    assert dataset.class_names == ["BG", "cat", "dog"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2, -1]
    assert masks.sum(axis=(0, 1)).tolist() == [6, 6, 6]
    assert masks[1:3, 1:4, 0].all()
    assert masks[2:4, 2:5, 1].all()
    # Run lengths go down the first column.
    assert masks[:, 0, 2].all()


def test_category_gaps_are_closed_and_their_ids_kept(folder, content):
    dataset = CocoDataset.from_path(write(folder, content))
    assert dataset.map_source_class_id("coco.90") == 2
    assert dataset.get_source_class_id(2, "coco") == 90


def test_images_without_instances_are_kept_and_missing_ones_reported(
    folder, content, caplog
):
    with caplog.at_level(logging.WARNING, "mrcnn"):
        dataset = CocoDataset.from_path(write(folder, content))
    assert [info["id"] for info in dataset.image_info] == [30, 10]
    assert dataset.load_mask(1)[0].shape == (6, 8, 0)
    assert dataset.left_out == {"images without a file": 1}
    assert "1 images without a file" in caplog.text


def test_without_any_image_the_folder_is_asked_for(tmp_path, content):
    path = write(tmp_path, content)
    with pytest.raises(FileNotFoundError, match=r"None of the 3.*a\.png.*image_folder"):
        CocoDataset.from_path(path)


@pytest.mark.parametrize("class_ids", [[90], ["dog"]])
def test_chosen_classes_bring_only_their_images_and_instances(
    folder, content, class_ids
):
    dataset = CocoDataset()
    dataset.load_coco(write(folder, content), class_ids=class_ids)
    dataset.prepare()
    assert dataset.class_names == ["BG", "dog"]
    assert dataset.num_images == 1
    assert dataset.load_mask(0)[1].tolist() == [1]


def test_images_that_show_no_chosen_class_may_be_kept(folder, content):
    every_image = CocoDataset.from_path(write(folder, content))
    dataset = CocoDataset.from_path(write(folder, content), class_names=["dog"])
    assert dataset.num_images == every_image.num_images > 1
    counts = [len(dataset.load_mask(i)[1]) for i in dataset.image_ids]
    assert sorted(counts) == [0] * (len(counts) - 1) + [1]


def test_chosen_classes_keep_the_order_given_and_may_have_no_instance(folder, content):
    dataset = CocoDataset.from_path(
        write(folder, content), class_names=["bear", "dog", "cat"]
    )
    assert dataset.class_names == ["BG", "bear", "dog", "cat"]
    assert dataset.load_mask(0)[1].tolist() == [3, 2, -3]


def test_an_unknown_category_id_is_refused(folder, content):
    with pytest.raises(ValueError, match=r"no category 7.*5: 'cat'"):
        CocoDataset().load_coco(write(folder, content), class_ids=[7])


def test_content_can_be_handed_in_with_the_folder(folder, content):
    dataset = CocoDataset()
    dataset.load_coco(content, folder / "images", source="pets")
    dataset.prepare()
    assert dataset.sources == ["", "pets"]
    assert dataset.load_image(0).shape == (6, 8, 3)


def test_an_instance_without_segmentation_gets_its_filled_box(folder, content):
    content["annotations"] = [
        {"image_id": 10, "category_id": 5, "bbox": [2, 1, 3, 4], "segmentation": []}
    ]
    dataset = CocoDataset.from_path(write(folder, content))
    masks, _ = dataset.load_mask(1)
    assert masks.sum() == 12
    assert masks[1:5, 2:5, 0].all()


def test_instances_that_lead_nowhere_are_counted(folder, content):
    content["annotations"] += [
        {"image_id": 77, "category_id": 5, "segmentation": [[0, 0, 1, 1, 0, 1]]},
        {"image_id": 10, "category_id": 5},
    ]
    del content["images"][2]
    dataset = CocoDataset.from_path(write(folder, content))
    assert dataset.left_out == {
        "instances of unknown images": 1,
        "instances without segmentation and box": 1,
    }


def test_missing_heights_are_taken_from_the_files(folder, content):
    for image in content["images"]:
        del image["height"]
    dataset = CocoDataset.from_path(write(folder, content))
    assert dataset.load_mask(0)[0].shape == (6, 8, 3)


def test_the_images_are_found_in_the_usual_places(tmp_path, content):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "val2017" / "a.png")
    path = tmp_path / "annotations" / "instances_val2017.json"
    path.write_text(json.dumps(content))
    assert CocoDataset.from_path(path).num_images == 1


def test_two_files_that_use_one_id_for_two_classes_are_refused(folder, content):
    dataset = CocoDataset()
    dataset.load_coco(content, folder / "images")
    content["categories"][0]["name"] = "wolf"
    with pytest.raises(ValueError, match=r"Category 90 is 'wolf'.*'dog'.*combine"):
        dataset.load_coco(content, folder / "images")


def test_images_that_would_share_one_file_are_refused(folder, content):
    content["images"][0]["file_name"] = "train/a.png"
    content["images"][1]["file_name"] = "val/a.png"
    with pytest.raises(ValueError, match=r"one file.*a\.png.*image_folder="):
        CocoDataset.from_path(write(folder, content), folder / "images")


@pytest.mark.parametrize(("kind", "key"), [("images", "id"), ("categories", "name")])
def test_incomplete_entries_are_named(folder, content, kind, key):
    del content[kind][1][key]
    with pytest.raises(ValueError, match=rf"all\.json.*'{kind}' without 'id' or"):
        CocoDataset.from_path(write(folder, content))


def test_other_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"shapes": []}')
    with pytest.raises(ValueError, match=r"a\.json is not COCO.*found \['shapes'\]"):
        CocoDataset.from_path(tmp_path / "a.json")
    assert not is_coco([])


def test_the_reference_is_the_address_if_there_is_one(folder, content):
    content["images"][0]["coco_url"] = "http://images/a.png"
    dataset = CocoDataset.from_path(write(folder, content))
    assert dataset.image_reference(0) == "http://images/a.png"
    assert dataset.image_reference(1).endswith("b.png")


@pytest.mark.parametrize(
    ("name", "images", "instances", "classes"),
    [
        ("coco_tiny/instances_train.json", 50, 470, 80),
        ("coco_tiny/instances_val.json", 50, 382, 80),
        ("fruits_nuts/instances_train.json", 10, 100, 3),
        ("nucleus/instances_val_small.json", 18, 505, 1),
    ],
)
def test_real_sets_read_as_pycocotools_reads_them(
    data_folder, name, images, instances, classes
):
    dataset = CocoDataset.from_path(data_folder / name)
    coco = reference_coco(data_folder / name)
    assert (dataset.num_images, dataset.num_classes - 1) == (images, classes)
    count = 0
    for image_id in dataset.image_ids:
        masks, class_ids = dataset.load_mask(image_id)
        count += len(class_ids)
        entries = coco.loadAnns(
            coco.getAnnIds(imgIds=dataset.image_info[image_id]["id"])
        )
        assert len(entries) == len(class_ids)
        for i, entry in enumerate(entries):
            np.testing.assert_array_equal(masks[..., i], coco.annToMask(entry))
            source_id = dataset.get_source_class_id(abs(class_ids[i]), "coco")
            assert source_id == entry["category_id"]
            assert (class_ids[i] < 0) == entry["iscrowd"]
    assert count == instances


def test_real_images_are_as_large_as_their_masks(data_folder):
    dataset = CocoDataset.from_path(data_folder / "coco_tiny" / "instances_val.json")
    for image_id in dataset.image_ids[::7]:
        image = dataset.load_image(image_id)
        assert image.shape == (*dataset.load_mask(image_id)[0].shape[:2], 3)


def test_real_crowds_and_empty_images_are_there(data_folder):
    dataset = CocoDataset.from_path(data_folder / "coco_tiny" / "instances_val.json")
    ids = [dataset.load_mask(image_id)[1] for image_id in dataset.image_ids]
    assert sum(len(class_ids) == 0 for class_ids in ids) == 2
    assert min(class_ids.min(initial=0) for class_ids in ids) < 0


def test_instances_of_categories_that_the_file_lacks_are_counted(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), "uint8")).save(tmp_path / "a.png")
    box = {"image_id": 1, "bbox": [1, 1, 4, 4]}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 8, "width": 8}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}],
        "annotations": [
            {"id": 1, "category_id": 3, **box},
            {"id": 2, "category_id": 4, **box},
            {"id": 3, "category_id": 99, **box},
        ],
    }
    dataset = CocoDataset()
    dataset.load_coco(content, tmp_path, class_ids=["cat"])
    assert dataset.left_out == {"instances of unknown categories": 1}
