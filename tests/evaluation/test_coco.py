import io
import json
import math
from contextlib import redirect_stdout

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.data.coco_writer import write_coco
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.shapes import ShapesDataset
from mrcnn.evaluation.coco import CocoEvaluator
from mrcnn.evaluation.error_kinds import find_errors
from mrcnn.evaluation.evaluate import evaluate_dataset
from mrcnn.geometry.mask_coding import encode_rle
from mrcnn.inference.results import Instances
from tests.evaluation.drawn import damaged, damaged_dataset, rectangles
from tests.scenes import rectangle_scene

NAMES = ("BG", "red", "green")
TWELVE = [
    "AP",
    "AP50",
    "AP75",
    "AP_small",
    "AP_medium",
    "AP_large",
    "AR1",
    "AR10",
    "AR100",
    "AR_small",
    "AR_medium",
    "AR_large",
]


def evaluator_of(dataset, found, **options):
    evaluator = CocoEvaluator(dataset.class_names, **options)
    for image_id in map(int, dataset.image_ids):
        masks, class_ids = dataset.load_mask(image_id)
        info = dataset.image_info[image_id]
        shape = (info["height"], info["width"])
        evaluator.add_ground_truth(image_id, masks, class_ids, shape)
        evaluator.add_detections(image_id, found[image_id])
    return evaluator


def truth_as_found(dataset):
    return {
        int(i): Instances.from_masks(None, np.abs(ids), np.ones(len(ids)), masks)
        for i in dataset.image_ids
        for masks, ids in [dataset.load_mask(i)]
    }


def scores_of(gt, found, shape=(40, 40), **options):
    """COCO's numbers of one image of rectangles."""
    scene = rectangle_scene(shape, [b for b, _ in gt], [i for _, i in gt])
    evaluator = CocoEvaluator(NAMES, **options)
    evaluator.add_ground_truth(0, scene.masks, scene.class_ids, shape)
    evaluator.add_detections(0, rectangles(found, shape))
    return evaluator.summarize()


def reference_numbers(json_path, found, kind, class_id=None, ids=None):
    """What pycocotools makes of files.

    Image ids there are ours plus 1 and category ids are equal, or `ids` are both.
    """
    results = []
    image_ids, category_ids = ids or ({i: i + 1 for i in found}, None)
    for image_id, instances in found.items():
        for result in instances.to_coco(image_ids[image_id], category_ids):
            # With a box beside it, a mask would be sorted by the area of the box.
            result.pop("bbox" if kind == "segm" else "segmentation")
            results.append(result)
    with redirect_stdout(io.StringIO()):
        gt = COCO(str(json_path))
        run = COCOeval(gt, gt.loadRes(json.loads(json.dumps(results))), kind)
        run.params.imgIds = sorted(image_ids.values())
        if class_id is not None:
            run.params.catIds = [class_id]
        run.evaluate()
        run.accumulate()
        run.summarize()
    return np.where(run.stats == -1, np.nan, run.stats)


def assert_equal_to_files(dataset, found, json_path):
    scores = evaluator_of(dataset, found).summarize()
    for kind, numbers in (("bbox", scores.boxes), ("segm", scores.masks)):
        assert list(numbers) == TWELVE
        expected = reference_numbers(json_path, found, kind)
        np.testing.assert_allclose(list(numbers.values()), expected, rtol=0, atol=1e-9)
    present = [entry for entry in scores.per_class if entry.num_gt]
    assert len(present) > 2
    for entry in present[:8]:
        for kind, numbers in (("bbox", entry.boxes), ("segm", entry.masks)):
            expected = reference_numbers(json_path, found, kind, entry.class_id)
            ours = [numbers[name.replace("AR100", "AR")] for name in TWELVE[:6]]
            ours += [numbers[n] for n in ("AR", "AR_small", "AR_medium", "AR_large")]
            expected = np.delete(expected, [6, 7])
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


def test_damaged_ground_truth_gives_the_numbers_of_files(rng, tmp_path):
    dataset = ShapesDataset()
    dataset.load_shapes(12, 120, 160)
    dataset.prepare()
    found = damaged_dataset(rng, dataset)
    write_coco(dataset, tmp_path / "gt.json", image_folder=tmp_path)
    assert_equal_to_files(dataset, found, tmp_path / "gt.json")


def test_damaged_photos_with_crowds_give_the_numbers_of_files(
    rng, data_folder, tmp_path
):
    dataset = CocoDataset.from_path(data_folder / "coco_tiny" / "instances_val.json")
    found = damaged_dataset(rng, dataset)
    write_coco(dataset, tmp_path / "gt.json")
    assert_equal_to_files(dataset, found, tmp_path / "gt.json")


def test_stated_sizes_give_the_numbers_of_the_file_they_stand_in(rng, data_folder):
    path = data_folder / "coco_tiny" / "instances_val.json"
    dataset = CocoDataset.from_path(path)
    found = {}
    for image_id in range(20):
        one = damaged(rng, *dataset.load_mask(image_id), dataset.num_classes)
        # Equal scores would count in the order of image ids, which differ.
        scores = one.scores + rng.uniform(-0.04, 0.04, len(one))
        found[image_id] = Instances.from_masks(
            one.boxes, one.class_ids, scores, one.masks
        )
    answers = iter(found.values())
    scores = evaluate_dataset(
        lambda images: [next(answers)],
        dataset,
        image_ids=found,
        use_stated_sizes=True,
    ).coco
    ids = (
        {i: dataset.image_info[i]["id"] for i in found},
        {i: info["id"] for i, info in enumerate(dataset.class_info)},
    )
    for kind, numbers in (("bbox", scores.boxes), ("segm", scores.masks)):
        expected = reference_numbers(path, found, kind, ids=ids)
        np.testing.assert_allclose(list(numbers.values()), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("part", ["train", "val"])
def test_ground_truth_found_again_scores_one(data_folder, part):
    path = data_folder / "coco_tiny" / f"instances_{part}.json"
    dataset = CocoDataset.from_path(path)
    found = truth_as_found(dataset)
    evaluator = evaluator_of(dataset, found)
    assert any(image.gt.is_crowd.any() for image in evaluator.images)
    scores = evaluator.summarize()
    for numbers in (scores.boxes, scores.masks):
        for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"):
            assert numbers[name] == pytest.approx(1, abs=1e-9), name
        assert numbers["AR100"] == 1
    for entry in scores.per_class:
        if entry.num_gt:
            assert entry.boxes["AP"] == pytest.approx(1, abs=1e-9)
            assert entry.masks["AP"] == pytest.approx(1, abs=1e-9)


BOX, FAR = [0, 0, 10, 10], [20, 20, 30, 30]


def test_one_of_two_instances_found():
    scores = scores_of([(BOX, 1), (FAR, 1)], [(BOX, 1, 0.9)])
    # Recalls 0, 0.01, … 0.5 of 101 are reached, each with precision 1.
    assert scores.boxes["AP"] == pytest.approx(51 / 101)
    assert scores.masks["AR100"] == 0.5
    assert math.isnan(scores.boxes["AP_large"])
    assert scores.boxes["AP_small"] == pytest.approx(51 / 101)


def test_classes_without_instances_are_left_out_of_the_mean():
    scores = scores_of([(BOX, 1)], [(BOX, 1, 0.9), (FAR, 2, 0.9)])
    red, green = scores.per_class
    assert scores.boxes["AP"] == pytest.approx(1)
    assert red.boxes["AP"] == pytest.approx(1)
    assert all(math.isnan(value) for value in green.boxes.values())
    assert (green.class_name, green.num_gt, green.num_detections) == ("green", 0, 1)
    assert np.isnan(green.box_precisions).all()
    assert red.mask_precisions == pytest.approx([1] * 101)


def test_nothing_found_scores_zero():
    scores = scores_of([(BOX, 1)], [])
    assert (scores.boxes["AP"], scores.masks["AR100"]) == (0, 0)


def test_nothing_to_find_has_no_score():
    for scores in (scores_of([], [(BOX, 1, 0.9)]), scores_of([], [])):
        assert all(math.isnan(value) for value in scores.boxes.values())


def test_no_images_have_no_score():
    scores = CocoEvaluator(NAMES).summarize()
    assert scores.num_images == 0
    assert math.isnan(scores.masks["AP"])


def test_detections_in_a_crowd_of_their_class_do_no_harm():
    crowd = [0, 20, 40, 40]
    inside = [(np.add(crowd, [k, 0, k - 30, -10]), 1, 0.95) for k in range(3)]
    right = (BOX, 1, 0.9)
    same = scores_of([(BOX, 1), (crowd, -1)], [right, *inside])
    assert same.masks["AP"] == pytest.approx(1)
    other = scores_of([(BOX, 1), (crowd, -2)], [right, *inside])
    assert other.masks["AP"] == pytest.approx(1 / 4)
    assert other.per_class[1].num_gt == 0


def test_only_the_best_detections_of_a_class_count():
    noise = [(FAR, 1, 0.9)] * 120
    gt, late = [(BOX, 1)], (BOX, 1, 0.1)
    assert scores_of(gt, [*noise, late]).boxes["AP"] == 0
    many = scores_of(gt, [*noise, late], max_detections=(200, 1, 50))
    assert many.boxes["AP"] == pytest.approx(1 / 121)
    assert (many.boxes["AR1"], many.boxes["AR50"], many.boxes["AR200"]) == (0, 0, 1)


def test_images_count_whose_detections_were_never_added():
    evaluator = CocoEvaluator(NAMES)
    masks = rectangle_scene((40, 40), [BOX], [1]).masks
    for image_id in ("a", 7):
        evaluator.add_ground_truth(image_id, masks, [1], (40, 40))
    evaluator.add_detections(7, rectangles([(BOX, 1, 0.9)]))
    assert [image.image_id for image in evaluator.images] == [7, "a"]
    assert evaluator.summarize().masks["AR100"] == 0.5


def test_run_lengths_are_as_good_as_masks():
    masks = rectangle_scene((40, 40), [BOX, [5, 5, 5, 5], FAR], [1, 1, 2]).masks
    rles = [encode_rle(masks[..., i]) for i in range(3)]
    kept = []
    for given in (masks, rles):
        evaluator = CocoEvaluator(NAMES)
        evaluator.add_ground_truth(0, given, [1, 1, -2], (40, 40, 3))
        kept.append(evaluator.images[0].gt)
    for gt in kept:
        assert gt.boxes.tolist() == [BOX, FAR]
        assert gt.class_ids.tolist() == [1, 2]
        assert gt.is_crowd.tolist() == [False, True]
    assert kept[0].rles == kept[1].rles


def test_without_masks_there_are_box_numbers_only():
    evaluator = CocoEvaluator(NAMES)
    masks = rectangle_scene((40, 40), [BOX], [1]).masks
    evaluator.add_ground_truth(0, masks, [1], (40, 40))
    evaluator.add_detections(0, rectangles([(BOX, 1, 0.9)], masks=False))
    scores = evaluator.summarize()
    assert scores.boxes["AP"] == pytest.approx(1)
    assert scores.masks is None
    assert scores.per_class[0].masks is None
    assert "masks" not in str(scores)


def test_masks_are_not_missed_where_nothing_was_found():
    evaluator = CocoEvaluator(NAMES)
    masks = rectangle_scene((40, 40), [BOX], [1]).masks
    for image_id in range(2):
        evaluator.add_ground_truth(image_id, masks, [1], (40, 40))
    evaluator.add_detections(0, rectangles([], masks=False))
    assert not evaluator.has_masks
    evaluator.add_detections(1, rectangles([(BOX, 1, 0.9)]))
    assert evaluator.has_masks
    assert evaluator.summarize().masks["AR100"] == 0.5
    assert find_errors(evaluator.images, 3).counts["missed"] == 1


def test_the_evaluation_is_silent(capsys):
    scores_of([(BOX, 1)], [(BOX, 1, 0.9)])
    assert capsys.readouterr().out == ""


def test_what_does_not_fit_is_refused():
    evaluator = CocoEvaluator(NAMES)
    with pytest.raises(ValueError, match="'a' has no ground truth"):
        evaluator.add_detections("a", rectangles([]))
    masks = rectangle_scene((40, 40), [BOX], [1]).masks
    evaluator.add_ground_truth("a", masks, [1], (40, 40))
    with pytest.raises(ValueError, match="its ground truth already"):
        evaluator.add_ground_truth("a", masks, [1], (40, 40))
    evaluator.add_detections("a", rectangles([]))
    with pytest.raises(ValueError, match="its detections already"):
        evaluator.add_detections("a", rectangles([]))
