"""The command line of the benchmarks, and what they work with."""

import os

import numpy as np
import pytest

from benchmarks import known_figures, machine, matterport_worker, memory, peak, training
from benchmarks.__main__ import BENCHMARKS
from benchmarks.agreement import count_agreed, rows_of
from benchmarks.matterport_peer import PEER, confidence_for, training_settings
from benchmarks.options import parse_options
from benchmarks.peak import Convolution
from benchmarks.pictures import blocks, rectangles
from benchmarks.processes import ROOT
from benchmarks.timing import Timing


def test_all_benchmarks_run_unless_some_are_named():
    assert parse_options("", list(BENCHMARKS), []).names == list(BENCHMARKS)
    assert parse_options("", list(BENCHMARKS), ["peak"]).names == ["peak"]


def test_a_peer_is_found_from_any_folder():
    assert parse_options("", [], ["--peer", "there"]).peer == os.path.abspath("there")


def test_an_unknown_benchmark_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse_options("", ["peak"], ["speed"])
    assert "'speed'" in capsys.readouterr().err


def test_the_machine_is_described():
    assert "tensorflow 2." in machine.describe()
    assert "cores of" in machine.describe()


def test_a_convolution_counts_its_kernel_at_every_place():
    assert Convolution(2, 16, 3, 8, 3).multiply_adds == 2 * 16 * 16 * 3 * 3 * 3 * 8


@pytest.mark.parametrize("precision", peak.PRECISIONS)
def test_the_peak_is_that_of_the_fastest_convolution(precision, monkeypatch):
    small = {
        "small": Convolution(1, 8, 4, 4, 1),
        "large": Convolution(1, 64, 64, 64, 3),
    }
    monkeypatch.setattr(peak, "CONVOLUTIONS", small)
    timings = {"small": Timing(9, 9, 9, 1), "large": Timing(9, 9, 9, 3)}
    monkeypatch.setattr(peak, "time_in_turn", lambda calls, *_, **__: timings)
    monkeypatch.setattr(peak, "num_cores", lambda: 2)
    assert peak.measured_peak(precision) == 2 * 64**2 * 64 * 64 * 9 / (3 / 2)


def test_a_burst_computes(monkeypatch):
    assert np.isfinite(float(peak.burst(Convolution(1, 8, 4, 4, 3), "float32")()))


def test_known_figures_are_scaled_by_what_convolutions_do():
    assert known_figures.scaled(4.0, known_figures.PEAK / 2).median == 8.0


def test_the_slope_is_growth_from_image_to_image():
    assert memory.slope([3.0, 5.0, 7.0]) == pytest.approx(2.0)


def test_the_first_step_of_an_epoch_does_not_count(monkeypatch):
    ends = iter([50.0, 53.0, 54.0])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(ends))
    wall, _ = training.spent_in_step(lambda batch: None, [1, 2, 3])
    assert wall == 2.0


def test_blocks_fill_the_picture():
    picture = blocks(64, 96)
    assert picture.shape == (64, 96, 3)
    assert (picture[:2, :3] == picture[0, 0]).all()


def test_rectangles_fill_their_boxes():
    example = rectangles(0, 96, 4, 9)
    for index, (y1, x1, y2, x2) in enumerate(example.boxes):
        assert example.masks[y1:y2, x1:x2, index].all()
        assert example.masks[..., index].sum() == (y2 - y1) * (x2 - x1)
    assert example.class_ids.min() >= 1


def test_detections_agree_in_class_score_and_corners():
    found = {
        "rois": np.array([[10, 20, 30, 40]] * 4),
        "class_ids": np.array([3, 3, 4, 3]),
        "scores": np.array([0.9, 0.8, 0.9, 0.9]),
    }
    found["rois"][3, 2] += 2
    theirs = np.array([[10.3, 20.4, 29.6, 40.2, 3, 0.9]])
    assert count_agreed(rows_of(found), theirs) == 1


def test_a_confidence_keeps_just_the_best():
    scores = np.array([0.5, 0.9, 0.7, 0.6])
    assert (scores >= confidence_for(scores, 2)).sum() == 2


def test_a_folder_without_the_package_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(matterport_worker.sys, "path", [*matterport_worker.sys.path])
    with pytest.raises(ImportError, match="has no package mrcnn"):
        matterport_worker.load_package(str(tmp_path))


def test_the_peer_is_given_no_knob_that_it_may_not_know():
    assert "PRECISION" not in training_settings(PEER)
    assert training_settings("ours, mixed_bfloat16")["PRECISION"] == "mixed_bfloat16"


@pytest.mark.slow
def test_this_checkout_can_be_its_own_peer():
    matterport_worker.load_package(str(ROOT))
    server = matterport_worker.Server()
    settings = {
        **training_settings(PEER),
        "BACKBONE": "resnet18",
        "IMAGE_MIN_DIM": 128,
        "IMAGE_MAX_DIM": 128,
        "TRAIN_ROIS_PER_IMAGE": 8,
        "POST_NMS_ROIS_TRAINING": 20,
        "STEPS_PER_EPOCH": 3,
    }
    server.prepare_training(settings)
    wall, processor = server.train("heads")
    assert 0 < wall < 60
    assert processor > 0
