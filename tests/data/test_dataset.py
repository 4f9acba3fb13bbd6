import copy
import json
import logging
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.dataset import Dataset, clean_name

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture
def dataset():
    dataset = Dataset()
    dataset.add_class("shop", 7, "apple, red")
    dataset.add_class("zoo", 3, "bear")
    dataset.add_class("shop", 9, "cherry")
    dataset.add_image("shop", "a1", "shelf/a1.png", weight=3)
    dataset.add_image("zoo", 12, "cage/12.png")
    dataset.prepare()
    return dataset


def test_every_public_name_of_the_interface_is_there(dataset):
    content = json.loads((FIXTURES / "api.json").read_text())
    expected = content["modules"]["mrcnn.utils"]["classes"]["Dataset"]
    for name in [*expected["methods"], *expected["properties"]]:
        assert hasattr(Dataset, name), name
    for name in expected["instance_attributes"]:
        assert name in vars(dataset), name


def test_proposals_are_those_that_an_image_was_added_with(dataset):
    dataset.add_image("zoo", 13, None, proposals=[[0, 1, 2, 3]])
    assert dataset.load_proposals(2) == [[0, 1, 2, 3]]
    with pytest.raises(ValueError, match=r"image 1 \(zoo.12, .*RPN_BRANCH = False"):
        dataset.load_proposals(1)


def test_proposals_can_be_added_by_the_ids_of_images(dataset, tmp_path):
    dataset.add_proposals({"a1": [[0, 1, 2, 3]]})
    assert dataset.load_proposals(0) == [[0, 1, 2, 3]]
    assert len(dataset.load_proposals(1)) == 0
    path = tmp_path / "proposals.json"
    path.write_text(json.dumps([{"image_id": 12, "bbox": [5, 6, 7, 8], "score": 1}]))
    dataset.add_proposals(path)
    assert len(dataset.load_proposals(0)) == 0
    assert dataset.load_proposals(1).tolist() == [[6, 5, 14, 12]]


def test_proposals_of_other_images_are_refused(dataset):
    with pytest.raises(ValueError, match=r"images \['a2'\]….*\['12', 'a1'\]…"):
        dataset.add_proposals({"a2": []})
    dataset.add_image("shop", 12, None)
    with pytest.raises(ValueError, match="the same id"):
        dataset.add_proposals({12: []})


def test_prepare_numbers_classes_and_images(dataset):
    assert dataset.num_classes == 4
    assert dataset.class_ids.tolist() == [0, 1, 2, 3]
    assert dataset.class_names == ["BG", "apple", "bear", "cherry"]
    assert dataset.num_images == 2
    assert dataset.image_ids.tolist() == [0, 1]
    assert dataset.class_from_source_map == {
        ".0": 0,
        "shop.7": 1,
        "zoo.3": 2,
        "shop.9": 3,
    }
    assert dataset.image_from_source_map == {"shop.a1": 0, "zoo.12": 1}
    assert dataset.sources == ["", "shop", "zoo"]
    assert dataset.source_class_ids == {"": [0], "shop": [0, 1, 3], "zoo": [0, 2]}


def test_image_info_keeps_what_add_image_was_told(dataset):
    expected = {"id": "a1", "source": "shop", "path": "shelf/a1.png", "weight": 3}
    assert dataset.image_info[0] == expected
    assert dataset.source_image_link(1) == "cage/12.png"
    assert dataset.image_reference(1) == ""


def test_a_class_is_added_once(dataset):
    dataset.add_class("shop", 7, "again")
    assert len(dataset.class_info) == 4
    assert dataset.class_info[0] == {"source": "", "id": 0, "name": "BG"}


def test_classes_are_found_by_source_and_back(dataset):
    assert dataset.map_source_class_id("zoo.3") == 2
    assert dataset.get_source_class_id(2, "zoo") == 3
    with pytest.raises(ValueError, match=r"zoo\.4.*'shop\.7'.*add_class"):
        dataset.map_source_class_id("zoo.4")
    with pytest.raises(ValueError, match="comes from the source 'zoo'"):
        dataset.get_source_class_id(2, "shop")


def test_a_dot_in_a_source_is_refused():
    with pytest.raises(ValueError, match="holds a dot"):
        Dataset().add_class("v1.0", 1, "cat")


def test_the_name_ends_at_the_first_comma():
    assert clean_name("apple, red, ripe") == "apple"
    assert clean_name("apple") == "apple"


def test_old_ways_to_construct_are_tolerated():
    class Shop(Dataset):
        def __init__(self):
            super().__init__(self)

    shop = Shop()
    shop.prepare(shop)
    assert shop.class_names == ["BG"]
    assert len(shop.image_ids) == 0
    assert Dataset("a class map").image_info == []


def test_forgetting_prepare_is_said():
    dataset = Dataset()
    assert len(dataset.image_ids) == 0
    dataset.add_class("shop", 1, "apple")
    dataset.add_image("shop", 1, "a.png")
    with pytest.raises(ValueError, match=r"dataset\.prepare\(\)"):
        _ = dataset.image_ids
    with pytest.raises(AttributeError, match=r"set by prepare\(\)"):
        _ = dataset.class_names
    with pytest.raises(AttributeError, match=r"set by prepare\(\)"):
        dataset.map_source_class_id("shop.1")
    with pytest.raises(AttributeError, match="no attribute 'klass_names'"):
        _ = dataset.klass_names


def test_datasets_travel_to_other_processes(dataset):
    for twin in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert twin.class_names == dataset.class_names


def test_an_image_is_loaded_with_the_channels_asked_for(tmp_path, rng):
    rgba = rng.integers(0, 256, (5, 6, 4)).astype("uint8")
    Image.fromarray(rgba).save(tmp_path / "a.png")
    dataset = Dataset()
    dataset.add_image("shop", 1, tmp_path / "a.png")
    dataset.prepare()
    np.testing.assert_array_equal(dataset.load_image(0), rgba[..., :3])
    dataset.channel_count = 4
    np.testing.assert_array_equal(dataset.load_image(0), rgba)


def test_a_missing_image_is_named_with_path_id_and_remedy(dataset):
    with pytest.raises(
        FileNotFoundError, match=r"cage/12\.png.*image 1 \(zoo\.12.*restore the file"
    ):
        dataset.load_image(1)


def test_an_image_without_a_path_needs_load_image():
    dataset = Dataset()
    dataset.add_image("drawn", 5, None)
    with pytest.raises(ValueError, match=r"image 0 \(drawn\.5\).*override load_image"):
        dataset.load_image(0)


def test_an_image_id_out_of_range_is_said(dataset):
    with pytest.raises(ValueError, match=r"no image 12.*0 to 1.*image_from_source"):
        dataset.load_image(12)


def test_without_load_mask_there_is_no_instance(dataset, caplog):
    with caplog.at_level(logging.WARNING, "mrcnn"):
        masks, class_ids = dataset.load_mask(1)
    assert masks.shape == (0, 0, 0)
    assert class_ids.shape == (0,)
    assert class_ids.dtype == "int32"
    assert "zoo.12" in caplog.text


def test_importing_the_room_loads_no_framework():
    code = (
        "import sys, mrcnn.data.open_dataset, mrcnn.data.coco_writer, "
        "mrcnn.data.shapes, mrcnn.data.combined; "
        "heavy = {'tensorflow', 'keras', 'skimage', 'PIL', 'matplotlib'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parent.parent.parent
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root
    )
    assert result.stdout.strip() == "[]", result.stderr
