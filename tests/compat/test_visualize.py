"""matterport's drawing functions under their old names."""

import inspect
import json

import numpy as np
import pytest

from mrcnn import visualize
from tests.conftest import FIXTURES
from tests.scenes import rectangle_scene

SCENE = rectangle_scene((120, 160), [[30, 20, 80, 70], [70, 90, 119, 159]], [2, 1])
IMAGE, BOXES, IDS, MASKS = SCENE
NAMES = ["BG", "fig", "date"]
API = json.loads((FIXTURES / "api.json").read_text(encoding="utf-8"))
FUNCTIONS = API["modules"]["mrcnn.visualize"]["functions"]


@pytest.fixture
def shown(plt, monkeypatch):
    """Figures that were shown, as a list that grows."""
    figures = []
    monkeypatch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
    return figures


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_have_their_names_order_and_defaults(name):
    expected = [
        (parameter["name"], parameter.get("default"))
        for parameter in FUNCTIONS[name]["params"]
    ]
    parameters = inspect.signature(getattr(visualize, name)).parameters.values()
    assert [
        (p.name, None if p.default is p.empty else repr(p.default)) for p in parameters
    ] == expected


def test_display_instances_takes_its_arguments_by_position(shown, tmp_path):
    scores = np.array([0.9, 0.8])
    visualize.display_instances(
        IMAGE, BOXES, MASKS, IDS, NAMES, scores, "Found", (5, 4)
    )
    axes = shown[0].axes[0]
    assert axes.get_title() == "Found"
    assert texts_of(axes) == ["date 0.90", "fig 0.80"]
    np.testing.assert_array_equal(shown[0].get_size_inches(), [5, 4])
    shown[0].savefig(tmp_path / "instances.png")


def test_display_instances_draws_on_given_axes_and_does_not_show(plt, shown):
    axes = plt.figure().add_subplot()
    returned = visualize.display_instances(
        IMAGE, BOXES, MASKS, IDS, NAMES, ax=axes, show_mask=False, captions=["a", "b"]
    )
    assert returned is None
    assert not shown
    assert texts_of(axes) == ["a", "b"]
    assert len(axes.patches) == 2


def test_a_figure_can_be_saved_after_it_was_shown(plt, tmp_path):
    visualize.display_instances(IMAGE, BOXES, MASKS, IDS, NAMES, figsize=(4, 4))
    plt.savefig(tmp_path / "instances.png")
    saved = plt.imread(tmp_path / "instances.png")
    assert len(np.unique(saved.reshape(-1, saved.shape[-1]), axis=0)) > 10


@pytest.mark.parametrize("factor", [np.uint8(1), np.uint8(255), 1.0])
def test_masks_may_hold_any_number(plt, factor):
    first, second = plt.figure().subplots(1, 2)
    visualize.display_instances(IMAGE, BOXES, MASKS, IDS, NAMES, ax=first)
    visualize.display_instances(IMAGE, BOXES, MASKS * factor, IDS, NAMES, ax=second)
    pictures = [axes.get_images()[0].get_array() for axes in (first, second)]
    np.testing.assert_array_equal(*pictures)


def test_without_instances_it_says_so_and_shows_the_image(shown, capsys):
    visualize.display_instances(
        IMAGE, np.zeros((0, 4)), np.zeros((120, 160, 0)), np.zeros(0), NAMES
    )
    assert "*** No instances to display ***" in capsys.readouterr().out
    np.testing.assert_array_equal(shown[0].axes[0].get_images()[0].get_array(), IMAGE)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="'masks': 1"):
        visualize.display_instances(IMAGE, BOXES, MASKS[..., :1], IDS, NAMES)


def test_differences_tell_score_and_iou(shown):
    pred_boxes = np.array([[0, 0, 0, 0], [30, 20, 80, 70], [70, 90, 119, 145]])
    pred_masks = np.zeros((120, 160, 3), bool)
    pred_masks[30:80, 20:70, 1] = pred_masks[70:119, 90:145, 2] = True
    visualize.display_differences(
        IMAGE,
        BOXES,
        IDS,
        MASKS,
        pred_boxes,
        [0, 2, 2],
        [0, 0.7, 0.9],
        pred_masks,
        NAMES,
    )
    axes = shown[0].axes[0]
    # The second has the wrong class: its caption tells the largest IoU, 55 / 69.
    assert sorted(texts_of(axes)) == ["0.70 / 1.00", f"0.90 / {55 / 69:.2f}"]
    edges = [tuple(patch.get_edgecolor()[:3]) for patch in axes.patches]
    assert (edges.count((0, 1, 0)), edges.count((1, 0, 0))) == (4, 4)
    assert "score / IoU" in axes.get_title().replace("\n", " ")


def test_differences_without_ground_truth_or_predictions_are_drawn(plt, shown):
    none = [np.zeros((0, 4)), np.zeros(0, int), np.zeros((120, 160, 0), bool)]
    axes = plt.figure().add_subplot()
    visualize.display_differences(
        IMAGE, *none, BOXES, IDS, [0.9, 0.8], MASKS, NAMES, "Title", axes, False
    )
    assert sorted(texts_of(axes)) == ["0.80 / 0.00", "0.90 / 0.00"]
    assert axes.get_title() == "Title"
    visualize.display_differences(
        IMAGE, BOXES, IDS, MASKS, none[0], none[1], [], none[2], NAMES, show_box=False
    )
    assert len(shown[0].axes[0].patches) == 2


def test_rois_are_drawn_by_lot_and_counted(shown, capsys):
    rois = np.tile([[10, 10, 60, 60]], (30, 1))
    class_ids = np.array([1] * 6 + [0] * 24)
    visualize.draw_rois(
        IMAGE, rois, rois + 5, np.ones((30, 28, 28)), class_ids, NAMES, limit=30
    )
    axes = shown[0].axes[0]
    assert len([p for p in axes.patches if p.get_linestyle() == "--"]) == 6
    assert set(texts_of(axes)) == {"fig"}
    assert axes.get_title() == "30 ROIs"
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Positive ROIs:  6", "Negative ROIs:  24", "Positive Ratio: 0.20"]
    visualize.draw_rois(
        IMAGE, rois, rois, np.ones((30, 28, 28)), np.zeros(30), NAMES, limit=7
    )
    assert len(shown[1].axes[0].patches) == 7
    assert shown[1].axes[0].get_title() == "Showing 7 random ROIs out of 30"


def test_boxes_are_drawn_on_axes_or_shown(plt, shown):
    axes = plt.figure().add_subplot()
    visualize.draw_boxes(IMAGE, BOXES, BOXES + 3, title="Moved", ax=axes)
    assert len(axes.patches) == 4
    assert not shown
    visualize.draw_boxes(IMAGE, refined_boxes=BOXES, visibilities=[0, 2])
    assert len(shown[0].axes[0].patches) == 2


def test_images_top_masks_curves_and_overlaps_are_shown(shown):
    visualize.display_images([IMAGE, MASKS[..., 0]], ["a", "b"], cols=2, cmap="Blues_r")
    visualize.display_top_masks(IMAGE, MASKS, IDS, NAMES, limit=1)
    visualize.plot_precision_recall(0.5, [1, 0], [0, 1])
    visualize.plot_overlaps(IDS, IDS, [1, 1], np.eye(2), NAMES)
    assert [len(figure.axes) for figure in shown] == [2, 2, 1, 1]


def test_tables_are_printed(capsys):
    visualize.display_table([["name"], ["fig"]])
    assert "fig" in capsys.readouterr().out


def test_weights_of_a_model_are_listed(capsys):
    from mrcnn.model import MaskRCNN
    from tests.small_configs import TinyConfig

    visualize.display_weight_stats(MaskRCNN("inference", TinyConfig()))
    printed = capsys.readouterr().out
    for name in (
        "conv1/kernel ",
        "rpn_model/rpn_class_raw/bias ",
        "mrcnn_mask/kernel ",
    ):
        assert f"\n{name}" in printed
    assert "***" not in printed


def test_as_many_colors_as_asked_for():
    assert len(set(visualize.random_colors(N=5, bright=False))) == 5


def test_names_that_scripts_take_from_the_module_are_there():
    assert visualize.ROOT_DIR
    for name in ("os", "sys", "random", "itertools", "colorsys", "np", "utils"):
        assert getattr(visualize, name) is not None
