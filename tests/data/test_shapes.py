import numpy as np
import pytest

from mrcnn.data.shapes import Shape, ShapesDataset


@pytest.fixture
def dataset():
    dataset = ShapesDataset()
    dataset.load_shapes(20, 96, 128)
    dataset.prepare()
    return dataset


def draw(dataset, shapes):
    dataset.image_info[0]["shapes"] = shapes
    return dataset.load_mask(0)


def test_images_and_masks_have_the_size_asked_for(dataset):
    assert dataset.class_names == ["BG", "square", "circle", "triangle"]
    for image_id in dataset.image_ids:
        image = dataset.load_image(image_id)
        masks, class_ids = dataset.load_mask(image_id)
        assert image.shape == (96, 128, 3)
        assert image.dtype == "uint8"
        assert masks.shape == (96, 128, len(class_ids))
        assert masks.dtype == bool
        assert 1 <= len(class_ids) <= 4


def test_masks_cover_their_shapes_colour_and_nothing_else(dataset):
    for image_id in dataset.image_ids:
        image, info = dataset.load_image(image_id), dataset.image_info[image_id]
        masks, _ = dataset.load_mask(image_id)
        assert masks.sum(axis=-1).max() == 1
        for i, shape in enumerate(info["shapes"]):
            assert (image[masks[..., i]] == shape.color).all()
        assert (image[~masks.any(axis=-1)] == info["background"]).all()


def test_no_shape_is_all_but_hidden(dataset):
    for image_id in dataset.image_ids:
        assert dataset.load_mask(image_id)[0].sum(axis=(0, 1)).min() > 20


def test_all_classes_occur(dataset):
    ids = np.concatenate([dataset.load_mask(i)[1] for i in dataset.image_ids])
    assert set(ids.tolist()) == {1, 2, 3}


def test_seed_and_number_decide_an_image():
    first, second, other = ShapesDataset(), ShapesDataset(), ShapesDataset()
    first.load_shapes(4, 64, 64, seed=3)
    second.load_shapes(2, 64, 64, seed=3)
    other.load_shapes(2, 64, 64, seed=4)
    np.testing.assert_array_equal(first.load_image(1), second.load_image(1))
    assert (first.load_image(1) != other.load_image(1)).any()
    assert (first.load_image(0) != first.load_image(1)).any()


def test_later_shapes_cover_earlier_ones(dataset):
    lower = Shape("square", (1, 2, 3), (20, 20), 5)
    upper = Shape("square", (4, 5, 6), (20, 25), 5)
    masks, class_ids = draw(dataset, [lower, upper])
    assert class_ids.tolist() == [1, 1]
    # 11 columns each, 6 of them shared.
    assert masks.sum(axis=(0, 1)).tolist() == [11 * 5, 11 * 11]


def test_a_shape_that_is_hidden_altogether_is_no_instance(dataset):
    lower = Shape("circle", (1, 2, 3), (20, 20), 4)
    upper = Shape("square", (4, 5, 6), (20, 20), 5)
    masks, class_ids = draw(dataset, [lower, upper])
    assert class_ids.tolist() == [1]
    assert masks.shape == (96, 128, 1)


def test_a_triangle_is_pointed_at_the_top(dataset):
    masks, class_ids = draw(dataset, [Shape("triangle", (1, 2, 3), (40, 40), 10)])
    rows = masks[..., 0].sum(axis=1)
    assert class_ids.tolist() == [3]
    assert rows[30] == 1
    # Half the base is 20 / root of 3 = 11.5 pixels.
    assert rows[50] == 23
    assert rows[51] == rows[29] == 0


def test_images_too_small_for_shapes_are_refused():
    with pytest.raises(ValueError, match="16 x 64"):
        ShapesDataset().load_shapes(1, 16, 64)
