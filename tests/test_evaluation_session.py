import logging

import numpy as np
import pytest

from mrcnn.evaluation_session import run_evaluation
from mrcnn.inference.results import Instances
from tests.data.scene_dataset import SceneDataset, numbered_scenes

SCENES = numbered_scenes(4)


def find(images):
    scenes = [SCENES[int(image[0, 0, 0])] for image in images]
    return [
        Instances.from_masks(None, s.class_ids, np.ones(len(s.class_ids)), s.masks)
        for s in scenes
    ]


def test_the_lowest_confidence_is_logged_and_stated_with_the_numbers(caplog):
    with caplog.at_level(logging.INFO, "mrcnn"):
        evaluation = run_evaluation(find, SceneDataset(SCENES), min_confidence=0.07)
    assert "from a confidence of 0.07 up" in caplog.text
    assert "from a confidence of 0.07 up" in str(evaluation)
    assert evaluation.coco.masks["AP"] == pytest.approx(1)


def test_a_report_is_written_where_it_is_asked_for(tmp_path):
    run_evaluation(
        find,
        SceneDataset(SCENES),
        min_confidence=0.05,
        report=tmp_path / "page",
        image_ids=[2],
    )
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "scenes 2" in page
    assert "scenes 1" not in page
