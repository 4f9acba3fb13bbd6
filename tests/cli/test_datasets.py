import numpy as np
import pytest

from mrcnn.cli.datasets import (
    check_exist,
    check_shows_objects,
    evenly,
    name_of_data,
    open_all,
    open_for_training,
    set_channels,
)
from mrcnn.data.dataset import Dataset
from tests.data.checks.broken_copies import NUM_IMAGES, open_coco, write_sound_coco


@pytest.fixture
def both(tmp_path):
    """A folder with `train` and `val` in it."""
    for name in ("train", "val"):
        open_coco(tmp_path / name, write_sound_coco(tmp_path / name))
    return str(tmp_path)


def test_a_folder_with_train_and_val_gives_both(both):
    assert open_all([both], None).num_images == 2 * NUM_IMAGES
    data = open_for_training([both], [], None)
    assert data.train.num_images == data.val.num_images == NUM_IMAGES
    assert data.val_paths == [f"{both}/val"]


def test_validation_data_that_is_named_takes_the_place_of_val(both):
    data = open_for_training([both], [f"{both}/train", f"{both}/val"], None)
    assert data.train.num_images == NUM_IMAGES
    assert data.val.num_images == 2 * NUM_IMAGES
    assert open_for_training([f"{both}/train"], [], None).val is None


def test_validation_data_has_the_classes_of_the_training_data(both):
    data = open_for_training([both], [], ["dog", "cow"])
    assert data.train.class_names == data.val.class_names == ["BG", "dog", "cow"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("balloon", "balloon"),
        ("Balloon 2/train", "balloon_2"),
        ("balloon/annotations/instances_train.json", "balloon"),
        ("balloon/val/via.json", "balloon"),
    ],
)
def test_a_run_is_called_after_the_folder_that_says_the_most(tmp_path, path, name):
    full = tmp_path / path
    full.parent.mkdir(parents=True, exist_ok=True)
    if not full.suffix:
        full.mkdir(parents=True, exist_ok=True)
    assert name_of_data(str(full)) == name


def test_missing_paths_are_named(tmp_path):
    check_exist([str(tmp_path)])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        check_exist([str(tmp_path), "nowhere"])


def test_some_images_lie_evenly_in_the_dataset(both):
    dataset = open_all([both], None)
    assert evenly(dataset, None) is None
    assert evenly(dataset, 999) is None
    assert evenly(dataset, 2) == [0, 2 * NUM_IMAGES - 1]


def test_channels_reach_the_parts_of_a_combined_dataset(both):
    dataset = open_all([both], None)
    set_channels(dataset, 4)
    assert {part.channel_count for part in [dataset, *dataset.parts]} == {4}


class Images(Dataset):
    """Images of which each tells the class ids of its objects, or cannot be read."""

    def load_mask(self, image_id):
        class_ids = self.image_info[image_id]["class_ids"]
        if class_ids is None:
            raise OSError("cannot be read")
        return np.ones((8, 8, len(class_ids)), bool), np.array(class_ids)


def images_of(*class_ids):
    dataset = Images()
    dataset.add_class("toy", 1, "cow")
    for number, ids in enumerate(class_ids):
        dataset.add_image("toy", number, "nowhere", class_ids=ids)
    dataset.prepare()
    return dataset


@pytest.mark.parametrize("class_ids", [[[], [1]], [[], None]])
def test_data_with_an_object_somewhere_can_be_trained_on(class_ids):
    check_shows_objects(images_of(*class_ids), ["folder"])


@pytest.mark.parametrize(
    ("class_ids", "text"),
    [
        ([], "no image to train on in one, two"),
        ([[], []], "none of the 2 images in one, two shows any of cow"),
        ([[-1]], "no object to train on"),
    ],
)
def test_data_that_teaches_nothing_is_refused(class_ids, text):
    with pytest.raises(ValueError, match=text):
        check_shows_objects(images_of(*class_ids), ["one", "two"])
