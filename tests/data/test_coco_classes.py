import json

from mrcnn.data.coco_classes import COCO_CLASS_NAMES


def test_there_are_80_different_names():
    assert len(set(COCO_CLASS_NAMES)) == 80


def test_they_are_cocos_categories_in_order(data_folder):
    text = (data_folder / "coco_tiny" / "instances_val.json").read_text()
    categories = sorted(json.loads(text)["categories"], key=lambda one: one["id"])
    assert [one["name"] for one in categories] == list(COCO_CLASS_NAMES)
