import logging
import random
import tracemalloc

import imgaug.augmenters as iaa
import numpy as np
import pytest
from PIL import Image

from mrcnn.data import workers
from mrcnn.data.annotations import AnnotatedImage, AnnotationDataset, Outline
from mrcnn.data.augmentation import Compose
from mrcnn.data.image_files import image_shape_or_none
from mrcnn.data.loader import Loader
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.transforms import ColorJitter, HorizontalFlip, Rotate90
from mrcnn.geometry.conventions import CONVENTIONS
from mrcnn.image_meta import parse_image_meta
from tests.data.scene_dataset import SceneDataset, config, numbered_scenes
from tests.scenes import rectangle_scene

KINDS = [(0, False), (1, False), (2, False), (1, True), (2, True)]


def loader_of(dataset, made=None, *, kind=(0, False), **options) -> Loader:
    return Loader(
        dataset,
        made or config(),
        convention=CONVENTIONS["aligned"],
        workers=kind[0],
        use_processes=kind[1],
        **options,
    )


def ids_of(batch) -> list[int]:
    return parse_image_meta(batch["input_image_meta"]).image_id.astype(int).tolist()


def assert_same(batches, others) -> None:
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name], err_msg=name)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_two_epochs_are_the_same_whatever_the_workers(kind):
    augmentation = Compose(
        HorizontalFlip(), Rotate90(), iaa.Affine(rotate=(-20, 20)), ColorJitter()
    )
    options = {"augmentation": augmentation, "seed": 5, "steps_per_epoch": 4}
    made = config(MAX_GT_INSTANCES=1, USE_RPN_ROIS=False, POST_NMS_ROIS_TRAINING=9)
    dataset = SceneDataset(numbered_scenes(5))
    plain = loader_of(dataset, made, **options)
    other = loader_of(dataset, made, kind=kind, **options)
    for epoch in range(2):
        assert_same(plain.epoch(epoch), other.epoch(epoch))
    changed = loader_of(dataset, made, **{**options, "seed": 6})
    with pytest.raises(AssertionError):
        assert_same(plain.epoch(0), changed.epoch(0))


@pytest.mark.parametrize("kind", [(0, False), (2, True)])
def test_an_epoch_goes_on_from_any_step_as_if_it_had_been_begun(kind):
    dataset = SceneDataset(numbered_scenes(5))
    options = {"augmentation": ColorJitter(), "steps_per_epoch": 6, "kind": kind}
    whole = list(loader_of(dataset, **options).epoch(3))
    resumed = loader_of(dataset, **options)
    assert_same(resumed.epoch(3, start_step=4), whole[4:])
    assert list(resumed.epoch(3, start_step=6)) == []
    assert_same([resumed.batch(3, 5)], whole[5:])


def test_validation_holds_every_image_in_order_and_is_the_same_each_time():
    made = config(IMAGE_RESIZE_MODE="crop", MAX_GT_INSTANCES=1)
    dataset = SceneDataset(numbered_scenes(7, shape=(100, 150)))
    loader = loader_of(dataset, made, shuffle=False)
    first = list(loader.epoch(0))
    assert [ids_of(batch) for batch in first] == [[0, 1], [2, 3], [4, 5], [6]]
    assert len(loader) == 4
    assert_same(loader.epoch(1), first)


def test_images_without_objects_are_examples_and_a_dataset_of_them_ends():
    scenes = [rectangle_scene((64, 64), [], []) for _ in range(3)]
    batches = list(loader_of(SceneDataset(scenes), shuffle=False).epoch(0))
    assert [len(batch["input_image"]) for batch in batches] == [2, 1]
    assert not any(batch["input_gt_class_ids"].any() for batch in batches)


def test_crowds_pass_through():
    scene = rectangle_scene((64, 64), [[0, 0, 30, 30], [9, 9, 50, 50]], [-2, 1])
    (batch,) = loader_of(SceneDataset([scene]), batch_size=1).epoch(0)
    assert batch["input_gt_class_ids"].tolist() == [[-2, 1, 0, 0]]


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_fails_ends_the_epoch_at_once_by_name(kind, monkeypatch):
    dataset = SceneDataset(numbered_scenes(9), broken=[4])
    monkeypatch.setattr(workers, "PATIENCE", 1e6)  # not what ends the wait
    batches = loader_of(dataset, kind=kind, shuffle=False).epoch(0)
    assert [ids_of(next(batches)) for _ in range(2)] == [[0, 1], [2, 3]]
    message = r"OSError in image 4 \(scenes.4\): the disk is on fire"
    with pytest.raises(RuntimeError, match=message) as caught:
        next(batches)
    assert "the disk is on fire" in str(caught.value.__cause__)


@pytest.mark.parametrize("kind", KINDS)
def test_a_skipped_image_is_counted_and_its_batch_is_smaller(kind, caplog):
    dataset = SceneDataset(numbered_scenes(6), broken=[1, 2, 3])
    loader = loader_of(dataset, kind=kind, shuffle=False, on_error="skip")
    with caplog.at_level(logging.WARNING, "mrcnn"):
        for epoch in range(2):
            batches = [ids_of(batch) for batch in loader.epoch(epoch)]
            assert batches == [[0], [4, 5]]
    assert list(loader.skipped) == [1, 2, 3]
    assert "image 3" in loader.skipped[3]
    assert caplog.text.count("Skipped") == 3


@pytest.mark.parametrize("grouping", [False, True])
def test_an_image_that_was_unreadable_from_the_start_is_skipped_too(tmp_path, grouping):
    outline = Outline("red", [[1, 1, 9, 1, 9, 9]])
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path in paths:
        Image.new("RGB", (64, 40)).save(path)
    paths[1].write_bytes(b"no picture at all")
    shapes = [image_shape_or_none(path) for path in paths]
    dataset = AnnotationDataset()
    dataset.add_annotated_images(
        "files",
        [
            AnnotatedImage(path.stem, str(path), shape, [outline])
            for path, shape in zip(paths, shapes, strict=True)
        ],
    )
    dataset.prepare()
    made = config(NUM_CLASSES=2, ASPECT_GROUPING=grouping)
    loader = loader_of(dataset, made, on_error="skip")
    batches = list(loader.epoch(0))
    assert sorted(n for batch in batches for n in ids_of(batch)) == [0, 2]
    assert list(loader.skipped) == [1]
    with pytest.raises(RuntimeError, match=r"image 1 \(files.b, .*b\.png"):
        list(loader_of(dataset, made).epoch(0))


def test_with_a_number_of_steps_the_next_image_takes_the_place_of_a_skipped_one():
    dataset = SceneDataset(numbered_scenes(4), broken=[1, 2])
    loader = loader_of(dataset, shuffle=False, on_error="skip", steps_per_epoch=4)
    batches = [ids_of(batch) for batch in loader.epoch(0)]
    assert batches == [[0, 3], [3, 3], [0, 3], [3, 3]]
    assert list(loader.skipped) == [1, 2]


@pytest.mark.parametrize("kind", [(0, False), (2, False), (2, True)])
@pytest.mark.parametrize("steps", [None, 7])
def test_skipping_ends_where_all_images_fail(kind, steps):
    dataset = SceneDataset(numbered_scenes(4), broken=range(4))
    loader = loader_of(dataset, kind=kind, on_error="skip", steps_per_epoch=steps)
    with pytest.raises(RuntimeError, match=r"4 in a row failed.*disk is on fire"):
        list(loader.epoch(0))


def test_one_warning_says_that_there_are_too_many_instances(caplog):
    boxes = [[8 * n, 0, 8 * n + 6, 9] for n in range(6)]
    dataset = SceneDataset([rectangle_scene((64, 64), boxes, [1] * 6)] * 3)
    loader = loader_of(dataset, kind=(2, True))
    with caplog.at_level(logging.WARNING, "mrcnn"):
        for epoch in range(2):
            for batch in loader.epoch(epoch):
                assert (batch["input_gt_class_ids"] == 1).all()
    assert caplog.text.count("has 6 instances, but MAX_GT_INSTANCES is 4") == 1


def test_sources_may_be_left_without_augmentation():
    dataset = SceneDataset(numbered_scenes(2))
    for sources in (["scenes"], "scenes"):
        loader = loader_of(
            dataset,
            shuffle=False,
            augmentation=lambda image, masks, rng: (255 - image, masks),
            no_augmentation_sources=sources,
        )
        assert_same(loader.epoch(0), loader_of(dataset, shuffle=False).epoch(0))


def test_train_scales_are_drawn_for_training_only():
    made = config(IMAGE_MAX_DIM=128, TRAIN_SCALES=(40, 60, 80))
    dataset = SceneDataset(numbered_scenes(2))

    def scales(shuffle):
        loader = loader_of(dataset, made, shuffle=shuffle, steps_per_epoch=10)
        metas = [parse_image_meta(b["input_image_meta"]) for b in loader.epoch(0)]
        return {float(scale) for meta in metas for scale in meta.scale}

    assert scales(True) == {1.0, 1.5, 2.0}
    assert len(scales(False)) == 1


def test_grouping_saves_padding_between_images():
    shapes = [(64, 192), (192, 64)] * 6
    dataset = SceneDataset([rectangle_scene(shape, [], []) for shape in shapes])

    def areas(grouped):
        made = config(IMAGE_RESIZE_MODE="pad64", ASPECT_GROUPING=grouped)
        batches = list(loader_of(dataset, made).epoch(0))
        assert sorted(n for b in batches for n in ids_of(b)) == list(range(12))
        return {b["input_image"].shape[1] * b["input_image"].shape[2] for b in batches}

    assert areas(True) == {64 * 192}
    assert areas(False) == {64 * 192, 192 * 192}


def test_the_convention_decides_about_the_padding():
    dataset = SceneDataset(numbered_scenes(1))
    for name, corner in [("aligned", 0.0), ("matterport", -123.7)]:
        loader = Loader(dataset, config(), convention=CONVENTIONS[name])
        (batch,) = loader.epoch(0)
        np.testing.assert_allclose(batch["input_image"][0, 0, 0, 0], corner, rtol=1e-6)


def from_global_states(image, masks, rng):
    value = [random.randrange(256), np.random.randint(256), 0]
    return np.full_like(image, value), masks


@pytest.mark.parametrize("kind", [(2, True)])
def test_code_that_draws_from_shared_states_repeats_its_draws(kind):
    dataset = SceneDataset(numbered_scenes(6))
    options = {"augmentation": from_global_states, "batch_size": 1}
    first = list(loader_of(dataset, **options).epoch(0))
    random.seed(99)
    assert_same(loader_of(dataset, kind=kind, **options).epoch(0), first)
    colours = {tuple(batch["input_image"][0, 32, 32]) for batch in first}
    assert len(colours) == 6


def measure_growth(num_batches: int, kind) -> float:
    """Mebibytes that batches leave behind after the first twentieth."""
    dataset = SceneDataset(numbered_scenes(8))
    loader = loader_of(
        dataset, kind=kind, steps_per_epoch=num_batches, augmentation=HorizontalFlip()
    )
    tracemalloc.start()
    try:
        for step, _ in enumerate(loader.epoch(0)):
            if step == num_batches // 20:
                before = tracemalloc.get_traced_memory()[0]
        return (tracemalloc.get_traced_memory()[0] - before) / 2**20
    finally:
        tracemalloc.stop()


# A batch here is 0.1 MiB.
@pytest.mark.parametrize("kind", [(0, False), (2, False), (2, True)])
def test_memory_stays_flat(kind):
    assert measure_growth(200, kind) < 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [(0, False), (2, False), (2, True)])
def test_memory_stays_flat_over_two_thousand_batches(kind):
    assert measure_growth(2000, kind) < 1


def test_leaving_an_epoch_early_lets_another_begin():
    loader = loader_of(SceneDataset(numbered_scenes(6)), kind=(2, True))
    for _ in range(3):
        for batch in loader.epoch(0):
            assert len(batch["input_image"]) == 2
            break
    assert len(list(loader.epoch(0))) == 3


def test_a_dataset_that_does_not_fit_the_config_is_refused():
    dataset = SceneDataset(numbered_scenes(1))
    with pytest.raises(ValueError, match=r"3 classes.*Set NUM_CLASSES = 3"):
        loader_of(dataset, config(NUM_CLASSES=81))
    with pytest.raises(ValueError, match="SceneDataset has no images"):
        loader_of(SceneDataset([]))
    with pytest.raises(ValueError, match="give 'raise' or 'skip'"):
        loader_of(dataset, on_error="ignore")


def test_coco_with_crowds_and_empty_images_passes_through_an_epoch(data_folder):
    folder = data_folder / "coco_tiny"
    dataset = CocoDataset.from_path(folder / "instances_val.json")
    made = config(NUM_CLASSES=dataset.num_classes, MAX_GT_INSTANCES=100)
    made.IMAGE_MIN_DIM, made.IMAGE_MAX_DIM = 200, 256
    loader = loader_of(
        dataset,
        made,
        kind=(2, True),
        augmentation=HorizontalFlip(),
    )
    seen, counts, has_crowd = [], [], False
    for batch in loader.epoch(0):
        seen += ids_of(batch)
        counts += np.count_nonzero(batch["input_gt_class_ids"], axis=1).tolist()
        has_crowd |= bool((batch["input_gt_class_ids"] < 0).any())
        assert np.isfinite(batch["input_image"]).all()
    assert sorted(seen) == list(range(50))
    assert has_crowd
    assert counts.count(0) == 2
    assert 370 <= sum(counts) <= 382


@pytest.mark.parametrize("kind", KINDS)
def test_without_an_rpn_batches_have_the_datasets_proposals(kind):
    scenes = numbered_scenes(3, shape=(64, 64))
    dataset = SceneDataset(scenes)
    dataset.add_proposals({n: scene.boxes for n, scene in enumerate(scenes)})
    made = config(RPN_BRANCH=False, POST_NMS_ROIS_TRAINING=3)
    loader = loader_of(
        dataset, made, kind=kind, augmentation=HorizontalFlip(0.5), batch_size=3
    )
    for epoch in range(3):
        (batch,) = loader.epoch(epoch)
        assert batch["input_rois"].shape == (3, 3, 4)
        np.testing.assert_array_equal(
            batch["input_rois"], batch["input_gt_boxes"][:, :3]
        )


def test_with_an_rpn_proposals_are_left_aside():
    dataset = SceneDataset(numbered_scenes(3))
    dataset.add_proposals({0: "not looked at"})
    (batch,) = loader_of(dataset, batch_size=3).epoch(0)
    assert "input_rois" not in batch


def test_an_image_without_proposals_ends_the_epoch_by_name():
    made = config(RPN_BRANCH=False)
    with pytest.raises(RuntimeError, match=r"image \d \(scenes.*has no proposals"):
        next(loader_of(SceneDataset(numbered_scenes(2)), made).epoch(0))
