import numpy as np
import pytest
from PIL import Image

from mrcnn.report.reports import write_detection_report, write_evaluation_report
from tests.data.scene_dataset import SceneDataset
from tests.evaluation.drawn import rectangles
from tests.report.pages import (
    GT_BOXES,
    SHAPE,
    drawn_dataset,
    evaluation_of,
    mixed_scenes,
    page_data,
)
from tests.report.test_thumbnails import decoded


def test_the_page_of_an_evaluation_holds_its_numbers_and_pictures(tmp_path):
    dataset, found = mixed_scenes()
    evaluation = evaluation_of(dataset, found)
    path = write_evaluation_report(tmp_path, evaluation, dataset, title="Mine")
    assert path == tmp_path / "index.html"
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]
    data = page_data(path)
    assert (data["title"], data["kind"]) == ("Mine", "evaluation")
    numbers = evaluation.to_dict()
    assert data["coco"]["masks"] == numbers["coco"]["masks"]
    assert data["coco"]["boxes"] == numbers["coco"]["boxes"]
    assert data["errors"] == numbers["errors"]
    assert data["confusion"] == numbers["confusion"]
    assert [image["name"] for image in data["images"]] == [
        "scenes 1",
        "scenes 2",
        "scenes 0",
        "scenes 3",
    ]
    picture, _ = decoded(data["images"][0]["picture"])
    color = np.asarray(picture)[30, 30].astype(int)
    assert np.abs(color - dataset.load_image(1)[30, 30]).max() < 25


def test_the_gallery_may_be_shorter_than_the_dataset(tmp_path):
    dataset, found = mixed_scenes()
    seen = []
    path = write_evaluation_report(
        tmp_path,
        evaluation_of(dataset, found),
        dataset,
        max_images=2,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    data = page_data(path)
    assert [image["id"] for image in data["images"]] == [1, 2]
    assert (data["num_images"], seen) == (4, [(1, 2), (2, 2)])


@pytest.mark.parametrize("masks", [True, False])
def test_nothing_to_find_and_nothing_found_makes_a_page(tmp_path, masks):
    dataset = SceneDataset([])
    page_data(write_evaluation_report(tmp_path, evaluation_of(dataset, []), dataset))
    dataset, _ = mixed_scenes()
    found = [rectangles([], SHAPE, masks=masks)] * 4
    evaluation = evaluation_of(dataset, found)
    data = page_data(write_evaluation_report(tmp_path, evaluation, dataset))
    assert (data["coco"]["masks"] is None) == (not masks)
    assert data["errors"]["counts"]["missed"] == 8


def test_detections_alone_make_a_page(tmp_path):
    image = np.full((*SHAPE, 3), 200, "uint8")
    file = tmp_path / "photo <1>.png"
    Image.fromarray(image).save(file)
    found = [
        rectangles([(GT_BOXES[0], 1, 0.9), (GT_BOXES[1], 2, 0.6)], SHAPE),
        rectangles([(GT_BOXES[2], 2, 0.5)], SHAPE, masks=False),
        rectangles([], SHAPE),
    ]
    path = write_detection_report(
        tmp_path / "page", [file, image, image[..., 0]], found, class_names=["BG", "a"]
    )
    data = page_data(path)
    assert (data["kind"], data["class_names"]) == ("detection", ["BG", "a", "class 2"])
    assert [entry["name"] for entry in data["images"]] == [
        "photo <1>.png",
        "image 1",
        "image 2",
    ]
    assert [len(entry["found"]) for entry in data["images"]] == [2, 1, 0]
    assert data["images"][1]["found"][0]["path"] is None
    assert data["images"][0]["found"][0]["path"].startswith("M50 50l")


def test_every_image_needs_its_result(tmp_path):
    with pytest.raises(ValueError, match="2 images and 1 results"):
        write_detection_report(
            tmp_path, ["a.jpg", "b.jpg"], [rectangles([])], class_names=["BG"]
        )


def test_a_page_of_a_thousand_images_stays_usable(rng, tmp_path):
    dataset, found = drawn_dataset(rng, 200, side=128)
    path = write_evaluation_report(tmp_path, evaluation_of(dataset, found), dataset)
    images = page_data(path)["images"]
    pictures = sum(len(image["picture"]) for image in images)
    # Pictures have a budget of their own, see `bytes_for_each`.
    beside = path.stat().st_size - pictures
    assert beside / 200 < 2_500
    assert 1000 * (24_000 * 4 / 3 + beside / 200) < 40_000_000
