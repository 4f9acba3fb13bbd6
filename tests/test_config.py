import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mrcnn.config
import mrcnn.training_knobs
from mrcnn.config import Config
from mrcnn.knobs import DERIVED
from mrcnn.training_knobs import TrainingKnobs
from tests.conftest import FIXTURES

API = json.loads((FIXTURES / "api.json").read_text(encoding="utf-8"))
MATTERPORT = API["modules"]["mrcnn.config"]["classes"]["Config"]

OWN_DEFAULTS = {
    "GEOMETRY": None,
    "TRAIN_SCALES": None,
    "ASPECT_GROUPING": False,
    "RPN_POSITIVE_IOU": 0.7,
    "RPN_NEGATIVE_IOU": 0.3,
    "RPN_POSITIVE_RATIO": 0.5,
    "ROI_POSITIVE_IOU": 0.5,
    "ROI_NEGATIVE_IOU_LOW": 0.0,
    "ROI_NEGATIVE_IOU_HIGH": 0.5,
    "CROWD_IOU": 0.001,
    "RPN_SMOOTH_L1_BETA": 1.0,
    "SMOOTH_L1_BETA": 1.0,
    "BOX_LOSS_NORM": "positives",
    "ROI_ADD_GT": True,
    "CLASS_WEIGHTS": None,
    "FOCAL_GAMMA": 0.0,
    "CLASS_AGNOSTIC_BOXES": False,
    "CLASS_AGNOSTIC_MASKS": False,
    "LEARNING_RATE_BATCH_SIZE": None,
    "LEARNING_RATE_SCHEDULE": "constant",
    "LEARNING_RATE_DROPS": None,
    "WARMUP_STEPS": 0,
    "OPTIMIZER": "sgd",
    "ACCUMULATE_STEPS": 1,
    "RECOMPUTE_FEATURES": False,
    "PRECISION": "float32",
    "DETECTION_PRECISION": "float32",
    "EMA_DECAY": None,
    "SEED": 0,
    "KEEP_CHECKPOINTS": None,
    "CHECKPOINT_MONITOR": "val_loss",
    "ROI_CANONICAL_SCALE": 224,
    "ROI_CANONICAL_LEVEL": 4,
    "RPN_MIN_SIZE": 0,
    "DETECTION_MIN_SIZE": 0,
    "MASK_THRESHOLD": 0.5,
    "DETECTION_PER_CLASS": False,
    "DETECTION_CLASS_AGNOSTIC_NMS": False,
    "BATCH_NORM_MOMENTUM": 0.99,
}


def knobs_of_config() -> set[str]:
    both = vars(Config) | vars(TrainingKnobs)
    return {name for name in both if name.isupper()}


@pytest.mark.parametrize(("name", "source"), MATTERPORT["class_attributes"].items())
def test_a_knob_of_matterport_has_its_default_and_its_type(name, source):
    # The fixture holds each default as Python source, a few of them NumPy arrays.
    expected = eval(source, {"__builtins__": {}, "np": np})

    value = getattr(Config, name)

    assert type(value) is type(expected)
    if isinstance(expected, np.ndarray):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)
    else:
        assert value == expected
        assert repr(value) == repr(expected)


@pytest.mark.parametrize(("name", "expected"), OWN_DEFAULTS.items())
def test_a_knob_of_our_own_has_its_default(name, expected):
    assert repr(getattr(Config, name)) == repr(expected)


def test_no_knob_is_missing_or_unaccounted_for():
    assert knobs_of_config() == MATTERPORT["class_attributes"].keys() | OWN_DEFAULTS


def test_an_instance_has_matterports_computed_values():
    assert DERIVED.keys() == MATTERPORT["instance_attributes"].keys()
    assert DERIVED.keys() <= vars(Config()).keys()


@pytest.mark.parametrize("knob", sorted(knobs_of_config() | DERIVED.keys()))
def test_a_comment_stands_above_each_knob_or_pair_of_knobs(knob):
    home = mrcnn.training_knobs if knob in vars(TrainingKnobs) else mrcnn.config
    lines = Path(home.__file__).read_text(encoding="utf-8").splitlines()
    stripped = [line.strip() for line in lines]
    (row,) = [
        index
        for index, line in enumerate(stripped)
        if line.startswith((f"{knob} =", f"{knob}:"))
    ]
    block = stripped[:row]
    while block[-1] and not block[-1].startswith("#"):
        block.pop()

    assert len(block) >= row - 2
    assert block[-1].startswith("# ")


def test_the_defaults_are_legal():
    Config().validate()


def test_numpy_is_visible_for_those_who_import_it_from_here():
    assert mrcnn.config.np is np


def test_importing_the_config_loads_no_deep_learning_framework():
    script = (
        "import sys, time; start = time.perf_counter(); import mrcnn.config; "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'h5py'} & sys.modules.keys(); "
        "assert not heavy, heavy; assert time.perf_counter() - start < 1.5"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
