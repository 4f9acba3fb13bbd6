"""The image-meta vector: what goes in comes out, in the place others expect."""

import numpy as np
import pytest

from mrcnn.image_meta import (
    LENGTH_WITHOUT_CLASSES,
    ImageMeta,
    compose_image_meta,
    parse_image_meta,
)

PARTS = ImageMeta(
    image_id=7,
    original_image_shape=(480, 640, 3),
    image_shape=(1024, 1024, 4),
    window=(128, 0, 896, 1024),
    scale=1.6,
    active_class_ids=[1, 0, 1, 1, 0],
)


def test_the_vector_lists_its_parts_in_order():
    meta = compose_image_meta(*PARTS)
    expected = [7, 480, 640, 3, 1024, 1024, 4, 128, 0, 896, 1024, 1.6, 1, 0, 1, 1, 0]
    np.testing.assert_array_equal(meta, expected)
    assert len(meta) == LENGTH_WITHOUT_CLASSES + 5


def test_the_vector_equals_matterports_exactly(golden_matterport):
    meta = compose_image_meta(
        0, (200, 256, 3), (256, 256, 3), (28, 0, 228, 256), 1.0, np.zeros(81, "int32")
    )
    np.testing.assert_array_equal(meta[None], golden_matterport["image_meta"])
    assert meta.dtype == golden_matterport["image_meta"].dtype


def test_the_vector_is_of_floats_even_if_all_parts_are_whole():
    assert compose_image_meta(*PARTS._replace(scale=1)).dtype == np.float64


def test_parsing_undoes_composing(as_array):
    parsed = parse_image_meta(as_array(compose_image_meta(*PARTS)))
    for name, part in parsed._asdict().items():
        np.testing.assert_allclose(part, getattr(PARTS, name), err_msg=name)


def test_leading_axes_are_free(as_array):
    metas = np.stack([compose_image_meta(*PARTS._replace(image_id=i)) for i in (3, 4)])
    parsed = parse_image_meta(as_array(metas))
    np.testing.assert_array_equal(parsed.image_id, [3, 4])
    np.testing.assert_array_equal(parsed.window, [PARTS.window] * 2)
    assert tuple(parsed.active_class_ids.shape) == (2, 5)


def test_symbolic_metas_are_parsed():
    from keras import KerasTensor

    parsed = parse_image_meta(KerasTensor((None, 12 + 81)))
    shapes = [tuple(part.shape) for part in parsed]
    assert shapes == [(None,), (None, 3), (None, 3), (None, 4), (None,), (None, 81)]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("original_image_shape", (480, 640)),
        ("image_shape", (1, 1024, 1024, 3)),
        ("window", (0, 0)),
    ],
)
def test_a_part_of_the_wrong_length_is_named(name, wrong):
    with pytest.raises(ValueError, match=rf"^{name} .* got {len(wrong)}"):
        compose_image_meta(*PARTS._replace(**{name: wrong}))


def test_a_vector_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"12 numbers.*\(2, 5\)"):
        parse_image_meta(np.zeros((2, 5)))
