"""The doors: what they open on, and what opening them costs."""

import subprocess
import sys

import pytest

from mrcnn import model, utils, visualize

HEAVY = ["tensorflow", "keras", "cv2", "matplotlib", "skimage", "scipy", "imgaug"]


def modules_loaded_by(statement: str) -> list[str]:
    program = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("door", [model, utils, visualize])
def test_every_name_of_a_door_is_there(door):
    for name in door.__all__:
        assert getattr(door, name) is not None


def test_config_utils_and_visualize_load_nothing_heavy():
    loaded = modules_loaded_by("import mrcnn.config, mrcnn.utils, mrcnn.visualize")
    assert "mrcnn.utils" in loaded
    assert not set(HEAVY) & set(loaded)


def test_scripts_find_the_element_tree_they_forgot_to_import():
    assert "xml.etree.ElementTree" in modules_loaded_by("import mrcnn")


def test_the_default_paths_work_without_opencv():
    program = (
        "import sys; sys.modules['cv2'] = None\n"
        "import numpy as np\n"
        "from mrcnn import utils, visualize\n"
        "image = np.zeros((40, 60, 3), 'uint8')\n"
        "molded, *_ = utils.resize_image(image, min_dim=64, max_dim=64)\n"
        "print(molded.shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(64, 64, 3)"
    assert "opencv-python-headless" in done.stderr
