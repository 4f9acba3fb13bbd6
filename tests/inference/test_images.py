import logging

import numpy as np
import pytest
from PIL import Image

from mrcnn.inference import images as module
from mrcnn.inference.images import image_shape, list_images, load_image, warn_once

MEAN = np.array([123.7, 116.8, 103.9])


@pytest.fixture(autouse=True)
def _nothing_warned_yet(monkeypatch):
    monkeypatch.setattr(module, "_warned", set())


@pytest.fixture
def rgb(rng) -> np.ndarray:
    return rng.integers(0, 256, (5, 7, 3), dtype="uint8")


def load(image, channel_count=3, mean=MEAN):
    loaded = load_image(image, 4, channel_count, mean)
    assert loaded.shape == image_shape(image, 4, channel_count)
    return loaded


# Lists


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((5, 7), 1),
        ((5, 7, 1), 1),
        ((5, 7, 3), 1),
        ((5, 7, 4), 1),
        ((5, 7, 6), 5),
        ((2, 5, 7, 3), 2),
        ((0, 5, 7, 3), 0),
        ((0,), 0),
    ],
)
def test_an_array_is_one_image_or_a_batch(shape, count):
    assert len(list_images(np.zeros(shape), 3)) == count


def test_an_array_with_the_networks_channels_is_one_image():
    assert len(list_images(np.zeros((5, 7, 6)), 6)) == 1


def test_lists_tuples_and_iterators_hold_images(rgb):
    for images in ([rgb, rgb], (rgb, rgb), iter([rgb, rgb])):
        assert len(list_images(images, 3)) == 2
    assert list_images([], 3) == []


def test_one_path_or_picture_is_one_image(rgb, tmp_path):
    assert list_images("a.png", 3) == ["a.png"]
    assert list_images(tmp_path, 3) == [tmp_path]
    assert len(list_images(Image.fromarray(rgb), 3)) == 1


@pytest.mark.parametrize("images", [None, 3, b"bytes", {"a": 1}])
def test_what_holds_no_images_is_refused(images):
    with pytest.raises(TypeError, match=type(images).__name__):
        list_images(images, 3)


# Channels


def test_rgb_stays_as_it_is(rgb):
    np.testing.assert_array_equal(load(rgb), rgb)


@pytest.mark.parametrize("axes", [(), (1,)])
def test_greyscale_is_repeated(rgb, axes):
    grey = rgb[..., 0]
    loaded = load(grey.reshape(*grey.shape, *axes))
    np.testing.assert_array_equal(loaded, np.stack([grey] * 3, axis=-1))


def test_a_greyscale_network_takes_greyscale(rgb):
    grey = rgb[..., 0]
    np.testing.assert_array_equal(load(grey, 1, [100]), grey[..., None])


def test_alpha_is_dropped_with_one_warning(rgb, caplog):
    rgba = np.concatenate([rgb, rgb[..., :1]], axis=-1)
    for _ in range(3):
        np.testing.assert_array_equal(load(rgba), rgb)
    assert len(caplog.records) == 1
    assert "alpha" in caplog.text


def test_a_network_of_four_channels_keeps_alpha(rgb, caplog):
    rgba = np.concatenate([rgb, rgb[..., :1]], axis=-1)
    np.testing.assert_array_equal(load(rgba, 4, [*MEAN, 0]), rgba)
    assert not caplog.records


# Scales


@pytest.mark.parametrize("dtype", ["uint16", "int32", "int64", "float32", "float64"])
def test_values_in_0_to_255_mean_the_same_in_every_dtype(rgb, dtype, caplog):
    np.testing.assert_array_equal(load(rgb.astype(dtype)), rgb)
    assert not caplog.records


def test_whole_numbers_become_bytes(rgb):
    assert load(rgb.astype("int64")).dtype == np.uint8


@pytest.mark.parametrize("dtype", ["uint16", "int32", ">u2"])
def test_16_bit_values_are_divided_by_257(rgb, dtype):
    loaded = load((rgb.astype("uint32") * 257).astype(dtype))
    np.testing.assert_allclose(loaded, rgb, atol=1e-4)


def test_shares_of_one_are_multiplied_by_255_with_one_warning(rgb, caplog):
    for _ in range(2):
        np.testing.assert_allclose(load(rgb / 255), rgb, atol=1e-4)
    assert caplog.text.count("0..1") == 1


def test_a_black_float_image_stays_black(caplog):
    assert not load(np.zeros((4, 4, 3), "float32")).any()
    assert not caplog.records


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_subtracted_mean_is_added_back_with_one_warning(rgb, dtype, caplog):
    for _ in range(2):
        loaded = load((rgb - MEAN).astype(dtype))
        np.testing.assert_allclose(loaded, rgb, atol=0.07)
    assert caplog.text.count("mean was subtracted") == 1


def test_negative_values_that_no_mean_explains_stay(caplog):
    ct = np.array([[-1000.0, 0.0], [40.0, 3000.0]])
    np.testing.assert_array_equal(load(ct)[..., 1], ct)
    assert "as they are" in caplog.text


@pytest.mark.parametrize("mean", [0.0, [0.5, 0.5, 0.5], 30000])
def test_a_network_with_another_scale_gets_the_values_as_they_are(rgb, mean, caplog):
    for image in (rgb / 255, rgb * 257.0, rgb.astype("uint16") * 257, rgb / 128 - 1.0):
        np.testing.assert_allclose(load(image, mean=mean), image, rtol=1e-6)
    assert not caplog.records


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused_by_index(rgb, value):
    image = rgb.astype("float32")
    image[1, 2, 0] = value
    with pytest.raises(ValueError, match="Image 4 holds NaN"):
        load(image)


def test_the_users_array_is_not_changed(rgb):
    for image in (rgb.copy(), rgb / 255, rgb - MEAN, rgb.astype("uint16") * 257):
        before = image.copy()
        load(image)
        np.testing.assert_array_equal(image, before)


# What is no image


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((5,), r"\[H, W\]"),
        ((2, 5, 7, 3), "batch"),
        ((0, 7, 3), "no pixels"),
        ((5, 0), "no pixels"),
        ((5, 7, 0), "no pixels"),
        ((5, 7, 2), "2 channels"),
        ((3, 5, 7), "last axis"),
    ],
)
def test_a_wrong_shape_is_refused_by_index_and_shape(shape, hint):
    for ask in (lambda i: load_image(i, 4, 3, MEAN), lambda i: image_shape(i, 4, 3)):
        with pytest.raises(ValueError, match=hint) as error:
            ask(np.zeros(shape, "uint8"))
        assert f"Image 4 has the shape {shape}" in str(error.value)


def test_greyscale_does_not_stand_for_four_channels(rgb):
    with pytest.raises(ValueError, match="1 channels and 4 are expected"):
        load(rgb[..., 0], 4)


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [("bool", "255"), ("object", "list of arrays"), ("complex64", "uint8")],
)
def test_a_wrong_dtype_is_refused_with_a_remedy(dtype, remedy):
    with pytest.raises(TypeError, match=rf"Image 4 has dtype {dtype}.*{remedy}"):
        load(np.ones((2, 2), dtype))


# Files


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_a_file_is_read_as_rgb(rgb, tmp_path, as_path):
    Image.fromarray(rgb).save(tmp_path / "image.png")
    np.testing.assert_array_equal(load(as_path(tmp_path / "image.png")), rgb)


def test_files_and_pictures_are_turned_upright(tmp_path):
    grey = np.zeros((16, 32), "uint8")
    grey[:8, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "image.png"
    Image.fromarray(grey).save(path, exif=exif)
    for source in (path, Image.open(path)):
        np.testing.assert_array_equal(load(source)[..., 0], np.rot90(grey, -1))


def test_a_16_bit_file_is_an_image(rgb, tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(rgb[..., 0].astype("uint16") * 257).save(path)
    np.testing.assert_allclose(load(path)[..., 1], rgb[..., 0], atol=1e-4)


def test_a_picture_of_pillow_is_an_image(rgb):
    np.testing.assert_array_equal(load(Image.fromarray(rgb)), rgb)


def test_a_missing_file_is_named(tmp_path):
    for ask in (image_shape, lambda *args: load_image(*args, MEAN)):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            ask(tmp_path / "nowhere.png", 0, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_cut_off_file_is_an_error_that_names_it(rng, tmp_path, suffix):
    path = tmp_path / f"image.{suffix}"
    noise = rng.integers(0, 256, (64, 64, 3), dtype="uint8")
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(OSError, match=rf"image\.{suffix}"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"BM"])
def test_a_file_of_another_kind_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"image\.png"):
        image_shape(path, 0, 3)


def test_a_message_is_logged_once(caplog):
    with caplog.at_level(logging.WARNING, "mrcnn"):
        warn_once("%d of a kind", 3)
        warn_once("%d of a kind", 4)
        warn_once("another kind")
    assert caplog.messages == ["3 of a kind", "another kind"]
