import json

import numpy as np
import pytest

from mrcnn.data.coco_writer import write_coco
from mrcnn.evaluation.evaluate import evaluate_dataset
from mrcnn.inference.results import Instances
from samples.coco import coco
from tests.samples.tiny_runs import drawn_shapes, make_tiny, write_weights


@pytest.fixture
def folder(tmp_path):
    """Shapes in COCO's layout, with gaps between the category ids as COCO has them."""
    for subset in ("train", "val"):
        path = coco.annotation_file(tmp_path, subset, "2017")
        write_coco(drawn_shapes(4), path, image_folder=tmp_path / f"{subset}2017")
        content = json.loads(path.read_text())
        for image in content["images"]:
            image["file_name"] = image["file_name"].split("/")[-1]
        for category in content["categories"]:
            category["id"] *= 7
        for annotation in content["annotations"]:
            annotation["category_id"] *= 7
        path.write_text(json.dumps(content))
    return tmp_path


class AllButTheFirst:
    """Stands in for a model: finds the ground truth, but for each image's first."""

    def __init__(self, dataset):
        self.dataset = dataset

    def detect(self, images):
        return [self.found(image) for image in images]

    def found(self, image):
        for image_id in self.dataset.image_ids:
            if np.array_equal(self.dataset.load_image(image_id), image):
                masks, class_ids = self.dataset.load_mask(image_id)
                scores = np.linspace(0.9, 0.5, len(class_ids))
                return Instances.from_masks(None, class_ids, scores, masks)[1:]
        raise AssertionError("an unknown image")


def test_pycocotools_and_the_package_say_the_same(folder, tmp_path):
    dataset = coco.open_coco(folder, "val", "2017")
    model = AllButTheFirst(dataset)
    output = tmp_path / "results.json"
    stats = coco.evaluate(model, folder, "2017", None, output)
    scores = evaluate_dataset(model.detect, dataset).coco
    assert 0 < stats["segm"][0] < 1
    assert stats["segm"][0] == pytest.approx(scores.masks["AP"])
    assert stats["bbox"][0] == pytest.approx(scores.boxes["AP"])
    assert {result["category_id"] % 7 for result in json.loads(output.read_text())} == {
        0
    }


def test_nothing_found_scores_zero(folder, tmp_path, monkeypatch):
    model = AllButTheFirst(coco.open_coco(folder, "val", "2017"))
    monkeypatch.setattr(AllButTheFirst, "found", lambda self, image: EMPTY)
    stats = coco.evaluate(model, folder, "2017", 2, tmp_path / "results.json")
    assert not stats["bbox"].any()


EMPTY = Instances.from_masks(np.zeros((0, 4)), [], [], np.zeros((64, 64, 0), bool))


def test_the_three_stages_follow_each_other(folder, monkeypatch):
    stages = []

    def note(model, train_dataset, val_dataset, rate, epochs, layers):
        stages.append((layers, epochs, rate))

    monkeypatch.setattr(coco.MaskRCNN, "train", note)
    model = coco.MaskRCNN(config=coco.CocoConfig())
    coco.train(model, folder, "2017", epochs=8)
    assert stages == [("heads", 2, 1e-3), ("4+", 6, 1e-3), ("all", 8, 1e-4)]


def test_from_training_to_a_file_of_results(folder, tmp_path, monkeypatch, capsys):
    make_tiny(monkeypatch, coco.CocoConfig)
    monkeypatch.setattr(coco.CocoConfig, "NUM_CLASSES", 1 + 3)
    weights = write_weights(tmp_path / "start.h5", coco.CocoConfig())
    places = [f"--dataset={folder}", f"--logs={tmp_path / 'logs'}"]
    coco.main(["train", f"--weights={weights}", "--epochs=1", *places])

    output = tmp_path / "results.json"
    words = ["--weights=last", "--limit=1", f"--output={output}"]
    coco.main(["evaluate", *words, *places])
    assert "image 1 of 1" in capsys.readouterr().out
    assert {result["image_id"] for result in json.loads(output.read_text())} <= {1}
