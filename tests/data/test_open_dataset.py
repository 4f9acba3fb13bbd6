import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.coco_writer import write_coco
from mrcnn.data.open_dataset import open_dataset
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.readers.labelme import LabelmeDataset
from mrcnn.data.readers.mask_files import MaskFilesDataset
from mrcnn.data.readers.via import ViaDataset
from mrcnn.data.readers.voc import VocDataset
from mrcnn.data.shapes import ShapesDataset


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def coco_file(folder, name="coco.json"):
    shapes = ShapesDataset()
    shapes.load_shapes(2, 32, 32)
    shapes.prepare()
    write_coco(shapes, folder / name, image_folder=folder / "images")
    return folder / name


def via_file(folder):
    box = {"name": "rect", "x": 0, "y": 0, "width": 2, "height": 2}
    region = {"shape_attributes": box, "region_attributes": {"kind": "cat"}}
    content = {"a": {"filename": "a.png", "regions": [region]}}
    (folder / "via.json").write_text(json.dumps(content))
    return folder / "via.json"


def labelme_file(folder, name="a"):
    shape = {"label": "cat", "points": [[0, 0], [4, 0], [4, 4]]}
    content = {"shapes": [shape], "imagePath": "a.png", "imageData": None}
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / f"{name}.json"


def voc_folder(folder):
    box = "<xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>"
    thing = f"<object><name>cat</name><bndbox>{box}</bndbox></object>"
    (folder / "a.xml").write_text(f"<annotation>{thing}</annotation>")
    return folder


def id_maps(folder):
    for name in ("images", "masks"):
        (folder / name).mkdir()
        Image.fromarray(np.eye(4, dtype="uint8")).save(folder / name / "a.png")
    return folder


def mask_folders(folder):
    root = folder / "stage1_train" / "x"
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
        Image.fromarray(np.eye(4, dtype="uint8")).save(root / name / f"{name}.png")
    return folder


@pytest.mark.parametrize(
    ("make", "kind", "class_names"),
    [
        (coco_file, CocoDataset, ["square", "circle", "triangle"]),
        (via_file, ViaDataset, ["cat"]),
        (labelme_file, LabelmeDataset, ["cat"]),
        (voc_folder, VocDataset, ["cat"]),
        (id_maps, MaskFilesDataset, ["object"]),
        (mask_folders, MaskFilesDataset, ["object"]),
    ],
)
def test_formats_are_recognised_by_content(picture, make, kind, class_names):
    folder = picture.parent
    for path in {make(folder), folder}:
        dataset = open_dataset(path)
        assert type(dataset) is kind
        assert dataset.class_names == ["BG", *class_names]
        masks, class_ids = dataset.load_mask(0)
        assert masks.shape[-1] == len(class_ids) >= 1
        assert dataset.load_image(0).shape[:2] == masks.shape[:2]


def coco_without_sizes(folder):
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return folder / "coco.json"


def labelme_masks(folder):
    mask = {"label": "cat", "points": [[0, 0], [1, 1]], "shape_type": "mask"}
    content = {"shapes": [{**mask, "mask": ""}], "imagePath": "a.png"}
    (folder / "a.json").write_text(json.dumps(content))
    return folder / "a.json"


def labelme_copy(folder):
    path = labelme_file(folder)
    content = {**json.loads(path.read_text()), "imageData": "bm9uZQ=="}
    path.write_text(json.dumps({**content, "imagePath": "elsewhere.png"}))
    return path


@pytest.mark.parametrize(
    ("make", "class_name"),
    [
        (coco_without_sizes, "cat"),
        (via_file, "cat"),
        (labelme_file, "cat"),
        (labelme_masks, "cat"),
        (labelme_copy, "cat"),
        (voc_folder, "cat"),
        (id_maps, "object"),
    ],
)
def test_an_image_whose_header_is_destroyed_is_a_finding(picture, make, class_name):
    path = make(picture.parent)
    for image in picture.parent.rglob("a.png"):
        image.write_bytes(b"no picture at all")
    dataset = open_dataset(path)
    assert dataset.class_names == ["BG", class_name]
    findings = {finding.kind: finding for finding in dataset.check().findings}
    assert findings["unreadable image"].image_id == 0
    with pytest.raises(OSError, match=r"a\.(png|json)"):
        dataset.load_mask(0)


@pytest.mark.parametrize("make", [via_file, labelme_file, voc_folder])
def test_given_class_names_decide_the_ids(picture, make):
    dataset = open_dataset(make(picture.parent), class_names=("bear", "cat"))
    assert dataset.class_names == ["BG", "bear", "cat"]
    assert dataset.load_mask(0)[1].tolist() == [2]


def test_given_class_names_hold_for_coco_too(tmp_path):
    dataset = open_dataset(coco_file(tmp_path), ["triangle", "bear"])
    assert dataset.class_names == ["BG", "triangle", "bear"]


def test_mask_files_take_one_class_name(tmp_path):
    folder = id_maps(tmp_path)
    assert open_dataset(folder, ["leaf"]).class_names == ["BG", "leaf"]
    with pytest.raises(ValueError, match=r"class_names names 2.*load_id_maps"):
        open_dataset(folder, ["leaf", "stem"])


def test_many_labelme_files_are_one_dataset(picture):
    labelme_file(picture.parent, "b")
    labelme_file(picture.parent, "c")
    assert open_dataset(picture.parent).num_images == 2


def test_more_than_one_dataset_is_refused_with_their_names(tmp_path):
    coco_file(tmp_path, "train.json")
    coco_file(tmp_path, "val.json")
    with pytest.raises(ValueError, match=r"train\.json.*val\.json.*Name one"):
        open_dataset(tmp_path)


def test_nothing_recognised_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.json").write_text("[1, 2")
    (tmp_path / "notes.xml").write_text("<html/>")
    with pytest.raises(ValueError, match="No dataset was recognised") as error:
        open_dataset(tmp_path)
    for word in ("COCO", "VGG", "labelme", "Pascal VOC", "masks"):
        assert word in str(error.value)


def test_datasets_in_folders_inside_are_pointed_out(picture):
    for name in ("train", "val"):
        (picture.parent / name).mkdir()
        via_file(picture.parent / name)
    with pytest.raises(ValueError, match=r"\['train', 'val'\] hold datasets"):
        open_dataset(picture.parent)


def test_a_damaged_json_and_a_missing_path_are_named(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2")
    with pytest.raises(ValueError, match=r"a\.json' is not a json file"):
        open_dataset(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_dataset(tmp_path / "nowhere")


def test_real_sets_are_recognised(data_folder):
    expected = {
        "balloon_native/val": (ViaDataset, 9),
        "nucleus_native": (MaskFilesDataset, 140),
        "fruits_nuts/instances_val.json": (CocoDataset, 3),
    }
    for name, (kind, num_images) in expected.items():
        dataset = open_dataset(data_folder / name)
        assert (type(dataset), dataset.num_images) == (kind, num_images)
