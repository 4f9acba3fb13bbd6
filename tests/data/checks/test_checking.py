import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.checks.checking import check_dataset, default_config
from mrcnn.data.checks.damage import KINDS
from mrcnn.data.dataset import Dataset
from mrcnn.data.open_dataset import open_dataset
from mrcnn.data.shapes import ShapesDataset
from tests.data.checks.broken_copies import (
    DAMAGES,
    NUM_IMAGES,
    SmallConfig,
    open_coco,
    write_sound_coco,
)


class Handmade(Dataset):
    """Two images whose pixels, masks and class ids are set by the test."""

    def __init__(self, image=None, masks=None, class_ids=(1,)):
        super().__init__()
        rng = np.random.default_rng(1)
        noise = rng.integers(0, 256, (2, 64, 64, 3)).astype("uint8")
        self.images = [noise[0] if image is None else image, noise[1]]
        square = np.zeros((64, 64, 1), bool)
        square[20:50, 10:40] = True
        self.masks = [(square if masks is None else masks, class_ids), (square, [2])]
        self.add_class("hand", 1, "cat")
        self.add_class("hand", 2, "dog")
        for number in (1, 2):
            self.add_image("hand", number, None)
        self.prepare()

    def load_image(self, image_id):
        return self.images[image_id]

    def load_mask(self, image_id):
        return self.masks[image_id]


def kinds_of(report):
    return {finding.kind for finding in report.findings}


@pytest.fixture
def sound(tmp_path):
    return open_coco(tmp_path, write_sound_coco(tmp_path))


def test_a_sound_dataset_has_no_finding_at_all(sound):
    report = sound.check(SmallConfig())
    assert report.findings == []
    assert report.ok
    assert (report.num_images, report.num_usable_images) == (NUM_IMAGES, NUM_IMAGES)
    assert report.class_counts == {"cat": NUM_IMAGES, "dog": NUM_IMAGES}
    assert report.images_per_class == report.class_counts
    assert report.num_instances == 2 * NUM_IMAGES
    # 30 x 28 pixels, not scaled: 128 is the longer side of image and molded image.
    np.testing.assert_allclose(report.sides, np.sqrt(30 * 28))
    np.testing.assert_allclose(report.ratios, 30 / 28)


@pytest.mark.parametrize(
    ("kind", "damage"),
    DAMAGES,
    ids=[f"{i}-{kind}" for i, (kind, _) in enumerate(DAMAGES)],
)
def test_every_damage_is_named(tmp_path, kind, damage):
    content = write_sound_coco(tmp_path)
    damage(tmp_path, content)
    report = open_coco(tmp_path, content).check(SmallConfig())
    assert kind in kinds_of(report), report
    assert report.ok == all(
        KINDS[name].severity != "error" for name in kinds_of(report)
    )
    assert json.loads(json.dumps(report.to_dict()))["counts"][kind] >= 1


def test_a_file_that_went_missing_is_named_with_its_image(sound, tmp_path):
    (tmp_path / "images" / "2.png").unlink()
    (finding,) = sound.check(SmallConfig()).findings
    assert finding.kind == "missing image file"
    assert finding.image_id == 2
    assert "coco.2" in finding.reference
    assert "2.png" in finding.message
    assert "Restore the file" in finding.remedy


SQUARE = np.zeros((64, 64, 2), bool)
SQUARE[20:40, 20:40] = True
WITH_NAN = np.where(SQUARE, np.nan, 0.0)


@pytest.mark.parametrize(
    ("kind", "handmade"),
    [
        ("wrong image values", {"image": np.full((64, 64, 3), np.nan)}),
        ("wrong image values", {"image": np.linspace(0, 1, 64 * 64 * 3)}),
        ("wrong image values", {"image": np.linspace(-9, 9, 64 * 64 * 3)}),
        ("wrong image values", {"image": np.linspace(0, 999, 64 * 64 * 3)}),
        ("wrong number of channels", {"image": np.zeros((64, 64, 5), "uint8")}),
        ("wrong image shape", {"image": np.zeros((2, 64, 64, 3), "uint8")}),
        ("wrong image shape", {"image": np.zeros((0, 64, 3), "uint8")}),
        ("wrong mask shape", {"masks": np.zeros((32, 64, 1), bool)}),
        ("wrong mask shape", {"masks": None, "class_ids": [1, 2]}),
        ("not one class id per mask", {"masks": SQUARE, "class_ids": [1]}),
        ("wrong mask values", {"masks": WITH_NAN, "class_ids": [1, 2]}),
        ("class id out of range", {"masks": SQUARE, "class_ids": [1, 3]}),
        ("class id out of range", {"masks": SQUARE, "class_ids": [0, 1]}),
        ("empty mask", {"masks": SQUARE & False, "class_ids": [1, 2]}),
        ("masks cannot be loaded", {"class_ids": 5, "masks": "nothing"}),
    ],
)
def test_what_load_image_and_load_mask_return_is_judged(kind, handmade):
    handmade = dict(handmade)
    image = handmade.get("image")
    if image is not None and image.ndim == 1:
        handmade["image"] = image.reshape(64, 64, 3)
    dataset = Handmade(**handmade)
    if kind == "wrong mask shape" and handmade["masks"] is None:
        dataset.masks[0] = (np.zeros(7), [1])
    if kind == "masks cannot be loaded":
        dataset.masks[0] = "neither masks nor class ids"
    report = dataset.check(SmallConfig())
    assert kind in kinds_of(report), report
    assert {f.image_id for f in report.findings if f.kind == kind} == {0}


def test_masks_on_their_side_are_told_apart_from_other_shapes():
    dataset = Handmade(np.full((64, 48, 3), 9, "uint8"), np.zeros((48, 64, 1), bool))
    assert "image turned on its side" in kinds_of(dataset.check(SmallConfig()))


def test_a_dataset_with_nothing_in_it_is_reported():
    dataset = Dataset()
    dataset.prepare()
    report = dataset.check()
    assert kinds_of(report) == {"no images", "no classes"}
    assert "no objects to match" in str(report)


def test_an_image_of_a_source_without_classes_is_reported():
    dataset = Handmade()
    dataset.image_info[0]["source"] = "elsewhere"
    dataset.prepare()
    assert "source without classes" in kinds_of(dataset.check(SmallConfig()))


def test_two_images_of_one_id_are_reported():
    dataset = Handmade()
    dataset.image_info[0]["id"] = 2
    assert "same image id twice" in kinds_of(dataset.check(SmallConfig()))


def test_huge_images_are_reported(monkeypatch):
    monkeypatch.setattr("mrcnn.data.checks.images.HUGE_PIXELS", 64 * 64 - 1)
    assert kinds_of(Handmade().check(SmallConfig())) == {"huge image"}


def test_sides_must_fit_the_mode_that_never_resizes():
    config = SmallConfig()
    config.IMAGE_RESIZE_MODE = "none"
    assert Handmade().check(config).ok
    dataset = Handmade(np.zeros((60, 64, 3), "uint8"), np.ones((60, 64, 1), bool))
    assert "side not divisible by 64" in kinds_of(dataset.check(config))


def test_only_the_chosen_images_are_looked_at_and_progress_is_told(sound):
    steps = []
    report = sound.check(
        SmallConfig(),
        image_ids=[3, 1],
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(1, 2), (2, 2)]
    assert report.num_images == 2
    assert set(report.image_ids) == {1, 3}


def test_without_a_config_the_dataset_decides_the_number_of_classes(sound):
    assert default_config(sound).NUM_CLASSES == 3
    report = check_dataset(sound)
    assert report.ok
    # 1024 / 128: objects are measured as the network sees them.
    np.testing.assert_allclose(report.sides, 8 * np.sqrt(30 * 28))


def test_a_wrong_config_is_an_error_of_the_caller(sound):
    class Wrong(Config):
        NUM_CLASSES = 3
        RPN_ANCHOR_STRIDE = 0

    with pytest.raises(ValueError, match="RPN_ANCHOR_STRIDE"):
        sound.check(Wrong())


def test_crops_and_other_shapes_of_images_are_measured_too():
    dataset = ShapesDataset()
    dataset.load_shapes(6, 96, 160)
    dataset.prepare()
    config = SmallConfig()
    config.NUM_CLASSES = 4
    for mode in ("crop", "pad64", "square"):
        config.IMAGE_RESIZE_MODE = mode
        report = dataset.check(config)
        assert report.ok
        assert report.num_instances > 6
        assert (report.boxes[:, 2:] > report.boxes[:, :2]).all()


def test_other_formats_are_judged_by_the_same_eyes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")
    triangle = {"label": "cat", "points": [[80, 5], [90, 5], [90, 30]]}
    content = {"shapes": [triangle], "imagePath": "a.png", "imageData": None}
    (tmp_path / "a.json").write_text(json.dumps(content))
    Image.fromarray(noise).save(tmp_path / "a.png")
    report = open_dataset(tmp_path).check()
    assert report.counts() == {
        "no instances": 1,
        "outside the image": 1,
        "no objects": 1,
    }

    circle = {"name": "circle", "cx": 60, "cy": 30, "r": 20}
    point = {"name": "point", "cx": 1, "cy": 1}
    regions = [
        {"shape_attributes": shape, "region_attributes": {"kind": "cat"}}
        for shape in (circle, point)
    ]
    via = {"a": {"filename": "a.png", "regions": regions}}
    (tmp_path / "a.json").write_text(json.dumps(via))
    assert open_dataset(tmp_path).check().counts() == {
        "partly outside the image": 1,
        "not read by design": 1,
    }


def test_mask_files_are_judged_by_the_same_eyes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")
    mask = np.zeros((64, 64), "uint8")
    mask[10:40, 10:40] = 255
    for name in ("images", "masks"):
        (tmp_path / "one" / name).mkdir(parents=True)
    Image.fromarray(noise).save(tmp_path / "one" / "images" / "one.png")
    Image.fromarray(mask).save(tmp_path / "one" / "masks" / "a.png")
    assert open_dataset(tmp_path).check().findings == []
    Image.fromarray(mask * 0).save(tmp_path / "one" / "masks" / "b.png")
    assert open_dataset(tmp_path).check().counts() == {"empty mask": 1}
    Image.fromarray(mask[:50]).save(tmp_path / "one" / "masks" / "c.png")
    counts = open_dataset(tmp_path).check().counts()
    assert counts == {"masks cannot be loaded": 1, "no instances": 1}


def test_combined_datasets_are_checked_with_what_their_readers_left_out(tmp_path):
    for name in ("train", "val"):
        content = write_sound_coco(tmp_path / name)
        (tmp_path / name / "images" / "0.png").unlink()
        open_coco(tmp_path / name, content)
    parts = [
        open_coco(tmp_path / n, write_json(tmp_path / n)) for n in ("train", "val")
    ]
    report = Dataset.combine(parts).check(SmallConfig())
    assert report.counts() == {
        "left out by the reader": 2,
        "same picture twice": NUM_IMAGES - 1,
        "same image id twice": NUM_IMAGES - 1,
    }


def write_json(folder):
    return json.loads((folder / "all.json").read_text())


def test_boxes_are_those_in_the_molded_image(sound):
    config = SmallConfig()
    config.IMAGE_RESIZE_MODE, config.IMAGE_MIN_DIM = "pad64", 64
    report = sound.check(config)
    # 96 x 128 is padded to 128 x 128, half of it above: boxes move down by 16.
    assert report.boxes[0].tolist() == [10 + 16, 8, 38 + 16, 38]
