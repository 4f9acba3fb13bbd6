"""Runs a script written for matterport's package, made smaller from outside.

The script is not touched: configs get other sides, steps and layers when they are
made, and `train` runs one epoch. Its working directory is the user's folder, and
pictures are drawn into memory.
"""

import inspect
import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mrcnn.config import Config
from mrcnn.model import MaskRCNN

SCRIPTS = Path(__file__).parent / "scripts"

# What anybody would lower who wants to see whether a script runs.
SMALLER_RUN = {
    "IMAGE_MIN_DIM": 128,
    "IMAGE_MAX_DIM": 128,
    "STEPS_PER_EPOCH": 1,
    "VALIDATION_STEPS": 1,
    "IMAGES_PER_GPU": 1,
}

# And what makes a network that is built in a second.
SMALLER_NETWORK = {
    "BACKBONE": "resnet18",
    "TOP_DOWN_PYRAMID_SIZE": 16,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 32,
    "POST_NMS_ROIS_TRAINING": 40,
    "POST_NMS_ROIS_INFERENCE": 40,
    "TRAIN_ROIS_PER_IMAGE": 16,
    "DETECTION_MAX_INSTANCES": 10,
}


def run_script(name: str, arguments: Sequence[str], knobs: dict[str, Any]) -> dict:
    """Runs a script of `scripts/` as the main program; returns its global names."""
    with _made_smaller(knobs) as patch:
        patch.setattr(sys, "argv", [name, *arguments])
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(os, "environ", {**os.environ})
        return runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")


@contextmanager
def _made_smaller(knobs: dict[str, Any]) -> Iterator[pytest.MonkeyPatch]:
    initialize, train = Config.__init__, MaskRCNN.train

    def initialize_smaller(config: Config, *args: Any) -> None:
        initialize(config, *args)
        for name, value in knobs.items():
            setattr(config, name, value)
        # A shape that was written down by hand would go on standing for the old sides.
        if "IMAGE_SHAPE" in vars(type(config)):
            config.IMAGE_SHAPE = config.derived_values()["IMAGE_SHAPE"]

    def train_once(model: MaskRCNN, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(train).bind(model, *args, **kwargs)
        bound.arguments["epochs"] = model.epoch + 1
        return train(*bound.args, **bound.kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "__init__", initialize_smaller)
        patch.setattr(MaskRCNN, "train", train_once)
        yield patch
