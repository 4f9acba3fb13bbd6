import base64
import io

import numpy as np
import pytest
from PIL import Image

from mrcnn.report.thumbnails import bytes_for_each, thumbnail

HEAD = "data:image/jpeg;base64,"


def decoded(address):
    assert address.startswith(HEAD)
    content = base64.b64decode(address[len(HEAD) :])
    return Image.open(io.BytesIO(content)), len(content)


def test_a_small_picture_keeps_its_size_and_colours():
    image = np.zeros((30, 40, 3), "uint8")
    image[:, :20, 0] = 250
    picture, _ = decoded(thumbnail(image, 80_000))
    assert picture.size == (40, 30)
    colors = np.asarray(picture).astype(int)
    assert np.abs(colors[15, 5] - [250, 0, 0]).max() < 20
    assert colors[15, 35].max() < 20


def test_a_large_picture_is_shrunk_until_it_fits(rng):
    noise = rng.integers(0, 256, (700, 1400, 3), "uint8")
    picture, size = decoded(thumbnail(noise, 60_000))
    assert size <= 60_000
    assert max(picture.size) < 960
    assert picture.size[0] == 2 * picture.size[1]
    smooth = np.broadcast_to(np.linspace(0, 255, 1400)[:, None], (700, 1400, 3))
    assert decoded(thumbnail(smooth.astype("uint8"), 60_000))[0].size == (960, 480)


def test_the_smallest_picture_is_coarse_rather_than_smaller(rng):
    noise = rng.integers(0, 256, (256, 256, 3), "uint8")
    fine = decoded(thumbnail(noise, 10**6))[1]
    picture, size = decoded(thumbnail(noise, 100))
    assert picture.size == (256, 256)
    assert size < 0.7 * fine


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 4)])
def test_any_number_of_channels_is_shown(rng, shape):
    image = rng.integers(0, 65535, shape, "uint16")
    assert decoded(thumbnail(image, 80_000))[0].size == (30, 20)


def test_all_pictures_of_a_page_share_one_budget():
    assert bytes_for_each(1000) == 24_000
    assert bytes_for_each(10) == bytes_for_each(0) == 80_000
    assert bytes_for_each(100_000) == 12_000
