"""What users' scripts do beside the plain workflow, habit by habit."""

import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mrcnn import model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config
from tests.scenes import rectangle_scene
from tests.small_configs import TinyConfig

CLASS_NAMES = ["BG", "fig", "date"]


class HabitConfig(TinyConfig):
    NAME = "Habit"
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 3 / 2


class HabitDataset(utils.Dataset):
    def load(self, count):
        for number, name in enumerate(CLASS_NAMES[1:], 1):
            self.add_class("habit", number, name)
        for number in range(count):
            self.add_image("habit", image_id=number, path=None, width=80, height=64)

    def load_image(self, image_id):
        return self.scene(image_id).image

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "habit":
            return super(self.__class__, self).load_mask(image_id)
        scene = self.scene(image_id)
        return scene.masks.astype("uint8") * 255, [int(i) for i in scene.class_ids]

    def scene(self, image_id):
        info = self.image_info[image_id]
        shape = (info["height"], info["width"])
        return rectangle_scene(shape, [[5, 6, 40, 50], [30, 40, 60, 75]], [1, 2])


@pytest.fixture(scope="module")
def dataset():
    made = HabitDataset()
    made.load(3)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("logs"))
    with tf.device("/gpu:1"):
        model = modellib.MaskRCNN(
            mode="inference", config=HabitConfig(), model_dir=folder
        )
        assert model.keras_model.built
    return model


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(5)
    return rng.integers(0, 255, (50, 60, 3), "uint8")


@pytest.fixture
def result(model, image):
    return model.detect([image], verbose=1)[0]


STARS = {
    "config": "Config, np",
    "model": "MaskRCNN, log, K, KE, KL, KM, tf, np, os, utils, BatchNorm",
    "utils": "Dataset, compute_ap, tf, np, skimage, scipy, COCO_MODEL_URL",
    "visualize": "display_instances, plt, patches, lines, Polygon, find_contours",
}


@pytest.mark.parametrize("module", STARS)
def test_a_star_brings_what_matterports_modules_held(module):
    names: dict = {}
    exec(f"from mrcnn.{module} import *\n({STARS[module]})", names)
    assert "MaskRCNN" in names or module != "model"


def test_doors_stay_light_for_those_who_ask_for_no_star():
    code = (
        "import sys, mrcnn.utils, mrcnn.config; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the Keras model


def test_the_keras_model_answers_to_old_questions(model, capsys):
    network = model.keras_model
    network.summary()
    assert "mrcnn_bbox_fc" in capsys.readouterr().out
    assert [tensor.name for tensor in network.inputs] == [
        "input_image",
        "input_image_meta",
        "input_anchors",
    ]
    assert len(network.outputs) == 7
    assert network.get_layer("rpn_model").get_layer("rpn_class_raw").weights
    assert len(network.layers) > 100
    assert network.metrics_names == []
    assert network.count_params() == sum(w.size for w in network.get_weights())
    network._make_predict_function()


def test_predict_takes_three_inputs_and_gives_seven_outputs(model, image):
    molded, metas, windows = model.mold_inputs([image])
    anchors = model.get_anchors(molded[0].shape)
    anchors = np.broadcast_to(anchors, (model.config.BATCH_SIZE, *anchors.shape))
    detections, _, _, mrcnn_mask, _, _, _ = model.keras_model.predict(
        [molded, metas, anchors], verbose=0
    )
    rois, class_ids, scores, masks = model.unmold_detections(
        detections[0], mrcnn_mask[0], image.shape, molded[0].shape, windows[0]
    )
    expected = model.detect([image])[0]
    np.testing.assert_array_equal(rois, expected["rois"])
    np.testing.assert_array_equal(class_ids, expected["class_ids"])
    np.testing.assert_allclose(scores, expected["scores"], atol=1e-5)
    assert masks.shape == (*image.shape[:2], len(rois))


def test_weights_go_through_files_of_the_keras_model(model, tmp_path):
    path = str(tmp_path / "whole.h5")
    model.keras_model.save(path)
    before = model.keras_model.get_weights()
    layer = model.keras_model.get_layer("mrcnn_bbox_fc")
    layer.set_weights([weights + 1 for weights in layer.get_weights()])
    model.keras_model.load_weights(path, by_name=True)
    for old, new in zip(before, model.keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_learning_is_set_up_by_hand(model):
    model.compile(model.config.LEARNING_RATE, model.config.LEARNING_MOMENTUM)
    optimizer = model.keras_model.optimizer
    assert float(np.asarray(optimizer.learning_rate)) == pytest.approx(0.001)
    model.set_trainable(r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)", None, 0, 0)
    assert not model.keras_model.get_layer("conv1").trainable
    assert model.keras_model.get_layer("fpn_p5").trainable
    model.set_trainable(".*", verbose=0)


def test_detection_goes_on_after_the_session_is_cleared(model, image, result):
    keras.backend.clear_session()
    again = model.detect([image])[0]
    np.testing.assert_array_equal(again["rois"], result["rois"])


# --- runs


def test_the_last_checkpoint_of_early_releases_is_item_one(model, tmp_path):
    folder = tmp_path / "habit20180301T1200"
    folder.mkdir()
    model.keras_model.save_weights(folder / "mask_rcnn_habit_0004.h5")
    other = modellib.MaskRCNN("training", HabitConfig(), str(tmp_path))
    other.load_weights(other.find_last()[1], by_name=True)
    assert other.epoch == 4
    assert other.log_dir == str(folder)
    other.set_log_dir()
    assert other.epoch == 0


@pytest.mark.slow
def test_a_step_and_a_half_make_two(dataset, tmp_path):
    model = modellib.MaskRCNN("training", HabitConfig(), str(tmp_path))
    batches = []
    counter = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch)
    )
    model.train(dataset, dataset, 0.001, 1, "heads", None, [counter])
    assert batches == [0, 1]
    history = model.keras_model.history.history
    assert history["loss"]
    assert {len(values) for values in history.values()} == {1}
    assert {f"val_{name}" for name in history if "loss" in name[:20]} >= {"val_loss"}


def test_a_subclass_may_wrap_what_it_likes(image, tmp_path):
    class Wrapped(modellib.MaskRCNN):
        def __init__(self, mode, config, model_dir):
            super().__init__(mode=mode, config=config, model_dir=model_dir)
            self.fc = self.keras_model.get_layer("mrcnn_bbox_fc")

        def detect(self, images, verbose=0):
            return [r["rois"] for r in super().detect(images, verbose)]

    found = Wrapped("inference", HabitConfig(), str(tmp_path)).detect([image])
    assert found[0].shape[1] == 4


# --- detections


@pytest.mark.parametrize(
    "change",
    [
        lambda image: [image[..., ::-1]],
        lambda image: [image, image[:40], image[:, :30]],
        lambda image: np.stack([image, image]),
        lambda image: [image.astype("float64")],
        lambda image: [image[..., 0]],
        lambda image: [np.dstack([image, image[..., 0]])],
        lambda image: np.expand_dims(modellib.mold_image(image, HabitConfig()), 0),
    ],
    ids=["bgr", "many", "batch", "float", "grey", "rgba", "molded"],
)
def test_images_of_every_kind_are_detected(model, image, change):
    images = change(image)
    results = model.detect(images)
    assert len(results) == len(images)
    for one, r in zip(images, results, strict=True):
        assert r["masks"].shape == (*one.shape[:2], len(r["rois"]))


def test_results_travel_as_dicts_do(result, tmp_path):
    assert len(result["rois"])
    copy = pickle.loads(pickle.dumps([result]))[0]
    np.testing.assert_array_equal(copy["masks"], result["masks"])
    np.savez(tmp_path / "r.npz", **result)
    assert set(np.load(tmp_path / "r.npz")) == {"rois", "class_ids", "scores", "masks"}
    np.save(tmp_path / "r.npy", [result])
    loaded = np.load(tmp_path / "r.npy", allow_pickle=True)
    np.testing.assert_array_equal(loaded[0]["rois"], result["rois"])


def test_one_class_is_kept_by_storing_less_of_each_array(result, image, plt):
    kept = result["class_ids"] == result["class_ids"][0]
    result["rois"] = result["rois"][kept]
    result["masks"] = result["masks"][:, :, kept]
    result["scores"] = result["scores"][kept]
    result["class_ids"] = result["class_ids"][kept]
    _, axes = plt.subplots(1, figsize=(4, 4))
    visualize.display_instances(
        image,
        result["rois"],
        result["masks"],
        result["class_ids"],
        CLASS_NAMES,
        result["scores"],
        ax=axes,
    )
    assert len(axes.texts) == kept.sum()


def test_anchors_are_there_after_detection(model, dataset, result):
    config = model.config
    molded, _, class_ids, boxes, _ = modellib.load_image_gt(dataset, config, 0)
    match, _ = modellib.build_rpn_targets(
        molded.shape, model.anchors, class_ids, boxes, config
    )
    assert len(match) == len(model.anchors)
    assert (match == 1).any()


# --- configs and datasets


@pytest.mark.parametrize(
    "knobs",
    [
        {"IMAGE_MAX_DIM": 512},
        {"IMAGE_MIN_DIM": 1024, "IMAGE_MAX_DIM": 128},
        {"STEPS_PER_EPOCH": 100 / 3, "VALIDATION_STEPS": 0},
        {"VALIDATION_STEPS": 5 / 2},
        {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": np.array([43.5])},
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 128, "IMAGE_MIN_SCALE": 2.0},
        {"IMAGE_PADDING": True, "DEVICE": "/cpu:0"},
        {"DETECTION_MIN_CONFIDENCE": 0, "DETECTION_NMS_THRESHOLD": 0.0},
        {"RPN_ANCHOR_SCALES": (48, 96, 192, 384, 768), "RPN_ANCHOR_STRIDE": 2},
    ],
    ids=lambda knobs: "-".join(knobs),
)
@pytest.mark.filterwarnings("ignore")
def test_configs_that_worked_still_do(knobs):
    config = type("UsersConfig", (Config,), {"NAME": "users", **knobs})()
    modellib.MaskRCNN("training", config, "logs")


def test_the_larger_side_wins_where_the_smaller_is_larger(dataset):
    config = HabitConfig()
    config.IMAGE_MIN_DIM = 128
    molded, meta, *_ = modellib.load_image_gt(dataset, config, 0)
    assert molded.shape == (64, 64, 3)
    window = modellib.parse_image_meta(meta[None])["window"][0]
    assert (window[3] - window[1], window[2] - window[0]) == (64, 51)


def test_names_and_ids_of_a_dataset_may_be_set_by_hand(dataset):
    made = HabitDataset()
    made.load(2)
    made.prepare()
    made.class_names = CLASS_NAMES
    made._image_ids = np.array([1])
    assert list(made.image_ids) == [1]
    assert made.class_names[2] == "date"
    made.add_image("other", 7, None)
    made.prepare()
    masks, class_ids = made.load_mask(2)
    assert masks.size == len(class_ids) == 0
    assert made.image_reference(2) == ""


def test_imagenet_weights_are_a_path_for_load_weights(model, tmp_path, monkeypatch):
    path = str(tmp_path / "imagenet.h5")
    model.keras_model.save_weights(path)
    monkeypatch.setattr("mrcnn.mask_rcnn.imagenet_weights_file", lambda _: path)
    report = model.load_weights(model.get_imagenet_weights(), by_name=True)
    assert "conv1/kernel" in report.loaded
    assert model.epoch == 0
