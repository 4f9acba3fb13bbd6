import numpy as np
import pytest

from mrcnn.data.dataset import StatedSizes
from mrcnn.evaluation.evaluate import evaluate_dataset
from mrcnn.inference.results import Instances
from tests.data.scene_dataset import SceneDataset, numbered_scenes
from tests.scenes import rectangle_scene

SCENES = numbered_scenes(7)
NOTHING = Instances([], [], [], (40, 64))


class Oracle:
    """Finds what there is, by the number in an image's first pixel."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        numbers = [int(image[0, 0, 0]) for image in images]
        self.batches.append(numbers)
        return [
            Instances.from_masks(
                None, scene.class_ids, np.ones(len(scene.class_ids)), scene.masks
            )
            for scene in (SCENES[number] for number in numbers)
        ]


def test_every_image_is_detected_once_in_batches():
    oracle, seen = Oracle(), []
    evaluation = evaluate_dataset(
        oracle,
        SceneDataset(SCENES),
        batch_size=3,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert oracle.batches == [[0, 1, 2], [3, 4, 5], [6]]
    assert seen == [(3, 7), (6, 7), (7, 7)]
    assert evaluation.coco.masks["AP"] == pytest.approx(1)
    assert evaluation.coco.num_images == 7
    assert [entry.num_gt for entry in evaluation.coco.per_class] == [4, 2]


def test_the_detector_is_told_the_proposals_of_its_images_where_it_wants_them():
    dataset = SceneDataset(SCENES)
    dataset.add_proposals({n: [[0, 0, 8, n + 1]] for n in range(7)})
    oracle, told = Oracle(), []

    def detect(images, proposals):
        told.append(proposals)
        return oracle(images)

    evaluate_dataset(
        detect, dataset, image_ids=[6, 1, 3], batch_size=2, with_proposals=True
    )
    assert oracle.batches == [[6, 1], [3]]
    assert told == [[[[0, 0, 8, 7]], [[0, 0, 8, 2]]], [[[0, 0, 8, 4]]]]


def test_some_images_can_be_chosen():
    oracle = Oracle()
    evaluation = evaluate_dataset(
        oracle, SceneDataset(SCENES), image_ids=np.array([5, 2, 5])
    )
    assert oracle.batches == [[5], [2]]
    assert [image.image_id for image in evaluation.images] == [2, 5]


def test_options_are_handed_on():
    evaluation = evaluate_dataset(
        Oracle(),
        SceneDataset(SCENES),
        max_detections=(1, 5),
        score_threshold=0.2,
        iou_threshold=0.7,
    )
    assert "AR5" in evaluation.coco.boxes
    assert evaluation.hits.score_threshold == 0.2
    assert evaluation.hits.iou_threshold == 0.7


class StatingDataset(SceneDataset):
    """Scenes whose annotations state sizes of their own, but none for some boxes."""

    def stated_sizes(self, image_id):
        boxes = np.array([[4.0, 6, 30, 31.5], [np.nan] * 4])
        count = len(self.scenes[image_id].class_ids)
        return StatedSizes(boxes[:count], np.full(count, 9999.0))


def test_annotations_are_taken_at_their_word_only_where_that_is_asked_for():
    dataset = StatingDataset(SCENES)
    plain = evaluate_dataset(Oracle(), dataset, image_ids=[2]).images[0].gt
    assert plain.boxes.tolist() == [[4, 6, 30, 30], [10, 34, 36, 60]]
    assert plain.areas.tolist() == [26 * 24, 26 * 26]
    evaluation = evaluate_dataset(
        Oracle(), dataset, image_ids=[2], use_stated_sizes=True
    )
    stated = evaluation.images[0].gt
    assert stated.boxes.tolist() == [[4, 6, 30, 31.5], [10, 34, 36, 60]]
    assert stated.areas.tolist() == [9999, 9999]
    assert evaluation.coco.boxes["AP_large"] > 0


def test_sizes_that_belong_to_other_instances_are_refused():
    dataset = StatingDataset(SCENES)
    dataset.stated_sizes = lambda _: StatedSizes(np.zeros((3, 4)), np.zeros(3))
    with pytest.raises(ValueError, match="must go with load_mask"):
        evaluate_dataset(Oracle(), dataset, image_ids=[2], use_stated_sizes=True)


def test_no_pixels_are_kept():
    evaluation = evaluate_dataset(Oracle(), SceneDataset(SCENES))
    for image in evaluation.images:
        for array in (vars(image.gt) | vars(image.detections)).values():
            assert np.size(array) <= 8


def test_what_load_mask_returns_is_checked():
    scene = rectangle_scene((40, 64), [[0, 0, 9, 9]], [9])
    with pytest.raises(ValueError, match=r"image 0 .*class ids \[9\]"):
        evaluate_dataset(lambda images: [NOTHING], SceneDataset([scene]))


def test_a_detector_must_answer_for_each_image():
    with pytest.raises(ValueError, match="0 results for 2 images"):
        evaluate_dataset(lambda images: [], SceneDataset(SCENES), batch_size=2)
    with pytest.raises(ValueError, match="batch_size is at least 1"):
        evaluate_dataset(Oracle(), SceneDataset(SCENES), batch_size=0)
