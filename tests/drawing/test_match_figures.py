"""Precision over recall, and overlaps."""

import numpy as np
import pytest

from mrcnn.drawing.match_figures import show_overlaps, show_precision_recall

NAMES = ["background", "fig", "date"]


def test_precision_is_drawn_over_recall(plt, tmp_path):
    show_precision_recall(0.7512, [1, 1, 0.5, 0], [0, 0.5, 1, 1])
    axes = plt.gca()
    assert "0.751" in axes.get_title()
    np.testing.assert_array_equal(
        axes.lines[0].get_xydata(), [[0, 1], [0.5, 1], [1, 0.5], [1, 0]]
    )
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall", "precision")
    plt.savefig(tmp_path / "curve.png")


def test_overlaps_say_what_matches(plt, tmp_path):
    overlaps = np.array([[0.8, 0.1, 0.0], [0.0, 0.6, 0.4]])
    show_overlaps(
        [1, 2, 2, 0],
        [1, 1, 0],
        [0.9, 0.8, 0],
        overlaps,
        class_names=NAMES,
        threshold=0.5,
    )
    axes = plt.gca()
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0.80\nmatch", "0.10", "0.00", "0.00", "0.60\nwrong", "0.40"]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert rows == ["fig (0.90)", "fig (0.80)"]
    assert columns == ["fig", "date", "date"]
    plt.savefig(tmp_path / "overlaps.png")


def test_names_of_many_instances_stay_inside_the_figure(plt, rng):
    names = ["", "a class of a rather long name indeed"]
    ids, overlaps = np.ones(25, int), rng.random((25, 25))
    show_overlaps(ids, ids, rng.random(25), overlaps, class_names=names, threshold=0.5)
    figure = plt.gcf()
    figure.canvas.draw()
    axes = figure.axes[0]
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        extent = label.get_window_extent()
        assert min(extent.x0, extent.y0) >= 0
        assert extent.x1 <= figure.bbox.x1


def test_scores_without_padding_belong_to_the_detections(plt):
    show_overlaps([1], [0, 1], [0.9], [[0.3]], class_names=NAMES, threshold=0.5)
    assert [t.get_text() for t in plt.gca().get_yticklabels()] == ["fig (0.90)"]


@pytest.mark.parametrize(("gt_ids", "ids"), [([], []), ([1], []), ([], [1])])
def test_no_instances_are_an_empty_table(plt, tmp_path, gt_ids, ids):
    overlaps = np.zeros((len(ids), len(gt_ids)))
    show_overlaps(
        gt_ids, ids, [1] * len(ids), overlaps, class_names=NAMES, threshold=0.5
    )
    plt.savefig(tmp_path / "empty.png")
    assert not plt.gca().texts


def test_overlaps_of_fewer_detections_are_refused(plt):
    with pytest.raises(ValueError, match="expected 2 with 1"):
        show_overlaps([1], [1, 1], [1, 1], [[0.5]], class_names=NAMES, threshold=0.5)
