import json
import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from mrcnn.cli import main
from mrcnn.weights.file_config import read_file_config
from tests.cli.conftest import TINY
from tests.data.checks.broken_copies import NUM_IMAGES

FEW_STEPS = ["STEPS_PER_EPOCH=1", "IMAGES_PER_GPU=1", "POST_NMS_ROIS_TRAINING=20"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """A folder of runs with one in it, of one epoch."""
    folder = tmp_path_factory.mktemp("trained") / "logs"
    words = [*TINY, *FEW_STEPS, "NAME=pets", "--weights", "none", "--epochs", "1"]
    assert train(data, folder, *words) == 0
    return folder


@pytest.fixture(scope="module")
def checkpoint(runs):
    """The checkpoint of that run."""
    (path,) = runs.glob("pets*/mask_rcnn_pets_0001.h5")
    return path


def train(data, logs, *words):
    return main(["train", str(data), "--logs", str(logs), *words])


def checkpoints(logs):
    return sorted(path.name for path in logs.glob("*/*.h5"))


def test_the_file_of_a_run_says_its_config_and_its_classes(checkpoint):
    found = read_file_config(checkpoint)
    assert found.class_names == ["BG", "cat", "dog"]
    assert found.config.NAME == "pets"
    assert found.config.STEPS_PER_EPOCH == 1


def test_a_run_goes_on_in_stages_and_says_how_to_use_it(data, runs, capsys):
    """Also that the epochs which are done are not done again."""
    stages = ["--layers", "heads,all", "--epochs", "1,2", "--weights", "last"]
    assert train(data, runs, *stages, "--val", str(data), "--evaluate-every", "1") == 0
    printed = capsys.readouterr().out
    assert (
        f"{NUM_IMAGES} images, {NUM_IMAGES} for validation; classes: cat, dog"
        in printed
    )
    assert "Training all, 2 epochs in all" in printed
    assert "Training heads" not in printed
    (path,) = runs.glob("pets*/mask_rcnn_pets_0002.h5")
    assert f"mrcnn detect IMAGES --weights {path}" in printed
    assert f"mrcnn evaluate {data} --weights {path}" in printed
    # Its knobs were not said again: they come from the file.
    assert read_file_config(path).config.IMAGE_MAX_DIM == 64
    log = (path.parent / "training_log.csv").read_text()
    assert "val_AP" in log
    os.remove(path)


def test_what_is_done_is_not_done_again(data, runs, capsys):
    assert train(data, runs, "--resume", "--epochs", "1") == 0
    assert "Nothing to train: 1 epochs are done" in capsys.readouterr().out


def test_a_file_begins_a_run_of_its_own_with_the_classes_of_the_data(
    data, checkpoint, tmp_path
):
    words = ["--weights", str(checkpoint), "--classes", "cat", "--epochs", "1"]
    knobs = ["STEPS_PER_EPOCH=1", "NAME=cats"]
    assert train(data, tmp_path, *words, *knobs) == 0
    assert checkpoints(tmp_path) == ["mask_rcnn_cats_0001.h5"]
    found = read_file_config(next(tmp_path.glob("*/*.h5")))
    assert found.class_names == ["BG", "cat"]
    assert found.config.NUM_CLASSES == 2


def test_without_a_run_to_resume_one_begins_and_ctrl_c_saves_it(data, tmp_path):
    words = ["train", str(data), *TINY, *FEW_STEPS[1:], "--resume"]
    options = ["STEPS_PER_EPOCH=500", "--weights", "none", "--logs", str(tmp_path)]
    program = subprocess.Popen(
        [sys.executable, "-u", "-m", "mrcnn", *words, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = []
    for line in program.stdout:
        seen.append(line)
        if line.startswith("Epoch 1"):
            program.send_signal(signal.SIGINT)
            break
    out, err = program.communicate(timeout=600)
    assert program.returncode == 130, err
    assert "No run of 'tiny'" in seen[0]
    assert "--resume goes on from there" in err
    assert "Traceback" not in err + out
    assert checkpoints(tmp_path) == ["mask_rcnn_tiny_0000_interrupted.h5"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--weights", "nowhere.h5"], "no weights file 'nowhere.h5'"),
        (["--weights", "last"], "No checkpoint of 'pets'"),
        (["--weights", "none", "--val", "nowhere"], "nowhere"),
        (["--weights", "none", "--classes", "cow"], "shows any of cow"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_done(
    data, tmp_path, capsys, words, text
):
    assert train(data, tmp_path / "logs", *words) == 1
    assert text in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_cocos_weights_are_taken_from_here_first(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mask_rcnn_coco.h5").write_text("<html>not found</html>")
    assert train(data, "logs") == 1
    assert "mask_rcnn_coco.h5 looks like an HTML page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("knobs", "backbone"),
    [
        ([], "resnet50"),
        (["BACKBONE=resnet101"], "resnet101"),
        (["BACKBONE=VGG16"], "VGG16"),
    ],
)
def test_imagenets_weights_are_those_of_the_backbone(
    data, tmp_path, monkeypatch, knobs, backbone
):
    path = tmp_path / "imagenet.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("conv1/kernel", data=np.zeros((7, 7, 3, 64)))
    made = {}

    def weights_file(config):
        made["asked for"] = config.BACKBONE
        return str(path)

    def stop(config, start, logs):
        made["built"], made["start"] = config.BACKBONE, start.path
        raise KeyboardInterrupt

    monkeypatch.setattr("mrcnn.weights.imagenet.imagenet_weights_file", weights_file)
    monkeypatch.setattr("mrcnn.cli.train._make_model", stop)
    assert train(data, tmp_path, "--weights", "imagenet", *knobs) == 130
    assert made == {"asked for": backbone, "built": backbone, "start": str(path)}


def test_the_default_config_follows_the_data(data, tmp_path, monkeypatch):
    """Stops short of training, which takes a large network a while."""
    made = {}

    def stop(config, start, logs):
        made["config"] = config
        raise KeyboardInterrupt

    monkeypatch.setattr("mrcnn.cli.train._make_model", stop)
    assert train(data, tmp_path, "--weights", "none", "IMAGES_PER_GPU=3") == 130
    config = made["config"]
    assert (config.NAME, config.NUM_CLASSES) == ("pets", 3)
    assert config.STEPS_PER_EPOCH == 100
    np.testing.assert_array_equal(config.IMAGE_SHAPE, (1024, 1024, 3))
    assert json.dumps(config.to_dict())
