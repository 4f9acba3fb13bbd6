import pytest
from PIL import Image

from mrcnn.data.readers.voc import VocDataset
from mrcnn.geometry.masks import mask_bounds


def voc_object(name, box, difficult=0):
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inside = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{inside}</bndbox></object>"
    )


CAT = voc_object("cat", (1, 1, 3, 2))
HARD_DOG = voc_object("dog", (3, 2, 12, 9), difficult=1)


@pytest.fixture
def write(tmp_path):
    """Writes `Annotations` and `JPEGImages`."""
    for folder in ("Annotations", "JPEGImages"):
        (tmp_path / folder).mkdir()

    def write_file(stem, objects, image=True, filename=None):
        if image:
            Image.new("RGB", (12, 9)).save(tmp_path / "JPEGImages" / f"{stem}.jpg")
        text = f"<annotation><filename>{filename or stem + '.jpg'}</filename>{objects}"
        path = tmp_path / "Annotations" / f"{stem}.xml"
        path.write_text(text + "</annotation>")
        return tmp_path

    return write_file


def test_boxes_count_from_one_and_include_their_last_pixel(write):
    dataset = VocDataset.from_path(write("a", CAT + HARD_DOG))
    assert dataset.class_names == ["BG", "cat", "dog"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2]
    assert mask_bounds(masks).tolist() == [[0, 0, 2, 3], [1, 2, 9, 12]]
    assert masks.sum(axis=(0, 1)).tolist() == [6, 80]
    assert dataset.load_image(0).shape == (9, 12, 3)


@pytest.mark.parametrize(
    ("difficult", "class_ids"), [("keep", [1, 2]), ("skip", [1]), ("crowd", [1, -2])]
)
def test_difficult_objects_are_kept_skipped_or_crowds(write, difficult, class_ids):
    dataset = VocDataset()
    folder = write("a", CAT + HARD_DOG)
    dataset.load_voc(folder, difficult=difficult, class_names=["cat", "dog"])
    dataset.prepare()
    assert dataset.load_mask(0)[1].tolist() == class_ids
    assert dataset.left_out["difficult objects"] == (difficult == "skip")


def test_difficult_takes_no_other_word(write):
    with pytest.raises(ValueError, match="difficult is 'drop'"):
        VocDataset().load_voc(write("a", CAT), difficult="drop")


def test_images_without_objects_are_kept_and_missing_ones_counted(write):
    write("a", "")
    write("b", CAT, image=False)
    dataset = VocDataset.from_path(write("c", CAT))
    assert [info["id"] for info in dataset.image_info] == ["a", "c"]
    assert dataset.load_mask(0)[0].shape == (9, 12, 0)
    assert dataset.left_out == {"images without a file": 1}


def test_an_image_set_names_the_files(write, tmp_path):
    for stem in "abc":
        write(stem, CAT)
    (tmp_path / "cat_train.txt").write_text("c  1\na -1\n\n")
    dataset = VocDataset()
    dataset.load_voc(tmp_path, image_set=tmp_path / "cat_train.txt")
    assert [info["id"] for info in dataset.image_info] == ["c", "a"]


def test_a_wrong_file_name_falls_back_to_the_files_own(write):
    dataset = VocDataset.from_path(write("a", CAT, filename="IMG_0001.jpg"))
    assert dataset.image_info[0]["path"].endswith("a.jpg")


def test_images_may_lie_beside_or_elsewhere(write, tmp_path):
    write("a", CAT)
    (tmp_path / "JPEGImages").rename(tmp_path / "pictures")
    with pytest.raises(FileNotFoundError, match=r"JPEGImages.*image_folder="):
        VocDataset.from_path(tmp_path)
    dataset = VocDataset.from_path(tmp_path, tmp_path / "pictures")
    assert dataset.num_images == 1
    (tmp_path / "pictures" / "a.jpg").rename(tmp_path / "Annotations" / "a.jpg")
    assert VocDataset.from_path(tmp_path / "Annotations").num_images == 1


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        VocDataset.from_path(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "box", ["", "<bndbox><xmin>1</xmin></bndbox>", "<bndbox><xmin>x</xmin></bndbox>"]
)
def test_an_object_without_a_whole_box_is_named(write, box):
    folder = write("a", f"<object><name>cat</name>{box}</object>")
    with pytest.raises(ValueError, match=r"a\.xml.*'cat'.*xmin, ymin, xmax"):
        VocDataset.from_path(folder)
