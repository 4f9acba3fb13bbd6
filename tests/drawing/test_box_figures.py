"""Boxes before and after."""

import numpy as np
import pytest

from mrcnn.drawing.box_figures import (
    GREY,
    Move,
    moves_of_boxes,
    moves_of_rois,
    show_moves,
)
from mrcnn.drawing.colors import indexed_color

IMAGE = np.full((100, 100, 3), 50, "uint8")
BOX, REFINED = np.array([10.0, 10, 40, 50]), np.array([20.0, 20, 50, 60])


@pytest.fixture
def axes(plt):
    return plt.figure(figsize=(8, 8)).add_subplot()


def test_a_box_is_dashed_and_joined_to_what_it_became(axes):
    show_moves(axes, IMAGE, [Move(BOX, REFINED, (1, 0, 0), caption="fig")], title="t")
    assert [patch.get_linestyle() for patch in axes.patches] == ["--", "solid"]
    assert axes.patches[1].get_xy() == (19.5, 19.5)
    np.testing.assert_array_equal(
        axes.lines[0].get_xydata(), [[9.5, 9.5], [19.5, 19.5]]
    )
    assert axes.texts[0].get_text() == "fig"
    assert axes.get_title() == "t"


@pytest.mark.parametrize("move", [Move(BOX, None, GREY), Move(None, BOX, GREY)])
def test_a_box_alone_is_solid(axes, move):
    show_moves(axes, IMAGE, [move])
    assert [patch.get_linestyle() for patch in axes.patches] == ["solid"]
    assert not axes.lines


def test_padding_is_not_drawn(axes):
    show_moves(axes, IMAGE, [Move(np.zeros(4), np.zeros(4), GREY)])
    assert not axes.patches


def test_boxes_beyond_the_image_are_seen(axes):
    show_moves(axes, IMAGE, [Move(np.array([-20.0, 0, 10, 110]), None, GREY)])
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    assert left < -10
    assert right > 109.5
    assert (top < -20, bottom > 119) == (True, True)


def test_masks_are_tinted(axes):
    mask = np.zeros((100, 100), bool)
    mask[20:30, 20:30] = True
    show_moves(axes, IMAGE, [Move(BOX, None, (1, 0, 0), mask=mask)])
    picture = axes.get_images()[0].get_array()
    np.testing.assert_array_equal(picture[25, 25], [(50 + 255) // 2, 25, 25])
    assert (picture[50, 50] == 50).all()


def test_visibility_decides_color_and_strength(axes):
    moves = moves_of_boxes([BOX] * 3, None, None, ["a", None, "c"], [0, 1, 2])
    assert [move.color for move in moves] == [GREY, indexed_color(1), indexed_color(2)]
    assert [move.caption for move in moves] == ["a", "", "c"]
    show_moves(axes, IMAGE, moves)
    widths = [patch.get_linewidth() for patch in axes.patches]
    alphas = [patch.get_alpha() for patch in axes.patches]
    assert widths == sorted(set(widths))
    assert alphas == sorted(set(alphas))


def test_boxes_become_moves_with_their_masks():
    masks = np.zeros((100, 100, 2))
    masks[..., 1] = 1
    first, second = moves_of_boxes([BOX, BOX], [REFINED, REFINED], masks, None, None)
    np.testing.assert_array_equal(first.box, BOX)
    np.testing.assert_array_equal(second.refined, REFINED)
    assert not first.mask.any()
    assert second.mask.all()
    assert moves_of_boxes(None, [REFINED], None, None, None)[0].box is None
    assert moves_of_boxes([], None, None, None, None) == []


def test_boxes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        moves_of_boxes(None, None, None, None, None)
    with pytest.raises(ValueError, match="'captions': 2"):
        moves_of_boxes([BOX], None, None, ["a", "b"], None)


def test_rois_of_the_background_stay_and_others_carry_their_mask():
    patches = np.zeros((2, 28, 28))
    patches[:, :, 14:] = 1
    background, fig = moves_of_rois(
        [BOX, BOX], [REFINED, REFINED], patches, [0, 1], ["", "fig"], (100, 100, 3)
    )
    assert (background.refined, background.mask, background.color) == (None, None, GREY)
    assert fig.caption == "fig"
    expected = np.zeros((100, 100), bool)
    expected[10:40, 30:50] = True
    assert (fig.mask != expected).sum() <= 30
