import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from mrcnn.inference.coco_files import CocoFile, id_map
from mrcnn.inference.results import Instances


@pytest.fixture
def instances():
    """A cat, and a dog of a higher score over its right half, in 4 x 6 pixels."""
    masks = np.zeros((4, 6, 2), bool)
    masks[1:3, 0:4, 0] = True
    masks[1:3, 2:6, 1] = True
    return Instances.from_masks(None, [1, 2], [0.5, 0.9], masks)


def test_the_json_opens_in_pycocotools_and_its_annotations_are_results(
    instances, tmp_path
):
    file = CocoFile(3, ["BG", "cat", "dog"])
    file.add("a.png", instances[:0])
    file.add("b.png", instances, index_in_video=7)
    file.write(tmp_path / "found.json")
    coco = COCO(tmp_path / "found.json")
    assert [one["name"] for one in coco.loadCats([1, 2])] == ["cat", "dog"]
    (image,) = coco.loadImgs([2])
    assert (image["height"], image["width"], image["index_in_video"]) == (4, 6, 7)
    cat, dog = coco.loadAnns(coco.getAnnIds(imgIds=[2]))
    assert (cat["category_id"], cat["score"], cat["area"]) == (1, 0.5, 8)
    assert dog["bbox"] == [2, 1, 4, 2]
    np.testing.assert_array_equal(coco.annToMask(dog) > 0, instances.mask(1))
    results = json.loads((tmp_path / "found.json").read_text())["annotations"]
    assert len(coco.loadRes(results).anns) == 2


def test_classes_without_names_are_numbered():
    names = [one["name"] for one in CocoFile(3, None).categories]
    assert names == ["class 1", "class 2"]


def test_in_an_id_map_the_higher_score_is_on_top(instances):
    expected = np.zeros((4, 6), int)
    expected[1:3] = [1, 1, 2, 2, 2, 2]
    ids = id_map(instances)
    assert ids.dtype == np.uint16
    np.testing.assert_array_equal(ids, expected)


def test_an_image_without_instances_is_all_zero(instances):
    assert not id_map(instances[:0]).any()
