import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.geometry.contours import trace_polygons
from tests.scenes import draw_ellipse


def mask_of(*rows):
    return np.array([[letter == "#" for letter in row] for row in rows])


def corners(polygon):
    return [tuple(point) for point in polygon.tolist()]


def even_odd(polygon, shape):
    """Pixels with an odd number of the polygon's vertical edges to their left."""
    inside = np.zeros(shape, bool)
    for (x, y), (next_x, next_y) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if x == next_x:
            inside[min(y, next_y) : max(y, next_y), x:] ^= True
    return inside


def test_a_rectangle_has_four_corners():
    polygons = trace_polygons(mask_of(".....", ".###.", ".###."))
    assert len(polygons) == 1
    assert set(corners(polygons[0])) == {(1, 1), (4, 1), (4, 3), (1, 3)}
    assert len(polygons[0]) == 4


def test_an_empty_mask_has_no_polygons():
    assert trace_polygons(np.zeros((3, 4), bool)) == []
    assert trace_polygons(np.zeros((0, 0), bool)) == []


def test_pixels_that_touch_at_a_corner_are_two_parts():
    for mask in (mask_of("#.", ".#"), mask_of(".#", "#.")):
        polygons = trace_polygons(mask)
        assert [len(polygon) for polygon in polygons] == [4, 4]


def test_a_ring_is_cut_where_its_hole_begins():
    polygons = trace_polygons(mask_of("####", "#..#", "####"))
    assert [len(polygon) for polygon in polygons] == [4, 8]
    assert set(corners(polygons[0])) == {(0, 0), (1, 0), (1, 3), (0, 3)}


def test_only_the_part_with_the_hole_is_cut():
    polygons = trace_polygons(mask_of("###.", "#.#.", "###.", "....", "####"))
    assert sorted(len(polygon) for polygon in polygons) == [4, 4, 8]


def test_an_island_in_a_hole_is_a_part_of_its_own():
    mask = np.ones((7, 7), bool)
    mask[1:6, 1:6] = False
    mask[3, 3] = True
    polygons = trace_polygons(mask)
    assert sum(even_odd(polygon, mask.shape) for polygon in polygons).max() == 1


def test_a_round_outline_turns_at_every_corner():
    (polygon,) = trace_polygons(draw_ellipse(40, (20, 20), (15, 10)))
    steps = np.diff(polygon, axis=0, append=polygon[:1])
    across = steps[:, 0] != 0
    assert np.array_equal(across, ~np.roll(across, 1))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 2**32 - 1)
)
def test_polygons_cover_every_pixel_once(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    covered = np.zeros((height, width), int)
    for polygon in trace_polygons(mask):
        covered += even_odd(polygon, mask.shape)
    assert np.array_equal(covered, mask)
