import numpy as np
import pytest
from PIL import Image

from samples.shapes import shapes
from samples.shapes.shapes import Shape
from tests.samples.tiny_runs import SIDE, make_tiny


def dataset_of(*drawn):
    dataset = shapes.ShapesDataset()
    dataset.load_shapes(0, SIDE, seed=0)
    dataset.add_image(
        "shapes", 0, path=None, side=SIDE, background=(0, 0, 0), shapes=list(drawn)
    )
    dataset.prepare()
    return dataset


def test_a_square_is_drawn_where_its_mask_is():
    dataset = dataset_of(Shape("square", (10, 20, 30), x=20, y=30, radius=5))
    masks, class_ids = dataset.load_mask(0)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[25:36, 15:26] = True
    np.testing.assert_array_equal(masks[..., 0], expected)
    np.testing.assert_array_equal(class_ids, [1])
    image = dataset.load_image(0)
    np.testing.assert_array_equal(image[expected], [[10, 20, 30]] * 11 * 11)
    assert not image[~expected].any()


def test_a_shape_hides_those_below_it():
    below = Shape("circle", (200, 0, 0), x=20, y=20, radius=8)
    hidden = Shape("triangle", (0, 200, 0), x=44, y=20, radius=4)
    above = Shape("square", (0, 0, 200), x=40, y=20, radius=14)
    masks, class_ids = dataset_of(below, hidden, above).load_mask(0)
    # From the top down, and without the triangle, of which nothing is seen.
    np.testing.assert_array_equal(class_ids, [1, 2])
    assert masks[..., 0].sum() == 29 * 29
    assert not masks[..., 1][:, 26:].any()
    assert masks[20, 12:26, 1].all()


def test_masks_and_image_agree_on_random_images():
    dataset = shapes.ShapesDataset()
    dataset.load_shapes(20, SIDE, seed=1)
    for image_id in dataset.image_ids:
        image, (masks, class_ids) = (
            dataset.load_image(image_id),
            dataset.load_mask(image_id),
        )
        assert masks.shape[-1] == len(class_ids) >= 1
        assert masks.sum(axis=-1).max() == 1
        background = dataset.image_info[image_id]["background"]
        np.testing.assert_array_equal(masks.any(-1), (image != background).any(-1))


def test_equal_seeds_give_equal_images():
    first, second, other = (shapes.ShapesDataset() for _ in range(3))
    for dataset, seed in ((first, 1), (second, 1), (other, 2)):
        dataset.load_shapes(1, SIDE, seed)
    np.testing.assert_array_equal(first.load_image(0), second.load_image(0))
    assert (first.load_image(0) != other.load_image(0)).any()


def test_the_tutorial_runs_to_its_end(monkeypatch, tmp_path, capsys):
    make_tiny(monkeypatch, shapes.ShapesConfig)
    monkeypatch.setattr(shapes, "NUM_IMAGES", (5, 5))
    shapes.main(["--epochs=2", f"--output={tmp_path}"])
    printed = capsys.readouterr().out
    assert printed.count("Mask AP") == 2
    assert printed.count("triangle") == 2
    # Five images and the gaps of eight pixels between them.
    for name in ("data.png", "found.png"):
        assert Image.open(tmp_path / name).size == (5 * SIDE + 4 * 8, SIDE)
    assert len(list(tmp_path.glob("logs/*/mask_rcnn_shapes_0002.h5"))) == 1


@pytest.mark.parametrize("name", shapes.CLASS_NAMES)
def test_every_class_is_drawn_within_its_radius(name):
    shape = Shape(name, (9, 9, 9), x=30, y=30, radius=10)
    masks, class_ids = dataset_of(shape).load_mask(0)
    assert shapes.CLASS_NAMES[class_ids[0] - 1] == name
    rows = np.flatnonzero(masks[..., 0].any(axis=1))
    assert (rows[0], rows[-1]) == (20, 40)
