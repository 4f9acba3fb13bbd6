import pytest

from mrcnn.data.annotation_files import (
    check_folder,
    find_image,
    list_images,
    read_json,
    read_xml,
)


def test_json_is_read_with_and_without_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}', encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_damaged_and_missing_files_are_named(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(ValueError, match=r"a\.json' is not a json file: .*column"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.xml").write_text("<a><b></a>")
    with pytest.raises(ValueError, match=r"a\.xml' is not an xml file: .*column"):
        read_xml(tmp_path / "a.xml")
    with pytest.raises(FileNotFoundError, match=r"b\.json"):
        read_json(tmp_path / "b.json")


def test_binary_files_are_not_json(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match=r"a\.json"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "name", ["b.jpg", "sub/b.jpg", "C:\\data\\b.jpg", "/home/me/b.jpg", "b.JPEG", "b"]
)
def test_images_are_found_whatever_machine_named_them(tmp_path, name):
    (tmp_path / "b.jpg").touch()
    assert find_image(name, [tmp_path / "none", tmp_path]) == tmp_path / "b.jpg"


def test_the_name_itself_comes_first(tmp_path):
    (tmp_path / "sub").mkdir()
    for path in ("b.png", "b.jpg", "sub/b.jpg"):
        (tmp_path / path).touch()
    assert find_image("sub/b.jpg", [tmp_path]) == tmp_path / "sub" / "b.jpg"
    assert find_image("b.png", [tmp_path]) == tmp_path / "b.png"
    assert find_image("c.png", [tmp_path]) is None


def test_a_dot_in_a_stem_is_not_a_suffix(tmp_path):
    (tmp_path / "b.v2.png").touch()
    assert find_image("b.v2.jpg", [tmp_path]) == tmp_path / "b.v2.png"


def test_only_images_are_listed_by_name(tmp_path):
    for name in ("b.PNG", "a.tif", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["a.tif", "b.PNG"]


def test_a_missing_folder_is_said_with_what_it_should_hold(tmp_path):
    assert check_folder(str(tmp_path), "images") == tmp_path
    with pytest.raises(FileNotFoundError, match=r"nowhere.*a folder of images"):
        check_folder(tmp_path / "nowhere", "images")
