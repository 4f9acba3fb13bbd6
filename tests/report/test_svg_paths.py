import re

import numpy as np

from mrcnn.geometry.mask_coding import encode_rle
from mrcnn.report.svg_paths import view_box, view_path, view_scale
from tests.scenes import draw_ellipse


def corners_of(path):
    """Each outline's corners, as a browser walks them."""
    outlines = []
    for part in re.findall(r"M([^z]*)z", path):
        start, steps = part.split("l")
        numbers = np.array(re.findall(r"-?\d+", steps), int).reshape(-1, 2)
        first = np.array(start.split(), int)
        outlines.append(np.vstack([first, first + np.cumsum(numbers, axis=0)]))
    return outlines


def test_the_longer_side_measures_a_thousand_units():
    assert view_scale((100, 200)) == 5
    assert view_box(np.array([10.0, 20, 30, 60]), (100, 200)) == [100, 50, 200, 100]


def test_a_box_that_is_no_number_is_not_drawn():
    assert view_box(np.array([0, 0, np.nan, 5]), (100, 200)) == []


def test_a_rectangle_is_walked_around():
    mask = np.zeros((100, 200), bool)
    mask[10:30, 20:60] = True
    (outline,) = corners_of(view_path(encode_rle(mask)))
    walked = {tuple(corner) for corner in outline.tolist()}
    assert walked == {(100, 50), (300, 50), (300, 150), (100, 150)}


def test_a_hole_has_a_path_of_its_own():
    mask = np.zeros((50, 50), bool)
    mask[10:40, 10:40] = True
    mask[20:30, 20:30] = False
    outlines = corners_of(view_path(encode_rle(mask)))
    assert sorted(np.ptp(o, axis=0).tolist() for o in outlines) == [
        [200, 200],
        [600, 600],
    ]


def test_a_round_mask_takes_little_room_and_keeps_its_bounds():
    mask = np.zeros((480, 640), bool)
    mask[100:340, 200:440] = draw_ellipse(240, (120, 120), (110, 80), 0.5)
    path = view_path(encode_rle(mask))
    assert len(path) < 400
    (outline,) = corners_of(path)
    y, x = np.nonzero(mask)
    expected = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) * 1000 / 640
    bounds = [*outline.min(axis=0), *outline.max(axis=0)]
    np.testing.assert_allclose(bounds, expected, atol=2)


def test_specks_are_left_out_unless_there_is_nothing_else():
    mask = np.zeros((2000, 2000), bool)
    mask[5, 5] = True
    speck = view_path(encode_rle(mask))
    assert speck.endswith("z")
    mask[100:300, 100:300] = True
    (outline,) = corners_of(view_path(encode_rle(mask)))
    assert outline.min() == 50


def test_an_empty_mask_has_no_path():
    assert view_path(encode_rle(np.zeros((9, 9), bool))) == ""
