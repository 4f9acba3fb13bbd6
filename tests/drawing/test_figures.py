"""Figures of matplotlib: images in grids, titles, showing."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from mrcnn.drawing.figures import (
    axes_or_figure,
    new_figure,
    plain,
    show,
    show_image,
    show_images,
    write_title,
)


@pytest.fixture
def shown(plt, monkeypatch):
    """Figures that were shown, as a list that grows."""
    figures = []
    monkeypatch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
    return figures


def test_a_figure_is_shown_and_the_callers_axes_are_not(plt, shown):
    with axes_or_figure(None, (3, 2)) as axes:
        assert not shown
    assert shown == [axes.get_figure()]
    np.testing.assert_array_equal(axes.get_figure().get_size_inches(), [3, 2])
    own = plt.figure().add_subplot()
    with axes_or_figure(own, (3, 2)) as axes:
        assert axes is own
    assert len(shown) == 1


def test_a_figure_that_failed_is_closed_and_not_shown(plt, shown):
    with pytest.raises(ValueError, match="wrong"), axes_or_figure(None, (3, 2)):
        raise ValueError("wrong")
    assert not shown
    assert not plt.get_fignums()


def test_without_a_screen_showing_is_silent(plt, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show(new_figure((3, 2)))


def test_without_a_screen_one_figure_stays_and_can_be_saved(plt, tmp_path):
    users = plt.figure()
    for _ in range(30):
        figure = new_figure((1, 1))
        show(figure)
    assert plt.get_fignums() == [users.number, figure.number]
    assert plt.gcf() is figure
    plt.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_images_stand_in_a_grid_under_their_titles(plt, shown):
    images = [np.zeros((20, 30, 3), "uint8")] * 5
    show_images(images, ["a", "b"], columns=2)
    panels = shown[0].axes
    assert [panel.get_title() for panel in panels] == ["a", "b", "", "", ""]
    shown[0].draw_without_rendering()
    boxes = [panel.get_position() for panel in panels]
    assert boxes[0].y0 == pytest.approx(boxes[1].y0)
    assert boxes[0].y0 > boxes[2].y1
    assert boxes[1].x0 > boxes[0].x1


def test_no_images_show_nothing(shown):
    show_images([])
    assert not shown


def test_titles_are_broken_and_stay_apart_and_inside(plt, shown, tmp_path):
    title = "a title of many words that is far too long for the place above its image"
    show_images([np.zeros((20, 30))] * 4, [title, title, title, f"{title}\nand more"])
    figure = shown[0]
    figure.savefig(tmp_path / "titles.png")
    extents = [panel.title.get_window_extent() for panel in figure.axes]
    assert all("\n" in panel.get_title() for panel in figure.axes)
    for left, right in pairwise(extents):
        assert left.x1 < right.x0
    assert extents[0].x0 >= 0
    assert extents[-1].x1 <= figure.bbox.x1
    assert max(extent.y1 for extent in extents) <= figure.bbox.y1


def test_a_title_is_no_formula(plt):
    axes = plt.figure().add_subplot()
    write_title(axes, "$5 and $6")
    axes.get_figure().canvas.draw()
    assert axes.get_title() == plain("$5 and $6") == r"\$5 and \$6"


@pytest.mark.parametrize("value", [0, 1, 7])
def test_a_full_mask_looks_other_than_an_empty_one(plt, value):
    axes = plt.figure().add_subplot()
    show_image(axes, np.full((4, 5), value, "uint8"))
    drawn = axes.get_images()[0]
    assert drawn.to_rgba(drawn.get_array())[0, 0, 0] == float(value > 0)


def test_color_images_are_shown_as_pictures_and_numbers_by_color_map(plt):
    from matplotlib.colors import Normalize

    axes = plt.figure().add_subplot()
    show_image(axes, np.full((4, 5, 3), 0.2), interpolation="nearest")
    assert (axes.get_images()[0].get_array() == 51).all()
    show_image(axes, np.full((4, 5, 1), 3.0), cmap="Blues", norm=Normalize(0, 9))
    drawn = axes.get_images()[1]
    assert drawn.get_cmap().name == "Blues"
    assert drawn.norm.vmax == 9
    show_image(axes, np.array([[-2.0, np.nan, 6.0]]))
    assert axes.get_images()[2].norm.vmin == -2
