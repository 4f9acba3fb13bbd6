"""What becomes of numbers on the way to the points and back."""

import numpy as np
import pytest
import tensorflow as tf

from mrcnn.layers.tilings import TILINGS


@pytest.mark.parametrize("dtype", TILINGS)
def test_transforms_are_exact_for_whole_numbers(dtype):
    tiling = TILINGS[dtype]
    side = tiling.side + 2
    patch = np.arange(float(side**2)).reshape(side, side)
    kernel = np.arange(9.0).reshape(3, 3)
    products = (tiling.patch @ patch.ravel()) * (tiling.kernel @ kernel.ravel())
    found = (tiling.tile @ products).reshape(tiling.side, tiling.side)
    for y in range(tiling.side):
        for x in range(tiling.side):
            expected = (patch[y : y + 3, x : x + 3] * kernel).sum()
            assert found[y, x] == pytest.approx(expected, rel=1e-5)


def test_the_way_to_the_points_of_half_precision_does_not_round():
    tiling = TILINGS["bfloat16"]
    for matrix in (tiling.patch, tiling.tile):
        np.testing.assert_array_equal(tf.cast(matrix, "bfloat16"), matrix)
