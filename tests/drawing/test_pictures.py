"""Any image becomes a picture."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.drawing.pictures import as_picture


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.full((2, 3), 7, "uint8"), [7, 7, 7]),
        (np.full((2, 3, 1), 7, "int64"), [7, 7, 7]),
        (np.full((2, 3, 2), 7, "uint8"), [7, 7, 7]),
        (np.full((2, 3, 4), [1, 2, 3, 0], "uint8"), [1, 2, 3]),
        (np.full((2, 3, 6), [1, 2, 3, 4, 5, 6], "uint8"), [1, 2, 3]),
        (np.full((2, 3, 3), [0.2, 0.0, 1.0], "float32"), [51, 0, 255]),
        (np.full((2, 3, 3), [51.2, 0.0, 255.3], "float32"), [51, 0, 255]),
        (np.full((2, 3, 3), [0, 257, 65535], "uint16"), [0, 1, 255]),
        (np.full((2, 3, 3), [True, False, True]), [255, 0, 255]),
        (np.full((2, 3, 3), [-100.0, -49.0, 155.0]), [0, 51, 255]),
        (np.full((2, 3, 3), [np.nan, 1.0, np.inf]), [0, 1, 255]),
        (Image.new("RGB", (3, 2), (1, 2, 3)), [1, 2, 3]),
    ],
)
def test_every_kind_of_image_becomes_8_bit_rgb(image, expected):
    picture = as_picture(image)
    assert (picture.shape, picture.dtype) == ((2, 3, 3), np.uint8)
    np.testing.assert_array_equal(picture[1, 2], expected)


def test_a_path_is_read(tmp_path):
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "image.png")
    np.testing.assert_array_equal(as_picture(tmp_path / "image.png")[0, 0], [1, 2, 3])


def test_the_image_stays_as_it_is():
    image = np.zeros((2, 3, 3), "uint8")
    as_picture(image)[:] = 9
    assert not image.any()


@pytest.mark.parametrize(
    "image",
    [np.zeros(3), np.zeros((1, 2, 3, 3)), np.zeros((0, 2, 3)), np.full((2, 2), None)],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="an image is"):
        as_picture(image)
