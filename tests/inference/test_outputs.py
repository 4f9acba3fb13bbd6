import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.inference.outputs import boxes_in_original, unmold

MATTERPORT, ALIGNED = CONVENTIONS["matterport"], CONVENTIONS["aligned"]
WINDOW = np.array([16, 0, 48, 64])  # of an image twice as wide as high


def detections(*rows) -> np.ndarray:
    """Rows of a box in pixels of a 64-pixel molded image, class id and score."""
    table = np.array(rows, "float32").reshape(-1, 6)
    table[:, :4] /= 64
    return table


def unmold_aligned(table, patches=None, **kwargs):
    return unmold(
        table, patches, (64, 128, 3), (64, 64, 3), WINDOW, convention=ALIGNED, **kwargs
    )


def test_detections_become_matterports_results(golden_matterport):
    golden = golden_matterport
    result = unmold(
        golden["detections"],
        golden["mask_of_class"],
        golden["image"].shape,
        golden["molded"].shape[1:],
        golden["window"][0],
        convention=MATTERPORT,
    )
    np.testing.assert_array_equal(result.rois, golden["detect_rois"])
    np.testing.assert_array_equal(result.class_ids, golden["detect_class_ids"])
    np.testing.assert_array_equal(result.scores, golden["detect_scores"])
    shape = golden["detect_masks_shape"]
    packed = np.unpackbits(golden["detect_masks_packed"], count=shape.prod())
    expected = packed.astype(bool).reshape(shape)
    # Sums of floats that meet the threshold may fall to either side of it.
    assert (expected != result.masks).sum() <= 5


def test_boxes_come_back_into_the_images_pixels():
    result = unmold_aligned(detections([16, 0, 48, 64, 1, 0.9], [20, 8, 24, 9, 2, 0.8]))
    # The window is half as large as the image and starts 16 rows down.
    assert result.rois.tolist() == [[0, 0, 64, 128], [8, 16, 16, 18]]
    assert result.class_ids.tolist() == [1, 2]
    np.testing.assert_allclose(result.scores, [0.9, 0.8], rtol=1e-6)
    assert result.image_shape == (64, 128)


def test_with_an_edge_shift_the_windows_corners_are_the_images():
    whole = np.array([[16, 0, 47, 63]]) / 63
    result = boxes_in_original(whole, (64, 128), (64, 64), WINDOW, edge_shift=1)
    np.testing.assert_allclose(result, [[0, 0, 64, 128]], atol=1e-5)


@given(
    st.sampled_from([0, 1]),
    st.lists(st.integers(0, 15), min_size=4, max_size=4),
)
def test_unmolding_a_box_undoes_molding_it(edge_shift, corner_and_sides):
    y, x, height, width = corner_and_sides
    box = np.array([[y, x, y + height + 1, x + width + 1]], "float64")  # of 32 × 32
    # Twice as large in a molded image of 128, from (32, 32) on.
    window = np.array([32, 32, 96, 96])
    shift = np.array([0, 0, edge_shift, edge_shift])
    share = (box - shift) / (32 - edge_shift)
    sides = window[2:] - window[:2] - edge_shift
    molded = (share * np.tile(sides, 2) + 32) / (128 - edge_shift)
    back = boxes_in_original(molded, (32, 32), (128, 128), window, edge_shift)
    np.testing.assert_allclose(back, box, atol=1e-4)


def test_padding_rows_are_left_out_wherever_they_stand():
    table = detections(
        [16, 0, 48, 64, 1, 0.9], [0] * 6, [16, 0, 32, 32, 2, 0.8], [0] * 6
    )
    assert unmold_aligned(table).class_ids.tolist() == [1, 2]


def test_boxes_without_a_whole_pixel_are_left_out():
    table = detections(
        [20, 8, 20.1, 40, 1, 0.9],  # a fifth of a pixel high
        [30, 8, 20, 40, 1, 0.9],  # inside out
        [0, 0, 15, 64, 1, 0.9],  # in the padding above the window
        [np.nan, 8, 30, 40, 1, 0.9],
        [20, 8, np.inf, 40, 1, 0.9],
        [20, 8, 30, 40, 2, 0.8],
    )
    assert unmold_aligned(table).class_ids.tolist() == [2]


def test_boxes_end_at_the_images_edges():
    result = unmold_aligned(detections([0, -8, 64, 70, 1, 0.9]))
    np.testing.assert_array_equal(result.boxes, [[0, 0, 64, 128]])


@pytest.mark.parametrize("convention", [MATTERPORT, ALIGNED])
def test_the_patch_of_the_detected_class_is_the_mask(convention):
    table = detections([16, 0, 48, 64, 0, 0.9], [16, 0, 48, 64, 2, 0.9])
    patches = np.zeros((2, 28, 28, 3), "float32")
    patches[1, :, :14, 2] = 1
    arguments = ((64, 128), (64, 64), WINDOW)
    result = unmold(table, patches, *arguments, convention=convention)
    assert result.masks.shape == (64, 128, 1)
    assert result.mask(0)[8:56, 8:60].all()
    assert not result.mask(0)[:, 68:].any()
    picked = unmold(table, patches[..., 2], *arguments, convention=convention)
    assert picked == result


def test_fewer_patches_than_slots_are_enough():
    table = detections([16, 0, 48, 64, 1, 0.9], *[[0] * 6] * 9)
    patches = np.ones((1, 28, 28, 3), "float16")
    assert unmold_aligned(table, patches).masks.all()


def test_the_threshold_decides_what_belongs_to_the_mask():
    table = detections([16, 0, 48, 64, 1, 0.9])
    patches = np.full((1, 28, 28), 0.4, "float32")
    assert not unmold_aligned(table, patches).masks.any()
    assert unmold_aligned(table, patches, mask_threshold=0.4).masks.all()


def test_no_detections_give_empty_arrays():
    result = unmold_aligned(np.zeros((5, 6), "float32"), np.zeros((1, 28, 28, 3)))
    assert result.rois.shape == (0, 4)
    assert result.masks.shape == (64, 128, 0)
    assert not unmold_aligned(np.zeros((0, 6))).has_masks


def test_masks_may_be_pasted_with_a_border():
    table = detections([20, 8, 28, 16, 1, 0.9])  # rows 8..24, columns 16..32
    patches = np.ones((1, 14, 14), "float32")
    plain = unmold_aligned(table, patches)
    framed = unmold_aligned(table, patches, paste_with_border=True)
    np.testing.assert_array_equal(plain.rois, framed.rois)
    assert plain.masks.sum() == 16 * 16
    # A side of 16 grows to 16 * 16 / 14 = 18.3 pixels, or 20 whole ones, of which the
    # border of one cell at each end takes 20 / 16. The corners are rounded.
    assert framed.masks.sum() == 18 * 18 - 4
    assert framed.masks[7:25, 16:32].all()
    assert framed.masks[8:24, 15:33].all()
