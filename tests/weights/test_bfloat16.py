import numpy as np

from mrcnn.weights.bfloat16 import widen_bfloat16


def test_bits_mean_the_upper_half_of_a_float32(rng):
    values = rng.normal(size=(3, 4)).astype("float32")
    bits = (values.view("uint32") >> 16).astype("uint16")
    wide = widen_bfloat16(bits)
    assert wide.dtype == np.float32
    # Eight bits of a number are kept, the rest cut off towards zero.
    assert (np.abs(wide) <= np.abs(values)).all()
    np.testing.assert_allclose(wide, values, rtol=2**-7)


def test_known_patterns_mean_known_numbers():
    bits = np.array([0x0000, 0x3F80, 0xC040, 0x7F80], "uint16")
    np.testing.assert_array_equal(widen_bfloat16(bits), [0, 1, -3, np.inf])
