"""The object without an RPN: the caller's proposals in training and in detection."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from mrcnn.data.shapes import ShapesDataset
from mrcnn.geometry.boxes import denormalize_boxes
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.geometry.resizing import plan_resize, unresize_boxes
from mrcnn.inference.local_masks import mirror_boxes
from mrcnn.inference.merging import merge_views
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network import build_network
from tests.proposing import add_noisy_proposals
from tests.small_configs import TinyConfig
from tests.training.event_files import pictures_in

PHOTOS = [(60, 80, 3), (64, 64, 3), (100, 40, 3)]


class SearchConfig(TinyConfig):
    """Its proposals are what a caller may give: boxes with an area in the picture."""

    RPN_CLIP_TO_WINDOW = True
    RPN_MIN_SIZE = 2


class GivenConfig(SearchConfig):
    RPN_BRANCH = False


@pytest.fixture
def photos(rng):
    return [rng.integers(0, 256, shape).astype("uint8") for shape in PHOTOS]


def objects_of(geometry, folder):
    """One that proposes itself, and one of the same weights that does not."""
    keras.utils.set_random_seed(5)
    config, given = SearchConfig(), GivenConfig()
    config.GEOMETRY = given.GEOMETRY = geometry
    searching, looking = MaskRCNN(config=config), MaskRCNN(config=given)
    searching.keras_model.save_weights(folder / "rpn.h5")
    report = looking.load_weights(folder / "rpn.h5", by_name=True)
    return searching, looking, report


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return objects_of("aligned", tmp_path_factory.mktemp("weights"))[:2]


@pytest.fixture
def looking(pair):
    return pair[1]


def proposals_of(model, image):
    """What its RPN proposes, in pixels of the image."""
    config = model.config
    plan = plan_resize(image.shape, min_dim=64, max_dim=64, mode="square")
    (boxes,) = model.run_graph([image], [("proposals", "ROI")])["proposals"]
    boxes = boxes[boxes.any(axis=1)]
    edge_shift = CONVENTIONS[model.geometry].edge_shift
    boxes = denormalize_boxes(boxes, config.IMAGE_SHAPE, edge_shift=edge_shift)
    return unresize_boxes(boxes, plan)


def assert_same(found, expected, masks=True):
    assert len(found) == len(expected)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.02)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    if masks:
        assert (found.masks != expected.masks).mean() < 1e-3


@pytest.mark.parametrize("geometry", ["matterport", "aligned"])
def test_on_the_proposals_of_an_rpn_it_finds_what_the_rpns_network_finds(
    geometry, photos, tmp_path
):
    searching, looking, _ = objects_of(geometry, tmp_path)
    proposals = [proposals_of(searching, photo) for photo in photos]
    assert len({len(boxes) for boxes in proposals}) > 1 or len(proposals[0]) == 20
    found = looking.detect(photos, proposals=proposals, batch_size=2)
    for one, other in zip(found, searching.detect(photos), strict=True):
        assert len(other) > 2
        assert_same(one, other)
    boxes_alone = looking.detect(photos[:1], proposals=proposals[:1], masks=False)[0]
    assert not boxes_alone.has_masks
    assert_same(boxes_alone, found[0], masks=False)


@pytest.fixture
def proposals(rng):
    """For each photo; some hundred for the first, which is more than one step."""
    made = []
    for (height, width, _), count in zip(PHOTOS, (200, 7, 1), strict=True):
        y1, x1 = rng.uniform(0, height - 8, count), rng.uniform(0, width - 8, count)
        y2, x2 = rng.uniform(y1 + 4, height), rng.uniform(x1 + 4, width)
        made.append(np.stack([y1, x1, y2, x2], axis=-1))
    return made


def test_what_an_image_shows_does_not_depend_on_the_others(looking, photos, proposals):
    together = looking.detect(photos, proposals=proposals, batch_size=3)
    for photo, boxes, found in zip(photos, proposals, together, strict=True):
        assert_same(looking.detect([photo], proposals=[boxes])[0], found)
    padded = np.pad(proposals[1], [(0, 300), (0, 0)])
    (found,) = looking.detect(photos[1:2], proposals=[padded])
    assert_same(found, together[1])
    assert len(found) > 0


def test_where_nothing_is_looked_at_nothing_is_found(looking, photos, proposals):
    nothing, found, _ = looking.detect(
        photos, proposals=[[], proposals[1], np.zeros((5, 4))]
    )
    assert len(nothing) == 0
    assert nothing.masks.shape == (60, 80, 0)
    assert len(found) > 0
    assert looking.detect([], proposals=[]) == []


def test_views_look_at_the_same_places(looking, photos, proposals):
    photo, boxes = photos[0], proposals[0][:20]
    (plain,) = looking.detect([photo], proposals=[boxes])
    mirrored = mirror_boxes(boxes, 80)
    (other,) = looking.detect([photo[:, ::-1]], proposals=[mirrored])
    (merged,) = looking.detect([photo], proposals=[boxes], flip=True)
    config = looking.config
    expected = merge_views(
        [plain, other.mirrored()],
        nms_threshold=config.DETECTION_NMS_THRESHOLD,
        max_instances=config.DETECTION_MAX_INSTANCES,
    )
    assert len(merged) > 0
    assert_same(merged, expected)
    (scaled,) = looking.detect([photo], proposals=[boxes], scales=(1, 2))
    assert scaled.scores.max() >= plain.scores.max()


def test_images_that_are_molded_take_proposals_in_their_own_pixels(looking, rng):
    photos = [rng.integers(0, 256, (64, 64, 3)).astype("uint8") for _ in range(2)]
    proposals = [[[3, 5, 40, 60], [0, 0, 64, 64]], [[20, 20, 50, 30]]]
    molded, metas, _ = looking.mold_inputs(photos)
    expected = looking.detect(photos, proposals=proposals)
    found = looking.detect_molded(molded, metas, proposals=proposals)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)
    values = looking.run_graph(
        photos, [("rois", "roi_align_classifier")], proposals=proposals
    )
    assert values["rois"].shape[1:] == (128, 7, 7, 16)


def test_half_precision_finds_the_same(pair, photos, proposals):
    _, looking = pair
    (expected,) = looking.detect(photos[:1], proposals=proposals[:1])
    config = GivenConfig()
    config.DETECTION_PRECISION = "mixed_bfloat16"
    fast = MaskRCNN(config=config)
    fast.keras_model.set_weights(looking.keras_model.get_weights())
    (found,) = fast.detect(photos[:1], proposals=proposals[:1])
    assert found.scores.max() == pytest.approx(expected.scores.max(), abs=0.1)


def test_proposals_belong_to_networks_without_an_rpn(pair, photos):
    searching, looking = pair
    with pytest.raises(ValueError, match="Give proposals="):
        looking.detect(photos)
    with pytest.raises(ValueError, match="proposes boxes itself"):
        searching.detect(photos, proposals=[[]] * 3)
    with pytest.raises(ValueError, match="2 arrays for 3 images"):
        looking.detect(photos, proposals=[[], []], flip=True)
    with pytest.raises(ValueError, match="Proposal 0 of image 1"):
        looking.detect(photos, proposals=[[], [[0, 0, 99, 9]], []])
    molded, metas, _ = looking.mold_inputs(photos)
    with pytest.raises(ValueError, match="Give proposals="):
        looking.detect_molded(molded, metas)
    with pytest.raises(ValueError, match="Give proposals="):
        looking.run_graph(photos, [])
    with pytest.raises(ValueError, match="so there are none"):
        looking.get_anchors((64, 64))


def test_there_is_no_rpn_in_network_and_file(looking, tmp_path):
    model = looking.keras_model
    assert [one.name for one in model.inputs] == [
        "input_image",
        "input_image_meta",
        "input_rois",
    ]
    assert len(model.outputs) == 5
    assert not [layer.name for layer in model.layers if "rpn" in layer.name]
    model.save_weights(tmp_path / "fast.h5")
    with h5py.File(tmp_path / "fast.h5") as file:
        assert not [name for name in file if "rpn" in name]
    again = MaskRCNN(config=GivenConfig())
    assert again.load_weights(tmp_path / "fast.h5").is_complete


def test_the_report_says_that_the_weights_of_an_rpn_are_not_used(tmp_path):
    _, looking, report = objects_of("aligned", tmp_path)
    assert len(report.unexpected) == 6
    assert all(name.startswith("rpn_") for name in report.unexpected)
    assert not report.missing
    with pytest.raises(ValueError, match=r"in the file only: rpn_.*by_name=True"):
        looking.load_weights(tmp_path / "rpn.h5")


def test_an_rpn_cannot_be_left_out_of_a_network_that_is_there(pair):
    searching, _ = pair
    searching.config.RPN_BRANCH = False
    try:
        with pytest.raises(ValueError, match="RPN_BRANCH from True to False"):
            _ = searching.keras_model
    finally:
        searching.config.RPN_BRANCH = True


def test_the_portable_form_gives_the_same_numbers(looking, photos, proposals):
    portable = build_network(looking.config, "aligned", portable=True)
    portable.set_weights(looking.keras_model.get_weights())
    assert portable.inputs[2].shape == (None, 20, 4)
    molded, metas, _ = looking.mold_inputs(photos[1:2])
    rois = np.zeros((1, 20, 4), "float32")
    rois[0, :7] = proposals[1]
    ours = looking.keras_model.predict_on_batch([molded, metas, rois])
    others = portable.predict_on_batch([molded, metas, rois])
    assert (ours[0][..., 4] > 0).any()
    for output, other in zip(ours[:3], others[:3], strict=True):
        np.testing.assert_allclose(other, output, atol=1e-3)


# --- Training -----------------------------------------------------------------------


class LearningConfig(GivenConfig):
    NUM_CLASSES = 4
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    TRAIN_ROIS_PER_IMAGE = 16
    POST_NMS_ROIS_TRAINING = 40


def shapes(count, seed):
    dataset = ShapesDataset()
    dataset.load_shapes(count, 64, 64, seed=seed)
    dataset.prepare()
    add_noisy_proposals(dataset)
    return dataset


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model = MaskRCNN("training", LearningConfig(), tmp_path_factory.mktemp("logs"))
    before = {w.path: w.numpy() for w in model.keras_model.weights}
    options = {"layers": "heads", "evaluate_every": 1, "verbose": 2}
    model.train(shapes(4, 1), shapes(3, 2), 0.001, epochs=1, **options)
    return model, before


def test_history_has_the_losses_of_the_heads_alone(trained):
    history = trained[0].keras_model.history.history
    losses = {"mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss", "loss"}
    found = {name.removeprefix("val_") for name in history if name.endswith("loss")}
    assert found == losses
    for name in losses:
        assert np.isfinite(history[name] + history[f"val_{name}"]).all()
    assert {"val_AP", "val_box_AP"} <= set(history)


def test_the_heads_learn_and_the_backbone_rests(trained):
    model, before = trained
    moved = {
        weight.path.split("/")[0]
        for weight in model.keras_model.weights
        if (weight.numpy() != before[weight.path]).any()
    }
    assert "mrcnn_bbox_fc" in moved
    assert not any(name.startswith(("res", "conv1", "bn")) for name in moved)


def test_a_checkpoint_and_pictures_are_left_behind(trained):
    model, _ = trained
    again = MaskRCNN(config=LearningConfig())
    assert again.load_weights(model.find_last()).is_complete
    panels = pictures_in(Path(model.find_last()).parent)
    assert panels.keys() == {f"validation/image {index}" for index in range(3)}


def test_evaluation_looks_at_the_proposals_of_the_dataset(trained):
    model, _ = trained
    dataset = shapes(3, 2)
    evaluation = model.evaluate(dataset, batch_size=2, min_confidence=0.0)
    assert evaluation.coco.num_images == 3
    assert sum(len(image.detections.scores) for image in evaluation.images) > 0
    dataset.add_proposals({0: []})
    evaluation = model.evaluate(dataset, batch_size=2, min_confidence=0.0)
    assert sum(len(image.detections.scores) for image in evaluation.images) == 0


def test_training_without_proposals_says_what_is_missing(trained):
    model, _ = trained
    dataset = ShapesDataset()
    dataset.load_shapes(2, 64, 64)
    dataset.prepare()
    with pytest.raises(RuntimeError, match="has no proposals"):
        model.train(dataset, epochs=9, verbose=0)
    with pytest.raises(ValueError, match="has no proposals"):
        model.evaluate(dataset)
