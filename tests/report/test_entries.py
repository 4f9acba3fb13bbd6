import numpy as np
import pytest

from mrcnn.data.shapes import ShapesDataset
from mrcnn.evaluation.error_kinds import ERROR_KINDS
from mrcnn.inference.results import Instances
from mrcnn.report.entries import detected_entry, evaluated_entries, image_name
from tests.data.scene_dataset import SceneDataset
from tests.evaluation.drawn import damaged_dataset, rectangles
from tests.report.pages import GT_BOXES, SHAPE, evaluation_of, mixed_scenes
from tests.scenes import rectangle_scene


@pytest.fixture
def entries():
    return evaluated_entries(evaluation_of(*mixed_scenes()), max_images=10)


def test_the_worst_image_comes_first(entries):
    # Found with 0.9, 0.8 and 0.3; one of three found, four false; nothing found.
    expected = {
        0: 0.1 + 0.2 + 0.7,
        1: (0.1 + 1 + 1) + (0.7 + 0.6 + 0.55 + 0.95),
        2: 2.0,
        3: 0.0,
    }
    assert [entry["id"] for entry in entries] == [1, 2, 0, 3]
    for entry in entries:
        assert entry["cost"] == pytest.approx(expected[entry["id"]], abs=1e-3)


def test_only_the_worst_are_kept():
    evaluation = evaluation_of(*mixed_scenes())
    assert [e["id"] for e in evaluated_entries(evaluation, max_images=2)] == [1, 2]


def test_every_instance_says_what_became_of_it(entries):
    found, truth = entries[0]["found"], entries[0]["gt"]
    assert [(one["kind"], one["gt"]) for one in found] == [
        ("background", None),
        ("right", 0),
        ("duplicate", 0),
        ("misclassified", 1),
        ("misplaced", 2),
    ]
    assert [(one["kind"], one["by"]) for one in truth] == [
        ("right", 1),
        ("misclassified", None),
        ("misplaced", None),
    ]
    assert [one["kind"] for one in entries[1]["gt"]] == ["missed", "missed"]
    assert found[1]["iou"] == 1
    assert found[2]["iou"] == pytest.approx(38 / 40, abs=1e-3)
    assert found[0]["iou"] is None
    assert [one["score"] for one in found] == [0.95, 0.9, 0.7, 0.6, 0.55]


def test_drawings_have_the_image_s_proportions(entries):
    assert entries[0]["view"] == [1000, 500]
    assert (entries[0]["width"], entries[0]["height"]) == (200, 100)
    y1, x1, y2, x2 = (5 * np.array(GT_BOXES[0])).tolist()
    assert entries[0]["gt"][0]["box"] == [x1, y1, x2 - x1, y2 - y1]


def test_crowds_and_what_lies_in_them_are_no_errors():
    scene = rectangle_scene(SHAPE, [[0, 0, 90, 90]], [-1])
    found = rectangles([([10, 10, 80, 80], 1, 0.9)], SHAPE)
    evaluation = evaluation_of(SceneDataset([scene]), [found])
    (entry,) = evaluated_entries(evaluation, 9)
    assert [one["kind"] for one in entry["gt"] + entry["found"]] == ["crowd", "crowd"]
    assert entry["cost"] == 0


def test_all_mistakes_are_in_the_gallery(rng):
    dataset = ShapesDataset()
    dataset.load_shapes(8, 96, 96)
    dataset.prepare()
    found = list(damaged_dataset(rng, dataset).values())
    evaluation = evaluation_of(dataset, found)
    entries = evaluated_entries(evaluation, 99)
    wrong = [one["kind"] for entry in entries for one in entry["found"]]
    missed = [one["kind"] for entry in entries for one in entry["gt"]]
    assert sum(evaluation.errors.counts.values()) > 5
    for kind in ERROR_KINDS:
        kinds = missed if kind == "missed" else wrong
        assert kinds.count(kind) == evaluation.errors.counts[kind], kind


def test_detections_alone_have_neither_kinds_nor_cost():
    found = rectangles([(GT_BOXES[0], 1, 0.4), (GT_BOXES[1], 2, 0.8)], SHAPE)
    entry = detected_entry(3, found)
    assert (entry["id"], entry["view"]) == (3, [1000, 500])
    assert [one["score"] for one in entry["found"]] == [0.8, 0.4]
    assert entry["found"][0].keys() == {"class", "box", "path", "score"}


def test_detections_without_masks_or_with_nan_are_drawn_as_far_as_they_go():
    found = Instances([[0, 0, 9, np.nan]], [1], [np.nan], SHAPE)
    (one,) = detected_entry(0, found)["found"]
    assert one == {"class": 1, "box": [], "path": None, "score": None}


def test_images_are_called_by_their_file_or_by_their_source():
    dataset = SceneDataset([rectangle_scene(SHAPE, [], [])] * 2)
    dataset.image_info[1]["path"] = "/photos/of/cats.jpg"
    assert image_name(dataset, 0) == "scenes 0"
    assert image_name(dataset, 1) == "cats.jpg"
