import numpy as np
import pytest
from PIL import Image

from mrcnn.data.aspect import aspect_groups, image_shape_of
from mrcnn.data.dataset import Dataset


class Loaded(Dataset):
    def load_image(self, image_id):
        return np.zeros((30, 70, 3), "uint8")


def test_the_shape_comes_from_where_it_costs_least(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 20)).save(path)
    dataset = Loaded()
    dataset.add_image("a", 1, path, height=11, width=12)
    dataset.add_image("a", 2, path)
    dataset.add_image("a", 3, None)
    dataset.add_image("a", 4, "made up")
    dataset.prepare()
    shapes = [image_shape_of(dataset, image_id) for image_id in range(4)]
    assert shapes == [(11, 12), (20, 40), (30, 70), (30, 70)]


def test_groups_are_of_like_ratio_not_of_like_size():
    dataset = Loaded()
    for height, width in [(100, 100), (500, 550), (100, 200), (410, 800), (200, 100)]:
        dataset.add_image("a", 1, None, height=height, width=width)
    dataset.prepare()
    groups = aspect_groups(dataset)
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert len({*groups}) == 3


def test_an_image_that_cannot_be_loaded_goes_with_the_square_ones():
    dataset = Dataset()
    dataset.add_image("a", 1, "/nowhere.jpg")
    dataset.add_image("a", 2, None, height=70, width=70)
    dataset.add_image("a", 3, None, height=10, width=70)
    dataset.prepare()
    groups = aspect_groups(dataset)
    assert groups[0] == groups[1] != groups[2]
    with pytest.raises(OSError, match="nowhere"):
        image_shape_of(dataset, 0)
