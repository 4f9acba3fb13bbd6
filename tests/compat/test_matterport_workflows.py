"""Scripts in the manner of matterport's users run from end to end, untouched."""

from pathlib import Path

import pytest

from mrcnn.config import Config
from mrcnn.model import MaskRCNN
from tests.compat.script_runner import SMALLER_NETWORK, SMALLER_RUN, run_script
from tests.compat.user_folder import make_user_folder
from tests.fixtures import recipe_h5

# Those that say nothing of their own take too long for every run.
QUICK = [
    "kangaroo",
    "dotted_imports",
    "balloon_via1",
    "inspect_network",
    "video_splash",
    "train_shapes",
]

# Each script with its command lines, and a pattern of the files it leaves.
WORKFLOWS = {
    "balloon_via1": (
        [
            ["train", "--dataset=balloons", "--weights=coco"],
            [
                "splash",
                "--weights=last",
                "--image=balloons/val/balloon_0.jpg",
            ],
        ],
        ["logs/balloon2*/mask_rcnn_balloon_0001.h5", "splash_*.png"],
    ),
    "balloon_via2": (
        [
            ["train", "--dataset=balloons2"],
            ["detect", "--dataset=balloons2", "--images=balloons2/val"],
        ],
        ["logs/object2*/mask_rcnn_object_0002.h5", "prediction.png"],
    ),
    "nucleus": (
        [
            ["train", "--dataset=nuclei", "--weights=coco", "--subset=train"],
            ["detect", "--dataset=nuclei", "--weights=last", "--subset=stage1_train"],
        ],
        [
            "results/nucleus/submit_*/submit.csv",
            "results/nucleus/submit_*/nucleus_2.png",
        ],
    ),
    "coco": (
        [
            ["train", "--dataset=coco", "--year=2017", "--model=coco"],
            ["evaluate", "--dataset=coco", "--year=2017", "--model=last", "--limit=2"],
        ],
        ["logs/coco2*/mask_rcnn_coco_0003.h5"],
    ),
    "train_shapes": ([[]], ["logs/mask_rcnn_shapes.h5"]),
    "kangaroo": ([[]], ["kangaroo_cfg2*/mask_rcnn_kangaroo_cfg_0001.h5"]),
    "labelme_parts": ([[]], ["logs/parts_final.h5", "parts.png"]),
    "dotted_imports": ([[]], ["boxes_mask_rcnn_trained.h5"]),
    "defects_multiclass": ([[]], ["logs/defect2*/mask_rcnn_defect_0002.h5"]),
    "inspect_network": ([[]], []),
    "plot_history": ([[]], ["losses.png", "history.csv"]),
    "callbacks": ([[]], ["best_01.h5", "final.h5", "log.csv"]),
    "video_splash": ([[]], ["splash_*.avi"]),
}


def workflows():
    for name in WORKFLOWS:
        marks = [] if name in QUICK else [pytest.mark.slow]
        yield pytest.param(name, marks=marks, id=name)


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    """A file of 81 classes that fits the smaller network, in matterport's layout."""

    class SmallCoco(Config):
        NUM_CLASSES = 81

    config = SmallCoco()
    for name, value in {**SMALLER_RUN, **SMALLER_NETWORK}.items():
        setattr(config, name, value)
    path = tmp_path_factory.mktemp("weights") / "mask_rcnn_coco.h5"
    MaskRCNN(config=config).keras_model.save_weights(path)
    return path


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    make_user_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", list(workflows()))
def test_a_script_runs_from_end_to_end(name, user_folder, small_weights, plt):
    (user_folder / "mask_rcnn_coco.h5").symlink_to(small_weights)
    check_workflow(name, user_folder, {**SMALLER_RUN, **SMALLER_NETWORK})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["balloon_via1", "inspect_network", "video_splash"])
def test_a_script_runs_with_the_network_that_it_asks_for(name, user_folder, plt):
    recipe_h5.write(user_folder / "mask_rcnn_coco.h5", "resnet101", 81)
    check_workflow(name, user_folder, SMALLER_RUN)


def check_workflow(name: str, folder: Path, knobs: dict) -> None:
    command_lines, patterns = WORKFLOWS[name]
    for arguments in command_lines:
        run_script(name, arguments, knobs)
    for pattern in patterns:
        assert list(folder.glob(pattern)), f"{name} left no {pattern}"
