import numpy as np
import pytest
from PIL import Image

from mrcnn.data.dataset import Dataset
from mrcnn.data.shapes import ShapesDataset
from mrcnn.drawing.inspection import (
    COLUMNS,
    ROWS,
    TILE,
    Sample,
    draw_inspection_page,
    place_labels,
    sample_ids,
    sample_of,
    save_inspection_page,
)
from tests.data.checks.broken_copies import SmallConfig


@pytest.fixture
def config():
    config = SmallConfig()
    config.NUM_CLASSES = 4
    return config


@pytest.fixture
def shapes():
    dataset = ShapesDataset()
    dataset.load_shapes(12, 64, 96)
    dataset.prepare()
    return dataset


def test_the_page_is_written_and_full_of_pictures(shapes, config, tmp_path):
    report = shapes.check(config)
    save_inspection_page(tmp_path / "a.png", report, shapes, config, title="Shapes $")
    page = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert page.shape[1] == 1600
    assert page.shape[0] > 1000
    assert len(np.unique(page.reshape(-1, 3), axis=0)) > 500
    # Nothing is cut off: the outermost pixels are white.
    frame = np.concatenate(
        [page[:4].ravel(), page[:, :4].ravel(), page[:, -4:].ravel()]
    )
    assert (frame == 255).all()


def test_the_page_has_four_charts_and_the_samples(shapes, config):
    page = draw_inspection_page(shapes.check(config), shapes, config)
    titles = [axes.get_title(loc="left") for axes in page.axes]
    assert len(titles) == 1 + 4 + ROWS * COLUMNS
    for text in ("Instances", "Sides", "Width over height", "Objects with an anchor"):
        assert any(title.startswith(text) for title in titles)


def test_a_page_of_no_instances_has_no_samples(config):
    dataset = Dataset()
    dataset.add_class("none", 1, "cat")
    dataset.prepare()
    config.NUM_CLASSES = 2
    report = dataset.check(config)
    assert sample_ids(report) == []
    page = draw_inspection_page(report, dataset, config, title="nothing")
    page.canvas.draw()
    assert len(page.axes) == 5
    texts = [text.get_text() for text in page.axes[0].texts]
    assert texts[0] == "nothing"
    assert "no images (1)" in texts[2]


def test_samples_are_spread_over_the_dataset(shapes, config):
    ids = sample_ids(shapes.check(config))
    assert len(ids) == ROWS * COLUMNS
    assert ids[0] == 0
    assert ids[-1] == 11
    assert len(set(ids)) == len(ids)


def test_labels_keep_clear_of_each_other_and_few_of_a_class_are_given():
    picture = np.zeros((200, 200, 3), "uint8")
    color = (1.0, 0.0, 0.0)
    corners = [(50, 50), (52, 52), (150, 90), (190, 0), (20, 190), (90, 150)]
    labels = [(x, y, "cat", color) for x, y in corners]
    placed = place_labels(Sample(picture, "", [*labels, (50, 100, "dog", color)]))
    # Above the box; the second covers the first; the fourth is moved into the image.
    width = 3 * 7 + 6
    expected = [(50, 34), (150, 74), (200 - width, 0), (50, 84)]
    assert [(x, y) for x, y, _, _ in placed] == expected
    assert [name for _, _, name, _ in placed] == ["cat", "cat", "cat", "dog"]


def test_a_sample_shows_masks_boxes_and_names(shapes, config):
    sample = sample_of(shapes, 3, config)
    assert sample.picture.shape == (TILE * 64 // 96, TILE, 3)
    masks, class_ids = shapes.load_mask(3)
    names = [name for _, _, name, _ in sample.labels]
    assert sorted(names) == sorted(shapes.class_names[i] for i in class_ids)
    assert f"image 3: {masks.shape[2]} instance" in sample.caption


@pytest.mark.parametrize("channels", [1, 4, 5])
def test_images_of_any_number_of_channels_are_shown(channels, config):
    class Bands(ShapesDataset):
        channel_count = channels

        def load_image(self, image_id):
            return np.repeat(super().load_image(image_id), 2, axis=2)[..., :channels]

    dataset = Bands()
    dataset.load_shapes(1, 64, 64)
    dataset.prepare()
    config.IMAGE_CHANNEL_COUNT = channels
    picture = sample_of(dataset, 0, config).picture
    assert picture.shape == (TILE, TILE, 3)
    assert picture.std() > 5
