"""Instances as figures."""

import numpy as np
import pytest

from mrcnn.drawing.colors import indexed_color
from mrcnn.drawing.instance_figures import (
    Tag,
    add_box,
    add_outline,
    add_tags,
    show_instances,
    show_picture,
)
from mrcnn.drawing.instance_parts import parts_of_arrays
from tests.scenes import rectangle_scene

SCENE = rectangle_scene((120, 160), [[30, 20, 80, 70], [70, 90, 119, 159]], [2, 1])
GREY = np.full((120, 160, 3), 100, "uint8")
PARTS = parts_of_arrays(
    SCENE.boxes, SCENE.masks, SCENE.class_ids, [0.9, 0.8], image_shape=(120, 160)
)
NAMES = ["", "fig", "date"]


@pytest.fixture
def axes(plt):
    return plt.figure(figsize=(8, 8)).add_subplot()


def extents_of(axes):
    axes.get_figure().canvas.draw()
    return [text.get_bbox_patch().get_window_extent() for text in axes.texts]


def assert_apart_and_inside(axes):
    extents, limits = extents_of(axes), axes.get_window_extent()
    for index, one in enumerate(extents):
        assert limits.x0 - 1 <= one.x0
        assert one.x1 <= limits.x1 + 1
        assert limits.y0 - 1 <= one.y0
        assert one.y1 <= limits.y1 + 1
        for other in extents[:index]:
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(width, height) <= 1


def test_each_instance_has_mask_outline_box_and_caption(axes, tmp_path):
    show_instances(axes, GREY, PARTS, title="Fruits", class_names=NAMES)
    assert [text.get_text() for text in axes.texts] == ["date 0.90", "fig 0.80"]
    assert axes.get_title() == "Fruits"
    assert len(axes.patches) == 4
    picture = axes.get_images()[0].get_array()
    tinted = 50 + 127.5 * np.array(indexed_color(0))
    np.testing.assert_allclose(picture[50, 50], tinted, atol=1)
    assert (picture[10, 10] == 100).all()
    assert (GREY == 100).all()
    axes.get_figure().savefig(tmp_path / "instances.png")


def test_mask_box_and_caption_have_one_color(axes):
    show_instances(axes, GREY, PARTS, colors=["red", "blue"])
    edges = {tuple(patch.get_edgecolor()[:3]) for patch in axes.patches}
    assert edges == {(1, 0, 0), (0, 0, 1)}
    tag = axes.texts[0].get_bbox_patch()
    assert tag.get_facecolor()[:3] == (1, 0, 0)


def test_masks_and_boxes_can_be_left_out(axes):
    show_instances(axes, GREY, PARTS, show_masks=False)
    assert len(axes.patches) == 2
    assert (axes.get_images()[0].get_array() == 100).all()
    axes.clear()
    show_instances(axes, GREY, PARTS, show_boxes=False)
    assert len(axes.patches) == 2
    axes.clear()
    show_instances(axes, GREY, PARTS._replace(mask_of=None), captions=["", ""])
    assert len(axes.patches) == 2
    assert not axes.texts


def test_padding_is_not_drawn(axes):
    parts = parts_of_arrays(np.zeros((3, 4)), None, [0, 0, 0], image_shape=(120, 160))
    show_instances(axes, GREY, parts)
    assert not axes.patches
    assert not axes.texts


def test_a_box_frames_its_pixels(axes):
    add_box(axes, [1, 2, 5, 9], "red", linestyle="--")
    box = axes.patches[0]
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (1.5, 0.5, 7, 4)
    assert box.get_linestyle() == "--"


def test_the_outline_of_a_square_goes_around_it(axes):
    mask = np.zeros((10, 12), bool)
    mask[2:5, 4:9] = True
    add_outline(axes, mask, "red")
    (x1, y1), (x2, y2) = axes.patches[0].get_path().get_extents().get_points()
    assert (y1, x1, y2, x2) == (1.5, 3.5, 4.5, 8.5)


def test_an_outline_has_its_holes_and_no_mask_has_none(axes):
    mask = np.ones((10, 12), bool)
    mask[4:6, 4:6] = False
    add_outline(axes, mask, "red")
    codes = axes.patches[0].get_path().codes
    assert (codes == 1).sum() == 2
    add_outline(axes, np.zeros((10, 12), bool), "red")
    assert len(axes.patches) == 1


def test_captions_of_neighbours_lie_apart(axes):
    show_picture(axes, GREY, "")
    box = [60, 100, 80, 150]
    add_tags(axes, [Tag(box, f"hazelnut 0.9{i}", (1, 0, 0)) for i in range(6)])
    assert len(axes.texts) == 6
    assert_apart_and_inside(axes)


def test_captions_at_the_borders_stay_inside(axes):
    show_picture(axes, GREY, "")
    boxes = [[0, 0, 9, 9], [0, 150, 9, 160], [110, 0, 120, 9], [110, 150, 120, 160]]
    add_tags(axes, [Tag(box, "a caption", (1, 0, 0)) for box in boxes])
    assert len(axes.texts) == 4
    assert_apart_and_inside(axes)


def test_captions_lie_beside_their_boxes_after_the_layout_is_made(plt):
    figure = plt.figure(figsize=(12, 4), layout="constrained")
    axes = figure.add_subplot()
    show_picture(axes, GREY, "a title")
    add_tags(axes, [Tag([60, 40, 80, 80], "caption", (1, 0, 0))])
    extent = extents_of(axes)[0]
    x, y = axes.transData.transform((39.5, 59.5))
    assert (extent.x0, extent.y0) == (pytest.approx(x, abs=2), pytest.approx(y, abs=2))


def test_sixty_instances_on_small_axes_are_legible(plt, rng, tmp_path):
    figure, grid = plt.subplots(1, 2, figsize=(10, 5))
    corners = rng.integers(0, 400, (60, 2))
    boxes = np.hstack([corners, corners + rng.integers(10, 100, (60, 2))])
    parts = parts_of_arrays(boxes, None, np.arange(60), image_shape=(500, 500))
    show_instances(grid[1], np.full((500, 500), 100, "uint8"), parts)
    assert 10 < len(grid[1].texts) <= 60
    assert min(text.get_fontsize() for text in grid[1].texts) >= 6
    assert_apart_and_inside(grid[1])
    figure.savefig(tmp_path / "many.png")


@pytest.mark.filterwarnings("error:Glyph")
def test_names_of_other_alphabets_and_formulas_are_drawn(axes, tmp_path):
    show_instances(axes, GREY, PARTS, captions=["кошка $x^2$", "crème brûlée"])
    axes.get_figure().savefig(tmp_path / "names.png")
    assert axes.texts[0].get_text() == r"кошка \$x^2\$"


@pytest.mark.parametrize("shape", [(8, 8), (30, 600), (2000, 1500)])
def test_images_of_any_size_are_drawn(axes, tmp_path, shape):
    height, width = shape
    box = [[height // 4, width // 4, height // 2, width // 2]]
    parts = parts_of_arrays(box, None, [1], [0.5], image_shape=shape)
    show_instances(axes, np.full(shape, 0.5), parts, class_names=NAMES)
    assert_apart_and_inside(axes)
    axes.get_figure().savefig(tmp_path / "image.png")
