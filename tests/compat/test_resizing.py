import inspect
import json
import random

import numpy as np
import pytest

from mrcnn.compat import resizing as old
from tests.conftest import FIXTURES


@pytest.mark.parametrize("name", ["resize_image", "resize"])
def test_parameters_and_defaults_are_matterports(name):
    api = json.loads((FIXTURES / "api.json").read_text())
    expected = api["modules"]["mrcnn.utils"]["functions"][name]["params"]
    parameters = inspect.signature(getattr(old, name)).parameters.values()
    assert [parameter.name for parameter in parameters] == [
        parameter["name"] for parameter in expected
    ]
    for parameter, reference in zip(parameters, expected, strict=True):
        if "default" in reference:
            assert repr(parameter.default) == reference["default"]


def test_the_photo_is_resized_as_matterport_does(golden_matterport):
    photo = golden_matterport["image"]
    image, window, scale, padding, crop = old.resize_image(
        photo, min_dim=256, max_dim=256, min_scale=0, mode="square"
    )
    molded = (image - np.array([123.7, 116.8, 103.9])).astype("float32")
    assert np.array_equal(molded, golden_matterport["molded"][0])
    assert window == tuple(golden_matterport["window"][0])
    assert scale == 1
    assert padding == [(28, 28), (0, 0), (0, 0)]
    assert crop is None


def test_none_returns_the_image_with_zero_padding(rng):
    photo = rng.integers(0, 255, (5, 7, 3), "uint8")
    image, *rest = old.resize_image(photo, mode="none")
    assert np.array_equal(image, photo)
    assert rest == [(0, 0, 5, 7), 1, [(0, 0), (0, 0), (0, 0)], None]


def test_seeding_python_repeats_the_crop(rng):
    photo = rng.integers(0, 255, (90, 70, 3), "uint8")

    def crop_after(seed):
        random.seed(seed)
        return old.resize_image(photo, min_dim=32, mode="crop")[4]

    assert crop_after(3) == crop_after(3)
    assert len({crop_after(seed) for seed in range(20)}) > 1
    assert crop_after(3)[2:] == (32, 32)


def test_a_bool_mask_can_be_resized():
    mask = np.ones((4, 4), bool)
    resized = old.resize(mask, (8, 8))
    assert resized.shape == (8, 8)
    assert resized[4, 4] == pytest.approx(1)


def test_resize_leaves_the_range_as_asked():
    image = np.full((4, 4), 255, "uint8")
    assert old.resize(image, (2, 2)).max() == pytest.approx(1)
    assert old.resize(image, (2, 2), preserve_range=True).max() == pytest.approx(255)
