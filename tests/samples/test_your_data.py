import numpy as np
from PIL import Image

from mrcnn.data.coco_writer import write_coco
from mrcnn.data.shapes import ShapesDataset
from samples import your_data
from tests.samples.tiny_runs import drawn_shapes, make_tiny, write_weights


def test_the_example_reads_back_the_masks_that_were_written(tmp_path):
    your_data.write_example_images(tmp_path, 3, seed=5)
    dataset = your_data.YourDataset()
    dataset.load_folder(tmp_path)
    drawn = ShapesDataset()
    drawn.load_shapes(3, 128, 128, seed=5)
    drawn.prepare()
    for image_id in range(3):
        np.testing.assert_array_equal(
            dataset.load_image(image_id), drawn.load_image(image_id)
        )
        found = sorted_instances(*dataset.load_mask(image_id))
        assert found == sorted_instances(*drawn.load_mask(image_id))


def sorted_instances(masks, class_ids):
    """Class ids and masks in an order that does not depend on the files' names."""
    pairs = zip(class_ids.tolist(), np.moveaxis(masks, -1, 0), strict=True)
    return sorted((class_id, mask.tobytes()) for class_id, mask in pairs)


def test_an_image_without_objects_has_no_masks(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "empty.png")
    dataset = your_data.YourDataset()
    dataset.load_folder(tmp_path)
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (30, 40, 0)
    assert class_ids.shape == (0,)


def test_it_runs_as_it_stands_and_goes_on_later(monkeypatch, tmp_path, capsys):
    make_tiny(monkeypatch, your_data.SmallConfig)
    monkeypatch.setattr(your_data, "NUM_EXAMPLES", 20)
    output = f"--output={tmp_path / 'out'}"
    your_data.main(["--epochs=1", output])
    printed = capsys.readouterr().out
    assert "Found 0 errors" in printed
    assert "triangle" in printed
    assert Image.open(tmp_path / "out" / "found_0.png").size == (128, 128)

    your_data.main(["--epochs=2", "--resume", output])
    checkpoints = sorted(tmp_path.glob("out/logs/*/*.h5"))
    assert [path.name[-7:] for path in checkpoints] == ["0001.h5", "0002.h5"]


def test_a_folder_in_a_known_format_and_weights_to_start_from(
    monkeypatch, tmp_path, capsys
):
    make_tiny(monkeypatch, your_data.YourConfig)
    data = tmp_path / "data"
    write_coco(drawn_shapes(5), data / "all.json", image_folder=data / "images")
    other = your_data.YourConfig()
    other.NUM_CLASSES = 1 + 8
    weights = write_weights(tmp_path / "other.h5", other)
    output = tmp_path / "out"
    your_data.main(
        [f"--data={data}", f"--weights={weights}", "--epochs=2", f"--output={output}"]
    )
    assert "triangle" in capsys.readouterr().out
    # One image of five is kept apart.
    assert [path.name for path in output.glob("*.png")] == ["found_0.png"]


def test_folders_called_train_and_val_are_taken_as_such(tmp_path):
    for name, num_images in (("train", 3), ("val", 2)):
        folder = tmp_path / name
        write_coco(drawn_shapes(num_images), folder / "a.json", image_folder=folder)
    train_dataset, val_dataset = your_data.open_data(tmp_path)
    assert (train_dataset.num_images, val_dataset.num_images) == (3, 2)
    assert train_dataset.class_names == val_dataset.class_names


def test_otherwise_every_fifth_image_is_kept_apart(tmp_path):
    write_coco(drawn_shapes(7), tmp_path / "a.json", image_folder=tmp_path)
    train_dataset, val_dataset = your_data.open_data(tmp_path)
    ids = [[info["id"] for info in d.image_info] for d in (train_dataset, val_dataset)]
    assert ids == [[2, 3, 4, 5, 7], [1, 6]]
    # Numbered anew, so that ids fit the images.
    drawn = drawn_shapes(7)
    np.testing.assert_array_equal(val_dataset.load_image(1), drawn.load_image(5))
    assert len(val_dataset.load_mask(1)[1]) == len(drawn.load_mask(5)[1])
