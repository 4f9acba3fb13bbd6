import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin

from mrcnn.data.image_files import (
    fit_channels,
    image_shape_or_none,
    read_ids,
    read_image,
    read_image_shape,
    read_pixels,
    to_8_bits,
)

ORIENTATION = 0x0112


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (6, 9, 3)).astype("uint8")


def test_a_png_comes_back_as_written(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture)
    assert read_image_shape(tmp_path / "a.png") == (6, 9)


def test_the_pixels_can_be_written_to(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    image[0, 0] = 7
    assert image[0, 0].tolist() == [7, 7, 7]


def test_grey_is_repeated_and_alpha_dropped(tmp_path, picture):
    Image.fromarray(picture[..., 0]).save(tmp_path / "grey.png")
    grey = read_image(tmp_path / "grey.png")
    np.testing.assert_array_equal(grey, np.repeat(picture[..., :1], 3, axis=-1))

    rgba = np.dstack([picture, np.full((6, 9), 40, "uint8")])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), picture)
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png", 4), rgba)


def test_colours_become_grey_for_one_channel(tmp_path):
    image = np.zeros((1, 3, 3), "uint8")
    image[0] = [[255, 0, 0], [0, 200, 0], [9, 9, 9]]
    Image.fromarray(image).save(tmp_path / "a.png")
    grey = read_image(tmp_path / "a.png", 1)
    assert grey[..., 0].tolist() == [[76, 117, 9]]


def test_floats_become_grey_without_rounding():
    assert fit_channels(np.full((1, 1, 3), 0.25), 1).item() == pytest.approx(0.25)


def test_palettes_bilevel_and_cmyk_images_become_rgb(tmp_path):
    red = np.zeros((4, 5, 3), "uint8")
    red[..., 0] = 255
    for mode, name in [("P", "a.png"), ("1", "b.png"), ("CMYK", "c.tif")]:
        Image.fromarray(red).convert(mode).save(tmp_path / name)
        assert read_image(tmp_path / name).shape == (4, 5, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), red)
    np.testing.assert_array_equal(read_image(tmp_path / "c.tif"), red)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda image: image),
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (6, lambda image: np.rot90(image, -1)),
        (8, lambda image: np.rot90(image, 1)),
    ],
)
def test_exif_orientation_is_honoured(tmp_path, orientation, upright):
    image = np.zeros((32, 64, 3), "uint8")
    image[:16, :16] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=100, exif=exif)
    expected = upright(image)
    read = read_image(tmp_path / "a.jpg").astype(int)
    assert abs(read - expected).max() < 3
    assert read_image_shape(tmp_path / "a.jpg") == expected.shape[:2]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_divided_by_257(tmp_path, name):
    values = np.array([[0, 257, 65535], [128, 129, 2570]], "uint16")
    Image.fromarray(values).save(tmp_path / name)
    image = read_image(tmp_path / name, 1)
    assert image.dtype == "uint8"
    assert image[..., 0].tolist() == [[0, 1, 255], [0, 1, 10]]


def test_8_bit_values_in_16_bit_files_are_kept(tmp_path):
    Image.fromarray(np.array([[0, 255]], "uint16")).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", 1)[..., 0].tolist() == [[0, 255]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("layout", ["last", "declared last", "first", "pages"])
def test_five_channel_tiffs_are_read_whole(tmp_path, rng, dtype, layout):
    image = rng.integers(0, 256, (12, 10, 5)).astype(dtype)
    path = tmp_path / "a.tif"
    if layout == "last":
        tifffile.imwrite(path, image)
    elif layout == "declared last":
        tifffile.imwrite(path, image, photometric="rgb")
    elif layout == "first":
        options = {"photometric": "minisblack", "planarconfig": "separate"}
        tifffile.imwrite(path, np.moveaxis(image, -1, 0), **options)
    else:
        tifffile.imwrite(path, np.moveaxis(image, -1, 0))
    np.testing.assert_array_equal(read_image(path, 5), image)
    assert read_image_shape(path) == (12, 10)


def test_a_tiff_of_more_than_three_axes_is_refused(tmp_path):
    stack = np.zeros((3, 4, 8, 9), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    with pytest.raises(OSError, match=r"a\.tif.*height, a width and channels"):
        read_image(tmp_path / "a.tif")


def test_a_number_of_channels_that_does_not_fit_is_refused(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    with pytest.raises(OSError, match=r"a\.png.*3 channels and 5 are expected"):
        read_image(tmp_path / "a.png", 5)
    with pytest.raises(ValueError, match="channel_count to 2"):
        fit_channels(np.zeros((2, 2, 2), "uint8"), 3)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.png"):
        read_image("nowhere/a.png")
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.png"):
        read_image_shape("nowhere/a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_damaged_files_are_named(tmp_path, rng, name):
    path = tmp_path / name
    Image.fromarray(rng.integers(0, 256, (40, 40, 3)).astype("uint8")).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OSError, match=f"{name}.*damaged"):
        read_image(path)
    path.write_bytes(b"")
    with pytest.raises(OSError, match=f"{name}.*damaged"):
        read_image_shape(path)


def test_floats_up_to_one_are_shares_and_larger_ones_grey_levels():
    assert to_8_bits(np.array([0.0, 0.5, 1.0])).tolist() == [0, 128, 255]
    assert to_8_bits(np.array([0.0, 99.6, 255.0])).tolist() == [0, 100, 255]


@pytest.mark.parametrize("wrong", [np.nan, -1.0, 1e6, np.inf])
def test_values_of_unknown_scale_are_refused(wrong):
    with pytest.raises(ValueError, match="Override load_image"):
        to_8_bits(np.array([0.0, wrong]))


def test_ids_are_indices_values_or_colours(tmp_path):
    ids = np.array([[0, 1], [2, 200]], "uint8")
    palette = Image.fromarray(ids, "P")
    palette.putpalette([7] * 768)
    palette.save(tmp_path / "palette.png")
    assert read_ids(tmp_path / "palette.png").tolist() == ids.tolist()

    Image.fromarray(ids.astype("uint16") + 26000).save(tmp_path / "deep.png")
    assert read_ids(tmp_path / "deep.png").tolist() == [[26000, 26001], [26002, 26200]]

    Image.fromarray(np.dstack([ids, ids, ids * 0])).save(tmp_path / "colour.png")
    assert read_ids(tmp_path / "colour.png").tolist() == [[0, 257], [514, 200 * 257]]


def test_pixels_keep_the_files_depth(tmp_path):
    Image.fromarray(np.array([[3, 65535]], "uint16")).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png").tolist() == [[3, 65535]]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_turned_tiffs_are_upright(tmp_path, rng, compression, orientation):
    pixels = rng.integers(0, 256, (20, 30, 3)).astype("uint8")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = orientation
    path = tmp_path / "turned.tiff"
    Image.fromarray(pixels).save(path, tiffinfo=tags, compression=compression)
    upright = {
        1: pixels,
        3: np.rot90(pixels, 2),
        6: np.rot90(pixels, -1),
        8: np.rot90(pixels),
    }[orientation]
    np.testing.assert_array_equal(read_image(path), upright)
    assert read_image_shape(path) == upright.shape[:2]


def test_the_shape_of_a_file_that_cannot_be_read_is_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture at all")
    Image.new("RGB", (9, 6)).save(tmp_path / "b.png")
    shapes = [image_shape_or_none(tmp_path / name) for name in ("a.png", "b.png", "c")]
    assert shapes == [None, (6, 9), None]
