import json

import pytest

from mrcnn.cli import main
from mrcnn.mask_rcnn import MaskRCNN
from tests.cli.conftest import TINY
from tests.data.checks.broken_copies import NUM_IMAGES
from tests.small_configs import TinyConfig


def test_the_numbers_are_printed_and_written(data, weights, tmp_path, capsys):
    file, report = tmp_path / "numbers" / "all.json", tmp_path / "report"
    words = ["evaluate", str(data), "--weights", str(weights), "--limit", "2"]
    assert main([*words, "--json", str(file), "--report", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "2 images   boxes  masks" in printed
    for word in ("AP50", "dog", "cat", "misclassified", str(file), "index.html"):
        assert word in printed
    assert json.loads(file.read_text())["class_names"] == ["BG", "cat", "dog"]
    assert "<html" in (report / "index.html").read_text()[:500].lower()


def test_the_last_run_is_measured_with_mirror_images(data, logs, capsys):
    words = ["evaluate", str(data), "--weights", "last", "--logs", str(logs)]
    assert main([*words, "--flip", "--scales", "1,1.5", "--batch-size", "1"]) == 0
    assert f"{NUM_IMAGES} images" in capsys.readouterr().out


def test_data_without_any_known_class_is_an_error(data, tmp_path, capsys):
    model = MaskRCNN(config=TinyConfig())
    model.class_names = ["BG", "fig", "date"]
    model.keras_model.save_weights(tmp_path / "fruits.h5")
    words = ["evaluate", str(data), "--weights", str(tmp_path / "fruits.h5")]
    assert main([*words, "--limit", "1"]) == 1
    assert "a class that the weights know (fig, date)" in capsys.readouterr().err


def test_other_classes_are_misuse(data, tmp_path, capsys):
    """Of weights that do not know their names."""
    config = TinyConfig()
    config.NUM_CLASSES = 5
    path = tmp_path / "five.h5"
    MaskRCNN(config=config).keras_model.save_weights(path)
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(data), "--weights", str(path)])
    assert stop.value.code == 2
    assert "the data has 3 classes with the background" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nowhere", "--weights", "w.h5"], "nowhere"),
        ([".", "--weights", "nowhere.h5"], "no weights file 'nowhere.h5'"),
        (
            [".", "--weights", "last", "--logs", "nowhere"],
            "No checkpoint of 'tiny' in nowhere",
        ),
    ],
)
def test_what_is_missing_is_said(words, text, capsys):
    assert main(["evaluate", *words, *TINY]) == 1
    assert text in capsys.readouterr().err
