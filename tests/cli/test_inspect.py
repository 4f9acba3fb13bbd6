import json
import sys

import numpy as np
import pytest
from PIL import Image

from mrcnn.cli import main
from mrcnn.config import Config
from tests.data.checks.broken_copies import NUM_IMAGES, open_coco, write_sound_coco

SMALL = ["IMAGE_MIN_DIM=128", "IMAGE_MAX_DIM=128", "RPN_ANCHOR_SCALES=(8,16,32,64,128)"]


@pytest.fixture
def data(tmp_path):
    """A folder with a sound COCO json in it."""
    open_coco(tmp_path / "data", write_sound_coco(tmp_path / "data"))
    return tmp_path / "data"


def inspect(data, *words):
    """-> exit code, what findings.json holds"""
    output = data.parent / "output"
    code = main(["inspect", str(data), "--output", str(output), *words])
    page = np.asarray(Image.open(output / "inspect.png"))
    assert page.std() > 10
    return code, json.loads((output / "findings.json").read_text())


def test_a_sound_dataset_is_inspected_without_a_config(data, capsys):
    code, found = inspect(data, *SMALL)
    assert code == 0
    assert found["findings"] == []
    printed = capsys.readouterr().out
    assert "Nothing wrong was found." in printed
    assert "Anchors: objects of 8" in printed
    assert "inspect.png" in printed


def test_errors_make_the_exit_code_1(data, capsys):
    path = data / "images" / "1.png"
    path.write_bytes(path.read_bytes()[:1000])
    code, found = inspect(data, *SMALL)
    assert code == 1
    assert found["counts"] == {"unreadable image": 1}
    assert "1.png" in capsys.readouterr().out


def test_a_config_class_is_found_in_a_file_or_a_module(data, monkeypatch):
    (data.parent / "my_knobs.py").write_text(
        "from mrcnn.config import Config\n"
        "class Mine(Config):\n"
        "    NUM_CLASSES = 3\n"
        "    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128\n"
        "made = Mine()\n"
    )
    monkeypatch.chdir(data.parent)
    for place in (f"{data.parent / 'my_knobs.py'}:Mine", "my_knobs:made"):
        _, found = inspect(data, "--config", place)
        assert found["sides"]["most"] == pytest.approx((30 * 28) ** 0.5)
    _, found = inspect(data, "--config", "my_knobs:Mine", "NUM_CLASSES=5")
    assert found["counts"]["wrong number of classes"] == 1


def test_a_saved_config_is_taken(data):
    config = Config()
    config.NUM_CLASSES = 3
    config.IMAGE_MIN_DIM = config.IMAGE_MAX_DIM = 256
    config.save(data.parent / "config.json")
    code, found = inspect(data, "--config", str(data.parent / "config.json"))
    assert code == 0
    assert found["sides"]["most"] == pytest.approx(2 * (30 * 28) ** 0.5)


def test_classes_and_the_number_of_images_can_be_chosen(data):
    _, found = inspect(data, *SMALL, "--classes", "dog, cow", "--limit", "2")
    assert found["class_counts"] == {"dog": 2, "cow": 0}
    assert found["num_images"] == 2
    _, found = inspect(data, *SMALL, "--limit", "99")
    assert found["num_images"] == NUM_IMAGES


def test_training_and_validation_are_taken_together(data, tmp_path):
    both = tmp_path / "both"
    for name in ("train", "val"):
        open_coco(both / name, write_sound_coco(both / name))
    _, found = inspect(both, *SMALL)
    assert found["num_images"] == 2 * NUM_IMAGES
    assert found["counts"]["same picture twice"] == NUM_IMAGES
    _, found = inspect(both / "train", str(both / "val"), *SMALL)
    assert found["num_images"] == 2 * NUM_IMAGES


def test_images_of_more_channels_are_read_as_the_config_says(data):
    for path in (data / "images").iterdir():
        rgb = np.asarray(Image.open(path))
        alpha = np.full((*rgb.shape[:2], 1), 99, "uint8")
        Image.fromarray(np.concatenate([rgb, alpha], axis=2)).save(path)
    assert inspect(data, *SMALL)[0] == 0
    words = ["IMAGE_CHANNEL_COUNT=4", "MEAN_PIXEL=[1, 2, 3, 4]"]
    assert inspect(data, *SMALL, *words)[0] == 0


def test_data_that_does_not_open_is_an_error_of_the_data(data, capsys):
    assert main(["inspect", str(data / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
    (data / "all.json").write_text("[1, 2")
    assert main(["inspect", str(data / "all.json")]) == 1
    assert "is not a json file" in capsys.readouterr().err


def test_a_bar_is_drawn_for_those_who_look(data, capsys, monkeypatch):
    inspect(data, *SMALL)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    inspect(data, *SMALL)
    assert f"{NUM_IMAGES}/{NUM_IMAGES}\n" in capsys.readouterr().err


def test_a_knob_with_a_wrong_value_is_said(data, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["inspect", str(data), "RPN_ANCHOR_STRIDE=0"])
    assert stop.value.code == 2
    assert "RPN_ANCHOR_STRIDE" in capsys.readouterr().err
