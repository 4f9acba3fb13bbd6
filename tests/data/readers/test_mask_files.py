import numpy as np
import pytest
from PIL import Image

from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.readers.mask_files import MaskFilesDataset, is_id_maps


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, "uint8")).save(path)


@pytest.fixture
def planes():
    planes = np.zeros((3, 5, 6), "uint8")
    planes[0, 1:3, 1:3] = 255
    planes[1, 0, 5] = 1
    return planes


@pytest.fixture
def folders(tmp_path, planes):
    """One image with two masks and an empty one, another without masks."""
    save(tmp_path / "x1" / "images" / "x1.png", np.zeros((5, 6, 4)))
    for i, plane in enumerate(planes):
        save(tmp_path / "x1" / "masks" / f"{i}.png", plane)
    save(tmp_path / "x2" / "images" / "x2.png", np.zeros((5, 6, 4)))
    (tmp_path / "x2" / "masks").mkdir()
    (tmp_path / "readme.txt").touch()
    return tmp_path


def test_every_mask_file_is_an_instance(folders, planes):
    dataset = MaskFilesDataset.from_path(folders, "nucleus")
    assert dataset.class_names == ["BG", "nucleus"]
    assert [info["id"] for info in dataset.image_info] == ["x1", "x2"]
    masks, class_ids = dataset.load_mask(0)
    np.testing.assert_array_equal(masks, np.moveaxis(planes[:2] > 0, 0, -1))
    assert class_ids.tolist() == [1, 1]
    assert class_ids.dtype == "int32"
    assert dataset.load_image(0).shape == (5, 6, 3)


def test_an_image_without_masks_has_no_instance(folders):
    masks, class_ids = MaskFilesDataset.from_path(folders).load_mask(1)
    assert masks.size == 0
    assert len(class_ids) == 0


def test_noise_in_a_mask_stays_out_and_alpha_does_not_count(tmp_path):
    save(tmp_path / "x" / "images" / "x.png", np.zeros((1, 4, 3)))
    mask = np.zeros((1, 4, 4))
    mask[0, :, 0] = [0, 9, 200, 255]
    mask[..., 3] = 255
    save(tmp_path / "x" / "masks" / "0.png", mask)
    masks, _ = MaskFilesDataset.from_path(tmp_path).load_mask(0)
    assert masks[0, :, 0].tolist() == [False, False, True, True]


def test_mask_files_of_different_shapes_are_named(folders):
    save(folders / "x1" / "masks" / "1.png", np.ones((5, 7)))
    with pytest.raises(ValueError, match=r"image 0 \(masks\.x1.*\(5, 6\), \(5, 7\)"):
        MaskFilesDataset.from_path(folders).load_mask(0)


def test_more_than_one_image_beside_the_masks_is_refused(folders):
    save(folders / "x1" / "images" / "y.png", np.zeros((5, 6)))
    with pytest.raises(ValueError, match=r"x1/images' holds 2 images"):
        MaskFilesDataset.from_path(folders)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no folders with 'images' and 'masks'"):
        MaskFilesDataset.from_path(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        MaskFilesDataset.from_path(tmp_path / "nowhere")


def test_two_folders_may_hold_two_classes(folders, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save(other / "x3" / "images" / "x3.png", np.zeros((2, 2)))
    save(other / "x3" / "masks" / "0.png", np.ones((2, 2)))
    dataset = MaskFilesDataset()
    dataset.load_mask_folders(folders, class_name="nucleus")
    dataset.load_mask_folders(other, class_name="cell")
    dataset.prepare()
    assert dataset.class_names == ["BG", "nucleus", "cell"]
    assert dataset.load_mask(0)[1].tolist() == [1, 1]
    assert dataset.load_mask(2)[1].tolist() == [2]


@pytest.fixture
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    for name in "ab":
        save(folder / "images" / f"{name}.jpg", np.zeros((2, 5, 3)))
    save(folder / "masks" / "a.png", [[0, 1, 1, 7, 255], [0, 1, 2, 7, 255]])
    return folder


def load_maps(folder, **options):
    dataset = MaskFilesDataset()
    dataset.load_id_maps(folder / "images", folder / "masks", **options)
    dataset.prepare()
    return dataset


def test_every_value_of_an_id_map_is_an_instance(maps):
    dataset = load_maps(maps, classes="leaf", ignored_values=[255])
    assert dataset.class_names == ["BG", "leaf"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 1, 1]
    assert masks.sum(axis=(0, 1)).tolist() == [3, 1, 2]
    assert masks[:, 3, 2].all()


def test_an_image_without_an_id_map_is_left_out(maps):
    dataset = load_maps(maps)
    assert [info["id"] for info in dataset.image_info] == ["a"]
    assert dataset.left_out == {"images without a mask file": 1}
    (maps / "masks" / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match="None of the 2 images"):
        load_maps(maps)


def test_values_may_name_the_class(maps):
    dataset = load_maps(maps, classes={7: "stem", 1: "leaf", 2: "leaf"})
    assert dataset.class_names == ["BG", "stem", "leaf"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [2, 2, 1]
    assert masks.shape == (2, 5, 3)


def test_a_value_may_hold_class_and_instance(maps):
    ids = np.array([[26001, 26002, 24001, 0, 9]], "uint16")
    Image.fromarray(ids).save(maps / "masks" / "a.png")
    dataset = load_maps(maps, classes={24: "person", 26: "car"}, values_per_class=1000)
    assert dataset.load_mask(0)[1].tolist() == [1, 2, 2]


def test_an_id_map_of_zeros_has_no_instance(maps):
    save(maps / "masks" / "a.png", np.zeros((2, 5)))
    masks, class_ids = load_maps(maps).load_mask(0)
    assert masks.shape == (2, 5, 0)
    assert class_ids.dtype == "int32"


def test_id_maps_are_recognised_by_pairs_of_names(maps, folders):
    assert is_id_maps(maps)
    assert not is_id_maps(folders)
    assert not is_id_maps(folders / "x1")
    assert MaskFilesDataset.from_path(maps, "leaf").num_images == 1


def test_real_mask_files_hold_what_the_coco_file_says(data_folder):
    native = MaskFilesDataset()
    native.load_mask_folders(data_folder / "nucleus_native" / "stage1_train")
    native.prepare()
    assert native.num_images == 140
    coco = CocoDataset.from_path(data_folder / "nucleus" / "instances_val_small.json")
    for image_id in coco.image_ids[::3]:
        name = coco.image_info[image_id]["path"].split("/")[-1].removesuffix(".png")
        other = native.image_from_source_map[f"masks.{name}"]
        image, other_image = coco.load_image(image_id), native.load_image(other)
        np.testing.assert_array_equal(image, other_image)
        masks, other_masks = coco.load_mask(image_id)[0], native.load_mask(other)[0]
        assert masks.shape == other_masks.shape
        as_sets = [
            {plane.tobytes() for plane in np.moveaxis(m, -1, 0)}
            for m in (masks, other_masks)
        ]
        assert as_sets[0] == as_sets[1]
