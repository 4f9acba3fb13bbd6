"""The object trains, goes on, evaluates and detects."""

from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.data.shapes import ShapesDataset
from mrcnn.data.transforms import HorizontalFlip, VerticalFlip
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.training_session import check_backend, chosen_augmentation, spread_out
from tests.small_configs import TinyConfig
from tests.training.event_files import pictures_in


class LearningConfig(TinyConfig):
    NUM_CLASSES = 4
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    TRAIN_ROIS_PER_IMAGE = 8
    POST_NMS_ROIS_TRAINING = 20


def shapes(count, seed):
    dataset = ShapesDataset()
    dataset.load_shapes(count, 64, 64, seed=seed)
    dataset.prepare()
    return dataset


class Seen(keras.callbacks.Callback):
    """Keeps what an epoch ends with."""

    def on_epoch_end(self, epoch, logs=None):
        self.logs = dict(logs)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model = MaskRCNN("training", LearningConfig(), tmp_path_factory.mktemp("logs"))
    before = {w.path: w.numpy() for w in model.keras_model.weights}
    seen = Seen()
    model.train(
        shapes(4, 1),
        shapes(3, 2),
        0.001,
        epochs=1,
        layers="heads",
        evaluate_every=1,
        custom_callbacks=[seen],
        verbose=0,
    )
    return model, before, seen


def test_history_has_every_loss_of_both_sets_and_the_precision(trained):
    history = trained[0].keras_model.history.history
    names = ["loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss"]
    names += ["mrcnn_bbox_loss", "mrcnn_mask_loss"]
    for name in names:
        assert len(history[name]) == len(history[f"val_{name}"]) == 1
        assert np.isfinite(history[name][0])
    assert {"val_AP", "val_AP50", "val_box_AP"} <= set(history)


def test_callbacks_of_the_user_can_go_by_the_precision(trained):
    assert {"val_AP", "val_box_AP", "val_loss"} <= trained[2].logs.keys()


def test_tensorboard_shows_truth_beside_detections_of_the_validation_set(trained):
    model = trained[0]
    panels = pictures_in(Path(model.find_last()).parent)
    assert panels.keys() == {f"validation/image {index}" for index in range(3)}
    truth = shapes(3, 2)
    for index in range(3):
        ((step, panel),) = panels[f"validation/image {index}"]
        assert step == 1
        assert panel.shape == (64, 64 + 8 + 64, 3)
        # The left half is the image but for the objects.
        image = truth.load_image(index).astype(int)
        is_object = truth.load_mask(index)[0].any(axis=-1)
        changed = np.abs(panel[:, :64] - image).max(axis=-1) > 40
        assert changed[is_object].mean() > changed[~is_object].mean()


def test_the_images_to_show_are_spread_over_the_set():
    assert spread_out([3, 5, 7, 9, 11, 13, 15, 17], 4) == [3, 7, 11, 15]
    assert spread_out([3, 5], 4) == [3, 5]


def test_the_heads_learn_and_the_backbone_rests(trained):
    model, before, _ = trained
    changed = {
        weight.path.split("/")[0]
        for weight in model.keras_model.weights
        if not np.array_equal(before[weight.path], weight.numpy())
    }
    assert "mrcnn_class_logits" in changed
    assert "fpn_c5p5" in changed
    assert not {name for name in changed if name.startswith(("conv1", "res", "bn"))}


def test_the_checkpoint_is_found_and_says_what_it_is(trained):
    model = trained[0]
    assert model.epoch == 1
    assert model.find_last().endswith("mask_rcnn_tiny_0001.h5")
    again = MaskRCNN("training", LearningConfig(), model.model_dir)
    report = again.load_weights(model.find_last())
    assert again.epoch == 1
    assert report.class_names == ["BG", "square", "circle", "triangle"]
    assert report.geometry == "aligned"


def test_training_goes_on_with_other_layers_and_epochs_are_counted_in_all(trained):
    model = trained[0]
    panels = pictures_in(Path(model.log_dir))
    options = {"layers": "all", "pictures": 0, "verbose": 0}
    model.train(shapes(4, 1), shapes(3, 2), epochs=2, **options)
    assert model.epoch == 2
    assert len(pictures_in(Path(model.log_dir))) == len(panels)
    assert all(len(steps) == 1 for steps in pictures_in(Path(model.log_dir)).values())
    assert len(model.keras_model.history.epoch) == 1
    assert model.find_last().endswith("mask_rcnn_tiny_0002.h5")


def test_the_same_object_detects_and_evaluates(trained):
    model = trained[0]
    dataset = shapes(3, 2)
    results = model.detect([dataset.load_image(0)])
    assert results[0].class_names == ("BG", "square", "circle", "triangle")
    before = model.config.DETECTION_MIN_CONFIDENCE
    evaluation = model.evaluate(dataset)
    assert evaluation.coco.num_images == 3
    assert 0 <= evaluation.coco.boxes["AP"] <= 1
    assert before == model.config.DETECTION_MIN_CONFIDENCE


def test_mirrored_images_are_the_default_and_can_be_left_out():
    assert isinstance(chosen_augmentation(None), HorizontalFlip)
    assert chosen_augmentation(False) is None
    own = VerticalFlip()
    assert chosen_augmentation(own) is own


def test_backends_that_only_detect_are_refused_with_the_remedy(monkeypatch):
    check_backend()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=r"'jax'.*KERAS_BACKEND=tensorflow"):
        check_backend()
