"""The training graph: five losses that NumPy agrees with, and who learns from which."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn import network
from mrcnn.geometry.boxes import encode_boxes, normalize_boxes, pairwise_iou
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.geometry.matching import NEGATIVE, NEUTRAL, POSITIVE, match_anchors
from mrcnn.heads.mask import MaskHead
from mrcnn.image_meta import parse_image_meta
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.losses import LOSS_NAMES
from mrcnn.network_anchors import pixel_anchors_for_image
from mrcnn.training_network import (
    COUNT_NAMES,
    build_training_network,
    weights_by_class,
)
from mrcnn.weights.named_variables import named_variables
from tests.recipe import fill_by_recipe
from tests.test_losses import binary_entropy, smooth_l1, softmax_entropy
from tests.training_parts import (
    EMPTY,
    SCENES,
    SIDE,
    TrainingConfig,
    batch_of,
    parts_of,
)

GEOMETRIES = ["matterport", "aligned"]


def changed(**knobs):
    config = TrainingConfig()
    for name, value in knobs.items():
        setattr(config, name, value)
    config.validate()
    return config


def training_network(config, geometry="aligned", parts=None, **options):
    parts = parts or parts_of(config, geometry)
    model = build_training_network(config, geometry, parts, **options)
    fill_by_recipe(model)
    return model


@pytest.fixture(scope="module")
def parts():
    return parts_of(TrainingConfig(), "aligned")


@pytest.fixture(scope="module")
def model(parts):
    return training_network(TrainingConfig(), parts=parts)


@pytest.fixture(scope="module")
def batch():
    return batch_of(TrainingConfig(), "aligned", SCENES)


def losses_of(model, batch, **options):
    return {name: float(value) for name, value in model(batch, **options).items()}


def gradients_of(model, batch):
    """For each loss, the largest entry of its gradient by weight name; 0 for none."""
    weights = named_variables(model)
    sources = [item.variable.value for item in weights.values()]
    with tf.GradientTape(persistent=True) as tape:
        losses = model(batch)

    def largest(name):
        gradients = tape.gradient(losses[name], sources)
        return {
            weight: 0.0 if one is None else float(tf.reduce_max(tf.abs(one)))
            for weight, one in zip(weights, gradients, strict=True)
        }

    return {name: largest(name) for name in LOSS_NAMES}


def test_inputs_and_outputs_have_their_names(model):
    assert [one.name for one in model.inputs] == [
        "input_image",
        "input_image_meta",
        "input_anchors",
        "input_gt_class_ids",
        "input_gt_boxes",
        "input_gt_masks",
    ]
    assert model.output.keys() == {*LOSS_NAMES, *COUNT_NAMES}
    assert all(one.shape == () for one in model.output.values())


def test_its_weights_are_those_of_the_network_that_detects(model):
    detecting = named_variables(network.build_network(TrainingConfig(), "aligned"))
    training = named_variables(model)
    assert training.keys() == detecting.keys()
    for name, item in training.items():
        assert item.variable.shape == detecting[name].variable.shape


# --- The losses, computed again in NumPy --------------------------------------------


def rois_around_objects(rng, count=30):
    """Boxes about the scenes' own, in pixels. -> [B, count, 4]"""
    boxes = [scene.boxes[rng.integers(0, len(scene.boxes), count)] for scene in SCENES]
    return (boxes + rng.normal(0, 6, (len(SCENES), count, 4))).astype("float32")


INTERMEDIATE = [
    "rpn_class_logits",
    "rpn_bbox",
    "rpn_targets",
    "proposal_targets",
    "mrcnn_class_logits",
    "mrcnn_bbox",
    "positive_rois",
    "mask_targets",
    "mask_rows",
    "mrcnn_mask",
]


def intermediate_tensors(model, batch):
    # A shared layer has a node in each graph; this one's is the last.
    outputs = {}
    for name in INTERMEDIATE:
        outputs[name] = model.get_layer(name)._inbound_nodes[-1].outputs
    values = keras.Model(model.inputs, outputs)(batch)
    values = {name: [np.asarray(v) for v in value] for name, value in values.items()}
    return {
        name: value[0] if len(value) == 1 else value for name, value in values.items()
    }


def drawn_rows(match, kinds):
    return [tuple(row) for row in np.argwhere(np.isin(match, kinds))]


def numpy_losses(tensors):
    anchors, anchor_match, anchor_targets = tensors["rpn_targets"]
    _, match, _, class_ids, targets = tensors["proposal_targets"]
    mask_match, _, mask_class_ids, mask_targets = tensors["mask_rows"]
    drawn = drawn_rows(anchor_match, [POSITIVE, NEGATIVE])
    where = {row: (row[0], anchors[row]) for row in drawn}
    return {
        "rpn_class_loss": np.mean(
            [
                softmax_entropy(
                    tensors["rpn_class_logits"][where[row]],
                    int(anchor_match[row] == POSITIVE),
                )
                for row in drawn
            ]
        ),
        "rpn_bbox_loss": np.mean(
            [
                smooth_l1(error, 1.0)
                for row in drawn_rows(anchor_match, [POSITIVE])
                for error in tensors["rpn_bbox"][where[row]] - anchor_targets[row]
            ]
        ),
        "mrcnn_class_loss": np.mean(
            [
                softmax_entropy(tensors["mrcnn_class_logits"][row], class_ids[row])
                for row in drawn_rows(match, [POSITIVE, NEGATIVE])
            ]
        ),
        "mrcnn_bbox_loss": np.mean(
            [
                smooth_l1(error, 1.0)
                for row in drawn_rows(match, [POSITIVE])
                for error in tensors["mrcnn_bbox"][row][class_ids[row]] - targets[row]
            ]
        ),
        "mrcnn_mask_loss": np.mean(
            [
                binary_entropy(tensors["mrcnn_mask"][row][y, x, mask_class_ids[row]], t)
                for row in drawn_rows(mask_match, [POSITIVE])
                for (y, x), t in np.ndenumerate(mask_targets[row])
            ]
        ),
    }


@pytest.mark.parametrize(
    ("geometry", "backbone", "use_rpn_rois"),
    [("matterport", "resnet18", False), ("aligned", "resnet50", True)],
)
def test_all_losses_are_what_numpy_makes_of_the_same_tensors(
    rng, geometry, backbone, use_rpn_rois
):
    config = changed(BACKBONE=backbone, USE_RPN_ROIS=use_rpn_rois)
    model = training_network(config, geometry)
    batch = batch_of(config, geometry, SCENES)
    if not use_rpn_rois:
        batch["input_rois"] = rois_around_objects(rng)

    losses = losses_of(model, batch)
    expected = numpy_losses(intermediate_tensors(model, batch))

    assert losses["num_positive_rois"] > 0
    for name in LOSS_NAMES:
        assert losses[name] == pytest.approx(expected[name], rel=1e-4), name


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_without_an_rpn_the_heads_have_the_same_losses_on_the_same_rois(rng, geometry):
    rois = np.pad(rois_around_objects(rng), [(0, 0), (0, 9), (0, 0)])
    batch = {**batch_of(TrainingConfig(), geometry, SCENES), "input_rois": rois}
    with_rpn = training_network(changed(USE_RPN_ROIS=False), geometry)
    expected = losses_of(with_rpn, batch)
    del batch["input_anchors"]

    model = training_network(changed(RPN_BRANCH=False), geometry)

    losses = losses_of(model, batch)
    assert losses["num_positive_rois"] > 0
    assert losses.keys() == {
        "mrcnn_class_loss",
        "mrcnn_bbox_loss",
        "mrcnn_mask_loss",
        "num_positive_rois",
    }
    assert losses == pytest.approx({name: expected[name] for name in losses}, rel=1e-4)
    assert not [name for name in named_variables(model) if "rpn" in name]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_targets_are_those_of_the_scenes(rng, geometry):
    config = changed(RPN_TRAIN_ANCHORS_PER_IMAGE=128, USE_RPN_ROIS=False)
    model = training_network(config, geometry)
    batch = batch_of(config, geometry, SCENES)
    batch["input_rois"] = rois_around_objects(rng)
    tensors = intermediate_tensors(model, batch)
    indices, anchor_match, anchor_targets = tensors["rpn_targets"]
    rois, match, gt_indices, class_ids, targets = tensors["proposal_targets"]

    for image, scene in enumerate(SCENES):
        boxes = normalize_boxes(
            scene.boxes, (SIDE, SIDE), edge_shift=CONVENTIONS[geometry].edge_shift
        )
        anchors = batch["input_anchors"][image]
        expected, nearest = match_anchors(
            anchors,
            boxes.astype("float32"),
            scene.class_ids,
            positive_iou=0.7,
            negative_iou=0.3,
            crowd_iou=0.001,
        )
        rows = anchor_match[image] == POSITIVE
        drawn = indices[image][rows]
        assert set(drawn) == set(np.flatnonzero(expected == POSITIVE))
        deltas = encode_boxes(boxes[nearest[drawn]], anchors[drawn])
        deltas = deltas / config.RPN_BBOX_STD_DEV
        np.testing.assert_allclose(anchor_targets[image][rows], deltas, atol=1e-4)

        rows = match[image] == POSITIVE
        assert rows.sum() == int(config.TRAIN_ROIS_PER_IMAGE * 0.33)
        slots = gt_indices[image][rows]
        iou = pairwise_iou(rois[image][rows], boxes)
        np.testing.assert_array_equal(slots, iou.argmax(axis=1))
        np.testing.assert_array_equal(class_ids[image][rows], scene.class_ids[slots])
        deltas = encode_boxes(boxes[slots], rois[image][rows]) / config.BBOX_STD_DEV
        np.testing.assert_allclose(targets[image][rows], deltas, atol=1e-4)
        assert set(slots) == set(range(len(scene.boxes)))


@pytest.mark.parametrize("use_mini_mask", [False, True])
def test_the_mask_of_a_gt_box_as_roi_is_full(use_mini_mask):
    # Rectangles fill their boxes, and only gt boxes are rois here.
    config = changed(USE_MINI_MASK=use_mini_mask, USE_RPN_ROIS=False)
    model = training_network(config)
    batch = batch_of(config, "aligned", SCENES)
    batch["input_rois"] = np.zeros((2, 3, 4), "float32")
    tensors = intermediate_tensors(model, batch)
    match = tensors["positive_rois"][0]
    assert (match == POSITIVE).sum() == 3
    assert tensors["mask_targets"][match == POSITIVE].all()


# --- Who learns from which loss -----------------------------------------------------


def test_each_loss_reaches_the_pyramid_and_its_own_head_only(model, batch):
    heads = {
        "rpn_class_loss": "rpn_class_raw/kernel",
        "rpn_bbox_loss": "rpn_bbox_pred/kernel",
        "mrcnn_class_loss": "mrcnn_class_logits/kernel",
        "mrcnn_bbox_loss": "mrcnn_bbox_fc/kernel",
        "mrcnn_mask_loss": "mrcnn_mask/kernel",
    }
    for loss, gradients in gradients_of(model, batch).items():
        assert all(map(math.isfinite, gradients.values()))
        reached = {name for name in heads.values() if gradients[name] > 0}
        assert reached == {heads[loss]}
        assert gradients["conv1/kernel"] > 0
        assert max(gradients[f"fpn_p{level}/kernel"] for level in (2, 3, 4, 5)) > 0


def test_images_without_objects_train_the_rpn_and_the_classifier(model):
    batch = batch_of(TrainingConfig(), "aligned", [EMPTY, EMPTY])
    losses = losses_of(model, batch, training=True)
    assert losses["num_positive_rois"] == losses["num_positive_anchors"] == 0
    for name, gradients in gradients_of(model, batch).items():
        learns = name in ("rpn_class_loss", "mrcnn_class_loss")
        assert (losses[name] > 0) == learns
        assert (max(gradients.values()) > 0) == learns
        assert all(map(math.isfinite, gradients.values()))


def test_the_mask_head_sees_positive_rois_alone(model):
    # One image has many positives and one has none.
    batch = batch_of(TrainingConfig(), "aligned", [SCENES[0], EMPTY])
    tensors = intermediate_tensors(model, batch)
    is_positive = tensors["positive_rois"][0] == POSITIVE
    assert not is_positive.all()
    assert tensors["mask_rows"][0].tolist() == [[POSITIVE]] * is_positive.sum()
    assert tensors["mrcnn_mask"].shape[:2] == (is_positive.sum(), 1)
    np.testing.assert_array_equal(
        tensors["mask_rows"][3][:, 0], tensors["mask_targets"][is_positive]
    )


def test_no_gt_slots_are_images_without_objects(model):
    config = TrainingConfig()
    expected = losses_of(model, batch_of(config, "aligned", [EMPTY, EMPTY]))
    losses = losses_of(model, batch_of(config, "aligned", [EMPTY, EMPTY], slots=0))
    assert losses == pytest.approx(expected)


def test_crowds_are_neither_objects_nor_background(model, batch):
    crowd = {**batch, "input_gt_class_ids": batch["input_gt_class_ids"].copy()}
    crowd["input_gt_class_ids"][0, 1] = -3

    tensors = intermediate_tensors(model, crowd)

    rois, match, gt_indices, class_ids, _ = (
        one[0] for one in tensors["proposal_targets"]
    )
    boxes = SCENES[0].boxes / SIDE
    positive = match == POSITIVE
    assert set(gt_indices[positive]) == {0}
    assert set(class_ids[positive]) == {1}
    assert pairwise_iou(rois[match == NEGATIVE], boxes[1:]).max() < 0.001
    indices, match, _ = (one[0] for one in tensors["rpn_targets"])
    anchors = batch["input_anchors"][0]
    assert (match == POSITIVE).any()
    assert pairwise_iou(anchors[indices[match == POSITIVE]], boxes).argmax(1).max() == 0
    assert pairwise_iou(anchors[indices[match == NEGATIVE]], boxes[1:]).max() < 0.001


def test_classes_that_an_image_does_not_know_do_not_learn_from_it(model):
    active = np.array([[1, 1, 0, 1], [1, 1, 0, 1]])
    batch = batch_of(TrainingConfig(), "aligned", [SCENES[0], EMPTY], active=active)
    kernel = named_variables(model)["mrcnn_class_logits/kernel"].variable.value
    with tf.GradientTape() as tape:
        loss = model(batch)["mrcnn_class_loss"]
    learnt = np.abs(tape.gradient(loss, kernel)).max(axis=0)
    assert list(learnt > 0) == [True, True, False, True]


def test_images_that_know_other_classes_are_masked_each_by_its_own(model):
    active = np.array([[1, 1, 0, 1], [1, 0, 1, 0]])
    batch = batch_of(TrainingConfig(), "aligned", SCENES, active=active)
    tensors = intermediate_tensors(model, batch)
    _, match, _, class_ids, _ = tensors["proposal_targets"]
    entropies = []
    for row in drawn_rows(match, [POSITIVE, NEGATIVE]):
        known = np.flatnonzero(active[row[0]])
        logits = tensors["mrcnn_class_logits"][row][known]
        place = list(known).index(class_ids[row])
        entropies.append(softmax_entropy(logits, place))
    loss = losses_of(model, batch)["mrcnn_class_loss"]
    assert loss == pytest.approx(np.mean(entropies), rel=1e-4)


# --- Ways of running ----------------------------------------------------------------


def test_the_choice_is_random_in_training_and_fixed_otherwise(parts, batch):
    def numbers(model, **options):
        return [losses_of(model, batch, **options) for _ in range(2)]

    config = TrainingConfig()
    model, twin = (
        build_training_network(config, "aligned", parts, seed=3) for _ in range(2)
    )
    fill_by_recipe(model)
    first, second = numbers(model, training=True)
    again, _ = numbers(twin, training=True)
    assert first["rpn_class_loss"] != second["rpn_class_loss"]
    assert first == pytest.approx(again, rel=1e-5)
    fixed, same = numbers(model)
    assert fixed == pytest.approx(same, rel=1e-5)
    # A checkpoint finds the state of both choices here.
    assert sum("seed" in item.path for item in model.non_trainable_variables) == 2


def test_empty_slots_and_the_order_of_images_change_nothing(model, batch):
    expected = losses_of(model, batch)
    more_slots = batch_of(TrainingConfig(), "aligned", SCENES, slots=9)
    turned = {name: one[::-1] for name, one in batch.items()}
    assert losses_of(model, more_slots) == pytest.approx(expected, rel=1e-4)
    assert losses_of(model, turned) == pytest.approx(expected, rel=1e-4)


def test_anchors_may_be_given_once_for_all_images(model, batch):
    shared = {**batch, "input_anchors": batch["input_anchors"][:1]}
    expected = losses_of(model, batch)
    assert losses_of(model, shared) == pytest.approx(expected, rel=1e-4)


def test_compiled_steps_lower_the_losses(model, batch):
    weights = [item.value.numpy() for item in model.weights]
    optimizer = keras.optimizers.SGD(1e-3, global_clipnorm=5.0)
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            losses = model(batch)
            total = sum(losses[name] for name in LOSS_NAMES)
        optimizer.apply(tape.gradient(total, variables))
        return total

    totals = [float(step()) for _ in range(6)]
    for item, value in zip(model.weights, weights, strict=True):
        item.assign(value)
    assert totals[-1] < totals[0]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_gives_nearly_the_same_losses(model, batch, policy):
    expected = losses_of(model, batch)
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        half = training_network(TrainingConfig())
        losses = half(batch)
    finally:
        keras.config.set_dtype_policy(before)
    assert all(loss.dtype == "float32" for loss in losses.values())
    for name in ("rpn_class_loss", "rpn_bbox_loss"):
        assert float(losses[name]) == pytest.approx(expected[name], rel=0.1)
    assert all(math.isfinite(float(loss)) for loss in losses.values())


# --- Knobs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "changes"),
    [
        ({"RPN_SMOOTH_L1_BETA": 0.1}, {"rpn_bbox_loss"}),
        ({"SMOOTH_L1_BETA": 0.1}, {"mrcnn_bbox_loss"}),
        ({"BOX_LOSS_NORM": "sampled"}, {"rpn_bbox_loss", "mrcnn_bbox_loss"}),
        ({"CLASS_WEIGHTS": {0: 0.1, "ball": 3}}, {"mrcnn_class_loss"}),
        ({"FOCAL_GAMMA": 2.0}, {"mrcnn_class_loss"}),
        ({"RPN_POSITIVE_IOU": 0.6}, {"rpn_class_loss", "rpn_bbox_loss"}),
        ({"RPN_NEGATIVE_IOU": 0.1}, {"rpn_class_loss"}),
        ({"ROI_NEGATIVE_IOU_LOW": 0.1}, {"mrcnn_class_loss"}),
        ({"RPN_FORCED_MIN_IOU": 0.65}, {"rpn_class_loss", "rpn_bbox_loss"}),
        ({"RPN_STRADDLE_THRESHOLD": 0}, {"rpn_class_loss"}),
    ],
)
def test_a_knob_changes_its_losses_and_no_other(parts, model, batch, knobs, changes):
    before = losses_of(model, batch)
    names = ["background", "box", "ball", "cone"]
    changed_model = build_training_network(
        changed(**knobs), "aligned", parts, class_names=names
    )
    after = losses_of(changed_model, batch)
    assert {n for n in LOSS_NAMES if after[n] != pytest.approx(before[n])} == changes


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_anchors_reach_over_the_pictures_edge_by_the_threshold_only(geometry):
    config = changed(RPN_STRADDLE_THRESHOLD=4, RPN_TRAIN_ANCHORS_PER_IMAGE=5000)
    model = training_network(config, geometry)
    batch = batch_of(config, geometry, SCENES)
    window = np.array([8, 16, 128, 120])
    parse_image_meta(batch["input_image_meta"]).window[:] = window

    indices, match, _ = intermediate_tensors(model, batch)["rpn_targets"]

    anchors = pixel_anchors_for_image(config, (SIDE, SIDE, 3), geometry)
    drawn = anchors[indices[match != NEUTRAL]]
    assert (drawn[:, :2] >= window[:2] - 4).all()
    assert (drawn[:, 2:] <= window[2:] + 4).all()
    # Some go as far as they may.
    assert (drawn[:, 1] == 16 - 4).any()
    assert (drawn[:, 3] == 120 + 4).any()


def test_best_anchors_may_keep_the_object_they_overlap_most(parts):
    config = changed(RPN_FORCED_KEEP_OWN=True)
    model = build_training_network(config, "aligned", parts)
    assert model.get_layer("rpn_targets").forced_keep_own


def test_mask_targets_are_shares_of_bins_or_whole_or_samples(parts, batch):
    rois = np.zeros((2, 2, 4), "float32")
    rois[0, 0] = [12, 21, 61, 66]  # Off the first object by about a bin.

    def targets(kind):
        config = changed(ROI_ADD_GT=False, USE_RPN_ROIS=False, MASK_TARGETS=kind)
        model = build_training_network(config, "aligned", parts)
        tensors = intermediate_tensors(model, {**batch, "input_rois": rois})
        return tensors["mask_targets"][0, 0]

    share, binary, samples = map(targets, ["share", "binary", "samples"])
    assert ((share > 0) & (share < 1)).any()
    np.testing.assert_array_equal(binary, share >= 0.5)
    assert 0.001 < np.abs(samples - share).max() < 1


def test_quotas_say_how_many_are_drawn(parts, batch):
    config = changed(
        RPN_TRAIN_ANCHORS_PER_IMAGE=10,
        RPN_POSITIVE_RATIO=0.1,
        TRAIN_ROIS_PER_IMAGE=9,
        ROI_POSITIVE_RATIO=0.12,
    )
    model = build_training_network(config, "aligned", parts)
    losses = losses_of(model, batch)
    assert losses["num_positive_anchors"] == 1
    assert losses["num_positive_rois"] == 1


def test_more_rois_than_candidates_take_them_all(parts, batch):
    config = changed(TRAIN_ROIS_PER_IMAGE=300, ROI_POSITIVE_RATIO=0.5)
    model = build_training_network(config, "aligned", parts)
    _, match, *_ = intermediate_tensors(model, batch)["proposal_targets"]
    num_candidates = config.POST_NMS_ROIS_TRAINING + np.array([2, 1])
    assert ((match != 0).sum(axis=1) <= num_candidates).all()
    assert ((match != 0).sum(axis=1) > 40).all()
    assert all(map(math.isfinite, losses_of(model, batch).values()))


def test_without_gt_boxes_only_proposals_are_rois(parts, batch):
    config = changed(ROI_ADD_GT=False, USE_RPN_ROIS=False)
    model = build_training_network(config, "aligned", parts)
    rois = np.zeros((2, 5, 4), "float32")
    rois[0, 0] = [10, 16, 58, 60]  # Shifted by two rows from the first object.
    losses = losses_of(model, {**batch, "input_rois": rois})
    assert losses["num_positive_rois"] == 0.5
    rois[:] = 0
    losses = losses_of(model, {**batch, "input_rois": rois})
    assert losses["num_positive_rois"] == 0
    assert losses["mrcnn_class_loss"] == 0


def test_class_agnostic_heads_train(parts, batch):
    config = TrainingConfig()
    box_head = network.BoxHead(
        config.POOL_SIZE, config.NUM_CLASSES, fc_layers_size=8, class_agnostic=True
    )
    mask_head = MaskHead(config.NUM_CLASSES, channels=8, class_agnostic=True)
    parts = parts._replace(box_head=box_head, mask_head=mask_head)
    model = build_training_network(config, "aligned", parts)
    gradients = gradients_of(model, batch)
    assert gradients["mrcnn_bbox_loss"]["mrcnn_bbox_fc/kernel"] > 0
    assert gradients["mrcnn_mask_loss"]["mrcnn_mask/kernel"] > 0


def test_class_weights_go_by_name_or_id():
    names = ["background", "box", "ball", "cone"]
    config = changed(CLASS_WEIGHTS={"ball": 2, 0: 0.5})
    assert weights_by_class(config, names) == (0.5, 1.0, 2.0, 1.0)
    assert weights_by_class(TrainingConfig(), names) is None
    with pytest.raises(ValueError, match=r"CLASS_WEIGHTS names the class 'ball'"):
        weights_by_class(config, ["background", "box"])


@pytest.mark.parametrize(("limit", "expected"), [(40, 40), (None, 70)])
def test_training_may_rank_other_numbers_of_anchors(parts, limit, expected):
    config = changed(PRE_NMS_LIMIT=70, PRE_NMS_LIMIT_TRAINING=limit)
    model = build_training_network(config, "aligned", parts)
    (propose,) = [one for one in model.layers if isinstance(one, ProposalLayer)]
    assert propose.pre_nms_limit == expected
    assert propose.proposal_count == config.POST_NMS_ROIS_TRAINING


def test_without_a_mask_branch_four_losses_are_as_they_were(parts, model, batch):
    config = changed(MASK_BRANCH=False)
    whole = model(inputs_of(model, batch))
    boxes = training_network(config, parts=parts_of(config, "aligned"))
    assert "input_gt_masks" not in {one.name for one in boxes.inputs}
    assert "mrcnn_mask_loss" not in boxes.output
    assert not [name for name in named_variables(boxes) if "mask" in name]
    for name, value in boxes(inputs_of(boxes, batch)).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-5)


def inputs_of(model, batch):
    return [batch[one.name] for one in model.inputs]


def test_the_last_stage_as_a_head_learns_from_boxes_and_masks():
    config = changed(
        FEATURES="C4",
        BACKBONE_STRIDES=[16],
        BOX_HEAD="res5",
        POOL_SIZE=14,
        MASK_HEAD="deconv",
        MASK_SHAPE=[14, 14],
    )
    model = training_network(config)
    kernel = named_variables(model)["res5a_branch2a/kernel"].variable.value
    inputs = [
        tf.constant(one)
        for one in inputs_of(model, batch_of(config, "aligned", SCENES))
    ]
    with tf.GradientTape(persistent=True) as tape:
        losses = model(inputs)
    assert float(losses["num_positive_rois"]) > 0
    for name in ("mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"):
        assert np.any(tape.gradient(losses[name], kernel)), name
    assert tape.gradient(losses["rpn_class_loss"], kernel) is None
