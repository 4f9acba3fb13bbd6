import pytest

from mrcnn.mask_rcnn import MaskRCNN
from tests.data.checks.broken_copies import open_coco, write_sound_coco
from tests.recipe import fill_by_recipe
from tests.small_configs import TinyConfig

TINY = ["--config", "tests.small_configs:TinyConfig"]


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder called "pets" with a COCO json of cats and dogs and its images."""
    folder = tmp_path_factory.mktemp("data") / "pets"
    open_coco(folder, write_sound_coco(folder))
    return folder


@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    """A folder of runs with one in it, whose network finds something everywhere."""
    folder = tmp_path_factory.mktemp("runs") / "logs"
    model = MaskRCNN(config=TinyConfig())
    fill_by_recipe(model.keras_model)
    model.class_names = ["BG", "cat", "dog"]
    run = folder / "tiny20260101T0000"
    run.mkdir(parents=True)
    model.keras_model.save_weights(run / "mask_rcnn_tiny_0001.h5")
    return folder


@pytest.fixture(scope="session")
def weights(logs):
    """The checkpoint of that run."""
    return logs / "tiny20260101T0000" / "mask_rcnn_tiny_0001.h5"
