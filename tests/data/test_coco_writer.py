import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.coco_writer import write_coco
from mrcnn.data.dataset import Dataset
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.readers.mask_files import MaskFilesDataset
from mrcnn.data.readers.via import ViaDataset
from mrcnn.data.shapes import ShapesDataset


class Drawn(Dataset):
    """One image of 6 x 8 pixels without a file: a ring, a crowd, nothing."""

    channel_count = 1

    def __init__(self):
        super().__init__()
        self.add_class("drawn", "r", "ring")
        self.add_class("drawn", "c", "crowd, many")
        self.add_image("drawn", 0, None)
        self.prepare()

    def load_image(self, image_id):
        return np.arange(48, dtype="uint8").reshape(6, 8, 1)

    def load_mask(self, image_id):
        masks = np.zeros((6, 8, 3), "uint8")
        masks[1:5, 2:7, 0] = 1
        masks[2:4, 3:6, 0] = 0
        masks[:, 0, 1] = 255
        return masks, [1, -2, 1]


def assert_same(dataset, copy, ids=None):
    """Images in order, classes by name, masks and class ids are equal."""
    assert copy.class_names == dataset.class_names
    assert copy.num_images == dataset.num_images
    for image_id in dataset.image_ids if ids is None else ids:
        masks, class_ids = dataset.load_mask(image_id)
        copy_masks, copy_class_ids = copy.load_mask(image_id)
        np.testing.assert_array_equal(copy_masks, masks)
        np.testing.assert_array_equal(copy_class_ids, class_ids)
        np.testing.assert_array_equal(
            copy.load_image(image_id), dataset.load_image(image_id)
        )


@pytest.mark.parametrize("use_polygons", [True, False])
def test_reading_back_gives_the_same_dataset(tmp_path, use_polygons):
    shapes = ShapesDataset()
    shapes.load_shapes(5, 64, 80)
    shapes.prepare()
    path = tmp_path / "out" / "shapes.json"
    write_coco(
        shapes, path, image_folder=tmp_path / "images", use_polygons=use_polygons
    )
    assert_same(shapes, CocoDataset.from_path(path))
    first = json.loads(path.read_text())["annotations"][0]
    assert isinstance(first["segmentation"], list) == use_polygons


def test_every_number_of_an_annotation_is_right(tmp_path):
    write_coco(Drawn(), tmp_path / "a.json", image_folder=tmp_path)
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["categories"] == [
        {"id": 1, "name": "ring"},
        {"id": 2, "name": "crowd"},
    ]
    assert content["images"] == [
        {"id": 1, "file_name": "000000.png", "height": 6, "width": 8}
    ]
    ring, crowd = content["annotations"]
    assert (ring["area"], ring["bbox"], ring["iscrowd"]) == (14, [2, 1, 5, 4], 0)
    assert (crowd["area"], crowd["bbox"], crowd["iscrowd"]) == (6, [0, 0, 1, 6], 1)
    assert (ring["id"], ring["image_id"], ring["category_id"]) == (1, 1, 1)
    assert (crowd["id"], crowd["category_id"]) == (2, 2)
    assert coco_mask.area(crowd["segmentation"]) == 6


def test_holes_and_crowds_survive(tmp_path):
    write_coco(Drawn(), tmp_path / "a.json", image_folder=tmp_path)
    copy = CocoDataset()
    copy.channel_count = 1
    copy.load_coco(tmp_path / "a.json")
    copy.prepare()
    masks, class_ids = copy.load_mask(0)
    assert class_ids.tolist() == [1, -2]
    np.testing.assert_array_equal(masks, Drawn().load_mask(0)[0][..., :2] > 0)
    np.testing.assert_array_equal(copy.load_image(0), Drawn().load_image(0))


def test_images_without_a_file_need_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"image 0 \(drawn\.0\).*image_folder="):
        write_coco(Drawn(), tmp_path / "a.json")


def test_real_sets_survive_and_their_images_stay_where_they_are(data_folder, tmp_path):
    originals = [
        CocoDataset.from_path(data_folder / "coco_tiny" / "instances_val.json"),
        ViaDataset.from_path(
            data_folder / "balloon_native" / "val" / "via_region_data.json"
        ),
    ]
    for number, original in enumerate(originals):
        path = tmp_path / str(number) / "out.json"
        write_coco(original, path)
        assert len(list(path.parent.iterdir())) == 1
        assert_same(original, CocoDataset.from_path(path), original.image_ids[::4])


def test_real_mask_files_survive(data_folder, tmp_path):
    native = MaskFilesDataset()
    native.load_mask_folders(data_folder / "nucleus_native" / "stage1_train")
    native.image_info = native.image_info[::40]
    native.prepare()
    write_coco(native, tmp_path / "out.json")
    assert_same(native, CocoDataset.from_path(tmp_path / "out.json"))
