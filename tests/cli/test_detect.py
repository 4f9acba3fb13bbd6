import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mrcnn.cli import main
from mrcnn.data.image_files import read_ids
from mrcnn.data.open_dataset import open_dataset
from mrcnn.inference.videos import VideoWriter, read_video


@pytest.fixture
def photos(data, tmp_path):
    """A folder with a PNG, a grey JPEG, and a folder with another PNG."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    shutil.copy(data / "images" / "1.png", folder / "a.png")
    Image.open(folder / "a.png").convert("L").save(folder / "b.jpg")
    shutil.copy(data / "images" / "2.png", folder / "more" / "a.png")
    return folder


def detect(*words, weights, folder):
    """-> exit code, what detections.json holds or None"""
    output = folder.parent / "found"
    options = ["--weights", str(weights), "--output", str(output)]
    code = main(["detect", *map(str, words), *options])
    file = output / "detections.json"
    return code, json.loads(file.read_text()) if file.exists() else None


def files_in(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_pictures_masks_and_json_are_written(photos, weights, capsys):
    options = ["--save", "pictures,json,masks", "--recursive"]
    code, found = detect(photos, *options, weights=weights, folder=photos)
    assert code == 0
    names = ["a.png", "b", "more/a.png"]
    assert files_in(photos.parent / "found") == [
        "detections.json",
        "masks/a.png",
        "masks/b.png",
        "masks/more/a.png",
        "pictures/a.png",
        "pictures/b.jpg",
        "pictures/more/a.png",
    ]
    image = np.asarray(Image.open(photos / "a.png").convert("RGB"))
    picture = np.asarray(Image.open(photos.parent / "found/pictures/a.png"))
    assert picture.shape == image.shape
    assert (picture != image).any()
    ids = read_ids(photos.parent / "found" / "masks" / "a.png")
    assert ids.shape == image.shape[:2]
    assert ids.max() >= 1
    assert [one["name"] for one in found["categories"]] == ["cat", "dog"]
    assert len(found["images"]) == len(names)
    printed = capsys.readouterr().out
    assert "3/3" in printed
    assert "Found in 3 images: " in printed


def test_the_json_is_a_dataset(photos, weights):
    _, found = detect(photos, weights=weights, folder=photos)
    dataset = open_dataset(photos.parent / "found" / "detections.json")
    assert dataset.class_names == ["BG", "cat", "dog"]
    assert dataset.num_images == 2
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape[-1] == len(class_ids) >= 1
    assert all(one["score"] > 0 for one in found["annotations"])


def test_an_image_that_cannot_be_read_is_skipped_with_code_1(photos, weights, capsys):
    (photos / "0.jpg").write_text("broken")
    Image.fromarray(np.zeros((8, 8, 2), "uint8"), "LA").save(photos / "c.png")
    code, found = detect(photos, weights=weights, folder=photos)
    assert code == 1
    assert len(found["images"]) >= 2
    written = capsys.readouterr().err
    assert "skipped: " in written
    assert "0.jpg" in written
    assert "could not be read" in written


def test_a_video_becomes_a_video(photos, weights, capsys):
    image = np.asarray(Image.open(photos / "a.png").convert("RGB"))
    with VideoWriter(photos / "clip.avi", 7) as writer:
        for _ in range(3):
            writer.write(image)
    (photos / "damaged.mp4").write_text("broken")
    clips = [photos / "clip.avi", photos / "damaged.mp4"]
    options = ["--save", "pictures,json,masks"]
    code, found = detect(*clips, *options, weights=weights, folder=photos)
    assert code == 1
    assert found is None
    folder = photos.parent / "found"
    video = read_video(folder / "pictures" / "clip.mp4")
    assert len(list(video)) == 3
    assert video.fps == pytest.approx(7)
    entries = json.loads((folder / "clip.json").read_text())["images"]
    assert [entry["index_in_video"] for entry in entries] == [0, 1, 2]
    assert "masks/clip/000002.png" in files_in(folder)
    assert not (folder / "pictures" / "damaged.mp4").exists()
    assert "damaged.mp4" in capsys.readouterr().err


def test_boxes_alone_and_only_sure_ones(photos, weights, capsys):
    options = ["--no-masks", "--min-confidence", "1", "--save", "json"]
    code, found = detect(photos / "a.png", *options, weights=weights, folder=photos)
    assert code == 0
    assert found["annotations"] == []
    assert "1/1" in capsys.readouterr().out
    _, found = detect(photos / "a.png", "--no-masks", weights=weights, folder=photos)
    assert found["annotations"]
    assert "segmentation" not in found["annotations"][0]


def test_a_report_shows_the_images(photos, weights, tmp_path, capsys):
    report = tmp_path / "report"
    code, _ = detect(photos, "--report", report, weights=weights, folder=photos)
    assert code == 0
    assert "b.jpg" in (report / "index.html").read_text()
    assert str(report / "index.html") in capsys.readouterr().out


def test_class_names_can_be_given(photos, weights, capsys):
    words = [photos / "a.png", "--classes", "hound,tiger"]
    _, found = detect(*words, weights=weights, folder=photos)
    assert [one["name"] for one in found["categories"]] == ["hound", "tiger"]
    with pytest.raises(SystemExit):
        detect(photos, "--classes", "hound", weights=weights, folder=photos)
    assert "--classes names 1 classes, but the weights are of 2" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("word", "text"),
    [("nowhere.jpg", "nowhere.jpg"), ("*.nothing", "match"), (".", "no image")],
)
def test_images_that_are_not_there_are_said_at_once(
    word, text, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["detect", word, "--weights", "never_looked_at.h5"]) == 1
    assert text in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_was_found_before_ctrl_c_is_kept(photos, weights, monkeypatch):
    from mrcnn.cli.detection_output import DetectionOutput

    add = DetectionOutput.add_image

    def add_and_stop(self, *arguments):
        add(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(DetectionOutput, "add_image", add_and_stop)
    code, found = detect(photos, weights=weights, folder=photos)
    assert code == 130
    assert len(found["images"]) == 1
