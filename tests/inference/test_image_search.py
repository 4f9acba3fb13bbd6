import pytest

from mrcnn.inference.image_search import find_images


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("b.png", "A.JPG", "notes.txt", ".hidden.png", "more/a.png", "c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names_of(files):
    return [file.name for file in files]


def test_a_folder_stands_for_its_images_and_videos(folder):
    files = find_images([folder])
    assert names_of(files) == ["A", "b", "c"]
    assert [file.is_video for file in files] == [False, False, True]


def test_folders_in_folders_are_looked_through_on_demand(folder):
    assert names_of(find_images(["."], recursive=True)) == ["A", "b", "c", "more/a"]


def test_patterns_and_files_of_any_ending_are_taken(folder):
    assert names_of(find_images(["*.png", "notes.txt"])) == ["b", "notes"]
    assert names_of(find_images(["**/*.png"])) == ["b", "a"]


def test_a_file_named_twice_is_taken_once(folder):
    assert names_of(find_images(["b.png", ".", folder / "b.png"])) == ["b", "A", "c"]


def test_names_differ_also_where_case_does_not_count(folder):
    assert names_of(find_images(["A.JPG", "more/a.png"])) == ["A", "a_2"]


@pytest.mark.parametrize(
    ("word", "text"),
    [("nowhere.png", "no image, folder or match"), ("*.gif", r"'\*\.gif'")],
)
def test_what_stands_for_nothing_is_an_error(folder, word, text):
    with pytest.raises(FileNotFoundError, match=text):
        find_images(["b.png", word])


def test_a_folder_without_images_says_what_was_looked_for(folder):
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"\.jpg.*unless recursive"):
        find_images(["empty"])
