import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from mrcnn.config import Config
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.inference import detect as module
from mrcnn.inference.detect import detect, detect_molded
from mrcnn.inference.inputs import mold_inputs

MEAN = Config.MEAN_PIXEL.astype("float32")
COLOURS = {1: (255, 0, 0), 2: (0, 0, 255)}  # class id: colour of its rectangle


class TinyConfig(Config):
    NAME = "tiny"
    NUM_CLASSES = 3
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    DETECTION_MAX_INSTANCES = 4


class Pad64Config(TinyConfig):
    IMAGE_RESIZE_MODE = "pad64"


class ColourFinder:
    """A network that sees one rectangle of each colour, and keeps its batch shapes."""

    def __init__(self, with_masks: bool = True, slots: int = 4) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.with_masks = with_masks
        self.slots = slots

    def __call__(self, molded, metas):
        assert len(molded) == len(metas)
        self.batches.append(molded.shape)
        detections = np.stack([self.find(image) for image in molded])
        patches = np.ones((len(molded), self.slots, 28, 28, 3), "float32")
        return detections, patches if self.with_masks else None

    def find(self, molded):
        rows = np.zeros((self.slots, 6), "float32")
        for row, (class_id, colour) in enumerate(COLOURS.items()):
            hits = np.abs(molded + MEAN - colour).max(axis=-1) < 1
            if hits.any():
                y, x = np.nonzero(hits)
                box = [y.min(), x.min(), y.max() + 1, x.max() + 1]
                box_norm = np.array(box) / np.tile(molded.shape[:2], 2)
                rows[row] = [*box_norm, class_id, 0.9]
        return rows[np.argsort(rows[:, 4] == 0, kind="stable")]


def scene(shape, **boxes) -> np.ndarray:
    """A grey image with a red or a blue rectangle."""
    image = np.full((*shape, 3), 90, "uint8")
    for name, (y1, x1, y2, x2) in boxes.items():
        image[y1:y2, x1:x2] = COLOURS[{"red": 1, "blue": 2}[name]]
    return image


def find(images, network=None, config=None, **options):
    options = {"convention": CONVENTIONS["aligned"], **options}
    config = TinyConfig() if config is None else config
    return detect(images, config=config, predict=network or ColourFinder(), **options)


RED = scene((64, 128), red=(8, 16, 40, 80))
BLUE = scene((128, 64), blue=(100, 0, 128, 64))
BOTH = scene((128, 128), red=(0, 0, 10, 20), blue=(64, 64, 128, 128))
NONE = scene((128, 128))


def test_detections_are_in_the_pixels_of_each_image():
    red, blue, both = find([RED, BLUE, BOTH])
    assert red.rois.tolist() == [[8, 16, 40, 80]]
    assert blue.rois.tolist() == [[100, 0, 128, 64]]
    assert both.rois.tolist() == [[0, 0, 10, 20], [64, 64, 128, 128]]
    assert both.class_ids.tolist() == [1, 2]
    assert red.masks.shape == (64, 128, 1)
    assert red.masks[8:40, 16:80].all()
    assert red.masks.sum() == 32 * 64


def test_an_enlarged_image_is_answered_in_its_own_pixels():
    (result,) = find([scene((32, 32), red=(8, 8, 24, 16))])
    np.testing.assert_allclose(result.boxes, [[8, 8, 24, 16]], atol=0.5)
    assert result.image_shape == (32, 32)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_any_number_of_images_is_detected_in_batches(count):
    network = ColourFinder()
    results = find([RED] * count, network)
    assert [len(result) for result in results] == [1] * count
    assert [batch[0] for batch in network.batches] == [2] * (count // 2) + [1] * (
        count % 2
    )


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_the_batch_size_is_free(batch_size):
    network = ColourFinder()
    results = find([RED, BOTH, NONE, BLUE], network, batch_size=batch_size)
    assert [len(result) for result in results] == [1, 2, 0, 1]
    assert max(batch[0] for batch in network.batches) == min(batch_size, 4)


def test_a_batch_size_of_zero_is_refused():
    with pytest.raises(ValueError, match="batch_size"):
        find([RED], batch_size=0)


def test_images_are_grouped_by_shape_and_answered_in_order():
    network = ColourFinder()
    images = [RED, BLUE, BOTH, RED, BLUE, RED]
    results = find(images, network, config=Pad64Config())
    assert [len(result) for result in results] == [1, 1, 2, 1, 1, 1]
    assert [r.image_shape for r in results] == [i.shape[:2] for i in images]
    assert [batch[:3] for batch in network.batches] == [
        (2, 64, 128),
        (1, 64, 128),
        (2, 128, 64),
        (1, 128, 128),
    ]


def test_all_kinds_of_one_image_give_the_same_answer(tmp_path):
    path = tmp_path / "both.png"
    Image.fromarray(BOTH).save(path)
    alpha = np.full((128, 128, 1), 255, "uint8")
    kinds = [
        BOTH,
        BOTH.astype("float32"),
        BOTH.astype("float64") / 255,
        BOTH.astype("uint16") * 257,
        BOTH.astype("int64"),
        BOTH.astype("float32") - MEAN,
        np.concatenate([BOTH, alpha], axis=-1),
        path,
        str(path),
        Image.fromarray(BOTH),
    ]
    first, *others = find(kinds)
    assert len(first) == 2
    for other in others:
        assert other == first


def test_arrays_paths_and_single_images_are_lists_too():
    assert find(np.stack([BOTH, NONE])) == find([BOTH, NONE])
    assert find(BOTH) == find([BOTH])
    assert find(iter([BOTH])) == find([BOTH])
    assert find(np.zeros((0, 64, 64, 3))) == []


def test_greyscale_images_are_detected_in():
    (result,) = find([np.zeros((64, 64), "uint8")])
    assert len(result) == 0
    assert result.masks.shape == (64, 64, 0)


def test_without_masks_there_are_none():
    for results in (
        find([BOTH], masks=False),
        find([BOTH], ColourFinder(with_masks=False)),
    ):
        assert not results[0].has_masks
        assert results[0].rois.tolist() == find([BOTH])[0].rois.tolist()


def test_the_mask_threshold_is_the_configs_or_given():
    def half_sure(molded, metas):
        detections, patches = ColourFinder()(molded, metas)
        return detections, patches * np.float32(0.4)

    config = TinyConfig()
    assert not find([BOTH], half_sure, config)[0].masks.any()
    assert find([BOTH], half_sure, config, mask_threshold=0.3)[0].masks.any()
    config.MASK_THRESHOLD = 0.3
    assert find([BOTH], half_sure, config)[0].masks.any()


def test_class_names_reach_the_instances():
    (result,) = find([BOTH], class_names=["BG", "red", "blue"])
    assert result.names == ["red", "blue"]


def test_a_full_set_of_slots_is_warned_of_once(caplog):
    config = TinyConfig()
    config.DETECTION_MAX_INSTANCES = 2
    network = ColourFinder(slots=2)
    find([RED, BLUE], network, config)
    assert not caplog.records
    find([BOTH, RED, BOTH], network, config, batch_size=1)
    (message,) = caplog.messages
    assert message.startswith("2 of 3 images reached DETECTION_MAX_INSTANCES = 2")


def test_one_batch_at_a_time_is_molded(monkeypatch):
    alive, most = 0, 0
    mold = module.mold

    def counting_mold(*args, **kwargs):
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return mold(*args, **kwargs)

    def network(molded, metas):
        nonlocal alive
        alive -= len(molded)
        return ColourFinder()(molded, metas)

    monkeypatch.setattr(module, "mold", counting_mold)
    find([BOTH] * 5, network)
    assert most == 2


def test_a_bad_image_is_named_before_anything_is_computed():
    network = ColourFinder()
    with pytest.raises(ValueError, match="Image 2"):
        find([RED, BLUE, np.zeros((0, 5))], network, batch_size=1)
    assert network.batches == []


def test_progress_is_shown_for_several_images_if_asked(capsys):
    find([BOTH] * 3)
    find([BOTH], verbose=1)
    assert capsys.readouterr().err == ""
    find([BOTH] * 3, verbose=1)
    shown = capsys.readouterr()
    assert "2/3 images" in shown.err
    assert shown.err.endswith("3/3 images\n")
    assert shown.out == ""


def test_shapes_are_logged_for_debugging(caplog):
    with caplog.at_level(logging.DEBUG, "mrcnn"):
        find([BOTH])
    assert "(1, 128, 128, 3)" in caplog.text


def test_eight_threads_give_the_same_answers_as_one():
    images = [RED, BLUE, BOTH, NONE] * 4
    alone = [find([image])[0] for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: find([image])[0], images))
    assert together == alone


# Molded images


@pytest.mark.parametrize("name", ["matterport", "aligned"])
def test_molded_images_give_what_their_images_give(name):
    convention = CONVENTIONS[name]
    config, images = TinyConfig(), [RED, BLUE]
    molded, metas, _ = mold_inputs(
        images, config, pad_after_mean=convention.pad_after_mean
    )
    results = detect_molded(
        molded, metas, config=config, predict=ColourFinder(), convention=convention
    )
    assert results == find(images, convention=convention)
    assert results[0].image_shape == (64, 128)


def test_no_molded_images_give_no_results():
    options = {"predict": ColourFinder(), "convention": CONVENTIONS["aligned"]}
    empty = np.zeros((0, 64, 64, 3)), np.zeros((0, 15))
    assert detect_molded(*empty, config=TinyConfig(), **options) == []


@pytest.mark.parametrize(("sides", "metas"), [([64, 64], 1), ([64, 128], 2), ([64], 2)])
def test_molded_images_need_one_shape_and_a_meta_each(sides, metas):
    images = [np.zeros((64, side, 3), "float32") for side in sides]
    with pytest.raises(ValueError, match=r"mold_inputs\(\)"):
        detect_molded(
            images,
            np.zeros((metas, 15)),
            config=TinyConfig(),
            predict=ColourFinder(),
            convention=CONVENTIONS["aligned"],
        )
