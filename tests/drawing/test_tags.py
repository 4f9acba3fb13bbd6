"""Tags and their places."""

import numpy as np
import pytest

from mrcnn.drawing.tags import paint_tags, place_tags
from mrcnn.geometry.boxes import pairwise_iou

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def frames_of(places, shapes):
    kept = [(p, s) for p, s in zip(places, shapes, strict=True) if p is not None]
    return np.array([[*place, *np.add(place, shape)] for place, shape in kept])


def test_a_tag_lies_on_the_upper_left_corner_of_its_box():
    assert place_tags([[50, 40, 80, 90]], [(10, 30)], (100, 100)) == [(40, 40)]


def test_a_tag_goes_below_a_small_box_at_the_top():
    assert place_tags([[0, 40, 12, 60]], [(10, 30)], (100, 100)) == [(12, 40)]


def test_a_tag_goes_into_a_large_box_that_fills_the_picture():
    assert place_tags([[0, 0, 100, 100]], [(10, 30)], (100, 100)) == [(0, 0)]


def test_a_tag_is_pushed_inside_the_picture():
    assert place_tags([[50, 90, 80, 100]], [(10, 30)], (100, 100)) == [(40, 70)]


def test_a_tag_rather_hides_nothing_than_its_neighbour():
    boxes = [[50, 40, 80, 60], [38, 40, 48, 60]]
    place = place_tags(boxes, [(10, 20), (10, 20)], (100, 100))[0]
    assert place == (80, 40)


def test_tags_of_equal_boxes_lie_apart():
    shapes = [(10, 40)] * 8
    places = place_tags([[100, 100, 140, 140]] * 8, shapes, (300, 300))
    assert None not in places
    overlaps = pairwise_iou(frames_of(places, shapes), frames_of(places, shapes))
    np.testing.assert_allclose(overlaps, np.eye(8))


def test_tags_of_many_boxes_lie_apart_and_inside(rng):
    corners = rng.uniform(0, 180, (60, 2))
    boxes = np.hstack([corners, corners + rng.uniform(5, 60, (60, 2))])
    shapes = [(9, rng.uniform(20, 60)) for _ in boxes]
    places = place_tags(boxes, shapes, (200, 220))
    frames = frames_of(places, shapes)
    assert 10 < len(frames) < 60
    assert places[0] is not None
    assert frames.min() >= 0
    assert (frames[:, 2:] <= (200 + 1e-6, 220 + 1e-6)).all()
    overlaps = pairwise_iou(frames, frames)
    np.testing.assert_allclose(overlaps, np.eye(len(frames)), atol=1e-9)


def test_a_tag_larger_than_the_picture_is_left_out():
    assert place_tags([[0, 0, 5, 5]], [(10, 30)], (8, 100)) == [None]
    assert place_tags([], [], (8, 100)) == []


def test_tags_are_filled_with_their_color_and_bear_readable_letters():
    picture = paint_tags(
        np.zeros((200, 300, 3), "uint8"), [[100, 50, 150, 200]], ["cat 0.98"], [BLUE]
    )
    painted = np.argwhere(picture.any(axis=-1))
    (top, left), (bottom, right) = painted.min(axis=0), painted.max(axis=0)
    assert (bottom, left) == (99, 50)
    tag = picture[top : bottom + 1, left : right + 1]
    assert (tag == (0, 0, 255)).all(axis=-1).mean() > 0.5
    assert tag[..., 0].max() > 200  # white letters


@pytest.mark.parametrize("side", [100, 1000, 4000])
def test_letters_grow_with_the_picture_and_stay_legible(side):
    picture = np.zeros((side, side, 3), "uint8")
    paint_tags(picture, [[side // 2, 0, side, side]], ["cat"], [RED])
    height = picture.any(axis=(1, 2)).sum()
    assert max(0.02 * side, 10) <= height <= max(0.04 * side, 16)


def test_many_captions_have_smaller_letters_than_one():
    def height(count):
        picture = np.zeros((1000, 1000, 3), "uint8")
        boxes = [[20 + 12 * i, 0, 30 + 12 * i, 900] for i in range(count)]
        paint_tags(picture, boxes, ["a rather long caption"] * count, [RED] * count)
        rows = picture[:, 0].any(axis=-1)
        return rows.argmin() if rows[0] else rows[rows.argmax() :].argmin()

    assert height(60) < height(1)


def test_a_caption_wider_than_the_picture_is_cut():
    picture = paint_tags(
        np.zeros((60, 60, 3), "uint8"), [[30, 5, 50, 50]], ["a very long name"], [RED]
    )
    assert picture.any()


def test_empty_captions_and_pictures_too_small_for_letters_get_no_tag():
    picture = np.zeros((60, 60, 3), "uint8")
    assert not paint_tags(picture, [[30, 5, 50, 50]], [" "], [RED]).any()
    assert not paint_tags(picture, np.zeros((0, 4)), [], []).any()
    picture = np.zeros((6, 60, 3), "uint8")
    assert not paint_tags(picture, [[0, 0, 5, 5]], ["cat"], [RED]).any()


def test_captions_of_any_alphabet_are_written():
    pictures = [
        paint_tags(np.zeros((60, 200, 3), "uint8"), [[30, 5, 50, 50]], [text], [RED])
        for text in ("хлеб", "chleb", "χλεβ")
    ]
    for picture in pictures:
        assert picture[..., 1].max() > 100  # white letters on red
    assert (pictures[0] != pictures[1]).any()
