from pathlib import Path

import numpy as np
import pytest

import mrcnn.system_knobs
from mrcnn.config import Config
from mrcnn.system_knobs import SystemKnobs

MATTERPORTS_CHOICES = {
    "PIXEL_STD": 1.0,
    "RESIZE_TO_FLOAT": False,
    "IMAGE_CHANNEL_ORDER": "RGB",
    "STRIDE_IN_1X1": True,
    "SYMMETRIC_PADDING": False,
    "BIAS_BEFORE_NORM": True,
    "NORM_EPSILON": 0.001,
    "FPN_NORM": False,
    "RPN_BRANCH": True,
    "RPN_CHANNELS": 512,
    "RPN_NUM_CONVS": 1,
    "RPN_OBJECTNESS": "softmax",
    "ANCHOR_STRIDES_FROM_MAPS": False,
    "ANCHOR_OFFSET": 0.0,
    "ROUND_ANCHORS": None,
    "STEM_STRIDE": 4,
    "FEATURES": "pyramid",
    "DILATED_STAGE5": False,
    "EXTRA_LEVELS": "pool",
    "ZERO_INIT_LATERALS": False,
    "ROI_NUM_LEVELS": 4,
    "ROI_POOLING": "align",
    "MASK_BRANCH": True,
    "MASK_HEAD": "conv",
    "ROI_HALF_PIXEL": False,
    "ROI_BIN_SAMPLES": 2,
    "RPN_PER_LEVEL": False,
    "PRE_NMS_LIMIT_TRAINING": None,
    "RPN_CLIP_TO_WINDOW": False,
    "BOX_HEAD": "conv",
    "BOX_HEAD_DROPOUT": 0.0,
    "MASK_HEAD_NORM": True,
    "PASTE_WITH_BORDER": False,
    "INITIALIZERS": "glorot",
    "RPN_STRADDLE_THRESHOLD": None,
    "RPN_FORCED_MIN_IOU": 0.0,
    "RPN_FORCED_KEEP_OWN": False,
    "ROI_CROWD_COVER": 1.0,
    "MASK_TARGETS": "share",
}


def knobs_of_systems() -> dict:
    return {name: value for name, value in vars(SystemKnobs).items() if name.isupper()}


def test_the_defaults_are_matterports():
    assert knobs_of_systems() == MATTERPORTS_CHOICES


@pytest.mark.parametrize("knob", MATTERPORTS_CHOICES)
def test_a_comment_stands_above_each_knob_or_pair_of_knobs(knob):
    text = Path(mrcnn.system_knobs.__file__).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    (row,) = [
        i for i, line in enumerate(lines) if line.startswith((f"{knob} ", f"{knob}:"))
    ]
    assert lines[row - 1].startswith("# ") or lines[row - 2].startswith("# ")


def test_a_config_has_them_as_its_own(recwarn):
    class MyConfig(Config):
        RPN_OBJECTNESS = "sigmoid"
        PIXEL_STD = np.array([58.0, 57.0, 57.0])

    config = MyConfig()
    config.validate()
    assert not recwarn.list
    again = Config.from_dict(config.to_dict())
    assert again.RPN_OBJECTNESS == "sigmoid"
    np.testing.assert_array_equal(again.PIXEL_STD, config.PIXEL_STD)


def test_a_misspelling_is_noticed_as_with_other_knobs():
    config = Config()
    with pytest.warns(UserWarning, match="Did you mean RPN_OBJECTNESS"):
        config.RPN_OBJECTNES = "sigmoid"
