import csv

import numpy as np
import pytest
from PIL import Image

from mrcnn.inference.results import Instances
from samples.nucleus import nucleus
from tests.samples.tiny_runs import SIDE, drawn_shapes, make_tiny, write_image


def write_nuclei(folder, num_images):
    """Shapes for nuclei, in the competition's layout."""
    shapes = drawn_shapes(num_images)
    for image_id in shapes.image_ids:
        entry = folder / f"cell{image_id}"
        # The competition's images have an alpha channel.
        image = np.dstack([shapes.load_image(image_id), np.full((SIDE, SIDE), 255)])
        write_image(entry / "images" / f"{entry.name}.png", image.astype("uint8"))
        masks, _ = shapes.load_mask(image_id)
        for i in range(masks.shape[-1]):
            pixels = masks[..., i].astype("uint8") * 255
            write_image(entry / "masks" / f"{i}.png", pixels)
    return folder


def decode(runs, image_shape):
    """The mask of "start length start length ...", pixel by pixel."""
    numbers = [int(number) for number in runs.split()]
    pixels = np.zeros(image_shape[0] * image_shape[1], bool)
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        for place in range(start, start + length):
            pixels[place - 1] = True
    return pixels.reshape(image_shape[::-1]).T


def test_runs_go_down_the_columns_and_count_from_one():
    mask = np.zeros((3, 4), bool)
    mask[1:, 0] = mask[0, 1] = mask[2, 3] = True
    # Column 0 holds pixels 1 to 3, column 1 pixels 4 to 6, column 3 10 to 12.
    assert nucleus.run_lengths(mask) == "2 3 12 1"
    assert nucleus.run_lengths(np.zeros((3, 4), bool)) == ""
    assert nucleus.run_lengths(np.ones((3, 4), bool)) == "1 12"


def test_runs_decode_to_the_mask(rng):
    mask = rng.random((13, 17)) > 0.5
    np.testing.assert_array_equal(decode(nucleus.run_lengths(mask), (13, 17)), mask)


def test_a_pixel_goes_to_the_best_mask_that_claims_it():
    masks = np.zeros((4, 4, 3), bool)
    masks[:, :2, 0] = masks[:2, :, 1] = masks[0, 0, 2] = True
    parts = nucleus.without_overlaps(masks, np.array([0.6, 0.9, 0.5]))
    assert [int(parts[..., i].sum()) for i in range(3)] == [4, 8, 0]
    np.testing.assert_array_equal(parts[..., 1], masks[..., 1])
    np.testing.assert_array_equal(parts.any(-1), masks.any(-1))


def test_a_mask_without_a_pixel_of_its_own_has_no_line():
    masks = np.ones((2, 2, 2), bool)
    found = Instances.from_masks(None, [1, 1], [0.9, 0.8], masks)
    assert nucleus.submission_lines(found) == ["1 4"]
    assert nucleus.submission_lines(found[:0]) == [""]


def test_every_tenth_image_is_kept_for_validation(tmp_path):
    write_nuclei(tmp_path, 12)
    counts = {}
    for subset in ("train", "val", "all"):
        dataset = nucleus.NucleusDataset()
        dataset.load_nucleus(tmp_path, subset)
        counts[subset] = dataset.num_images
    assert counts == {"train": 10, "val": 2, "all": 12}


def test_masks_are_read_from_their_files(tmp_path):
    write_nuclei(tmp_path, 1)
    dataset = nucleus.NucleusDataset()
    dataset.load_nucleus(tmp_path)
    expected, _ = drawn_shapes(1).load_mask(0)
    masks, class_ids = dataset.load_mask(0)
    np.testing.assert_array_equal(masks, expected)
    np.testing.assert_array_equal(class_ids, [1] * expected.shape[-1])
    assert dataset.load_image(0).shape == (SIDE, SIDE, 3)


def test_a_folder_without_images_is_an_error_that_says_so(tmp_path):
    with pytest.raises(ValueError, match="stage1_train"):
        nucleus.NucleusDataset().load_nucleus(tmp_path)


def test_from_training_to_a_submission(monkeypatch, tmp_path, capsys):
    make_tiny(monkeypatch, nucleus.NucleusConfig, nucleus.SmallNucleusConfig)
    data = write_nuclei(tmp_path / "stage1_train", 3)
    places = [f"--dataset={data}", f"--logs={tmp_path / 'logs'}"]
    nucleus.main(["train", "--small", "--weights=none", "--epochs=1", *places])
    assert "nucleus" in capsys.readouterr().out

    output = tmp_path / "found"
    nucleus.main(["detect", "--small", "--weights=last", f"--output={output}", *places])
    with open(output / "submission.csv", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["ImageId", "EncodedPixels"]
    assert {name for name, _ in rows} == {"cell0", "cell1", "cell2"}
    for cell in ("cell0", "cell1", "cell2"):
        masks = [decode(runs, (SIDE, SIDE)) for name, runs in rows if name == cell]
        assert np.sum(masks, axis=0).max() <= 1
        assert Image.open(output / f"{cell}.png").size == (SIDE, SIDE)
