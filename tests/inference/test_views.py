import numpy as np
import pytest

from mrcnn.inference.results import Instances
from mrcnn.inference.views import View, detect_in_views, list_views, scaled_config
from tests.small_configs import GoldenConfig


@pytest.fixture
def config() -> GoldenConfig:
    return GoldenConfig()


def bright_box(images: list[np.ndarray], proposals: None = None) -> list[Instances]:
    """A detector that finds what is white."""
    assert proposals is None
    found = []
    for image in images:
        mask = (image > 200).all(axis=-1)
        found.append(Instances.from_masks(None, [1], [0.9], mask[..., None]))
    return [Instances(i.boxes, i.class_ids, i.scores, i.image_shape) for i in found]


def white_box(y1: int, x1: int, y2: int, x2: int) -> np.ndarray:
    image = np.zeros((40, 60, 3), "uint8")
    image[y1:y2, x1:x2] = 255
    return image


def test_views_are_every_scale_with_and_without_a_mirror():
    assert list_views(False, (1,)) == [View()]
    assert list_views(True, (1, 0.5)) == [
        View(False, 1), View(True, 1), View(False, 0.5), View(True, 0.5)
    ]  # fmt: skip
    assert list_views(False, 1.5) == [View(False, 1.5)]


@pytest.mark.parametrize("scales", [(), (1, 0), (-1,), (float("nan"),)])
def test_scales_are_numbers_above_zero(scales):
    with pytest.raises(ValueError, match="scales"):
        list_views(True, scales)


def test_a_scaled_config_sees_larger_images(config):
    larger = scaled_config(config, 1.3)
    side = round(config.IMAGE_MAX_DIM * 1.3 / 64) * 64
    assert side == larger.IMAGE_MAX_DIM
    assert larger.IMAGE_SHAPE[:2].tolist() == [side, side]
    assert scaled_config(config, 0.01).IMAGE_MAX_DIM == 64
    assert scaled_config(config, 1) is config


def test_sides_that_padding_makes_up_for_are_not_rounded(config):
    config.IMAGE_RESIZE_MODE = "shorter_side"
    config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM = 800, 1333
    scaled = scaled_config(config, 0.75)
    assert (scaled.IMAGE_MIN_DIM, scaled.IMAGE_MAX_DIM) == (600, 1000)


def test_images_that_keep_their_size_have_one_scale(config):
    config.IMAGE_RESIZE_MODE = "none"
    with pytest.raises(ValueError, match="'none'"):
        scaled_config(config, 2)


def test_a_mirrored_view_agrees_with_the_plain_one(config):
    images = [white_box(5, 10, 25, 20), white_box(0, 40, 10, 60)]
    detectors = [(View(False), bright_box), (View(True), bright_box)]
    found = detect_in_views(images, detectors, config)
    assert [f.rois.tolist() for f in found] == [[[5, 10, 25, 20]], [[0, 40, 10, 60]]]


def test_a_mirrored_view_alone_is_turned_back(config):
    found = detect_in_views(
        [white_box(5, 10, 25, 20)], [(View(True), bright_box)], config
    )
    assert found[0].rois.tolist() == [[5, 10, 25, 20]]


def test_images_are_read_a_batch_at_a_time(config, capsys):
    sizes = []

    def detect(images: list[np.ndarray], proposals: None) -> list[Instances]:
        sizes.append(len(images))
        return bright_box(images)

    images = [white_box(0, 0, 8, 8 + i) for i in range(5)]
    found = detect_in_views(
        images,
        [(View(), detect)],
        config,
        batch_size=2,
        verbose=1,
    )
    assert sizes == [2, 2, 1]
    assert capsys.readouterr().err.endswith("5/5 images\n")
    assert [f.rois[0, 3] for f in found] == [8, 9, 10, 11, 12]


def test_no_images_are_no_results(config):
    assert detect_in_views([], [(View(), bright_box)], config) == []
    with pytest.raises(ValueError, match="batch_size"):
        detect_in_views([], [(View(), bright_box)], config, batch_size=0)


def boxes_as_found(
    images: list[np.ndarray], proposals: list[np.ndarray]
) -> list[Instances]:
    """A detector that finds what it is told to look at."""
    return [
        Instances(boxes, np.ones(len(boxes)), np.ones(len(boxes)), image.shape[:2])
        for boxes, image in zip(proposals, images, strict=True)
    ]


def test_proposals_move_with_the_view_and_are_turned_back(config):
    config.RPN_BRANCH = False
    images = [white_box(0, 0, 8, 8)] * 3
    proposals = [[[5, 10, 25, 20], [0, 0, 0, 0]], [], [[0, 40, 10, 60]]]
    detectors = [(View(is_mirrored), boxes_as_found) for is_mirrored in (False, True)]
    for views in (detectors, detectors[1:]):
        found = detect_in_views(
            images, views, config, proposals=proposals, batch_size=2
        )
        assert [one.rois.tolist() for one in found] == [
            [[5, 10, 25, 20]], [], [[0, 40, 10, 60]]
        ]  # fmt: skip


def test_a_mirrored_view_is_told_mirrored_proposals(config):
    config.RPN_BRANCH = False
    told = []

    def detect(images, proposals):
        told.extend(proposals)
        return boxes_as_found(images, proposals)

    detectors = [(View(False), detect), (View(True), detect)]
    image = white_box(0, 0, 8, 8)  # 60 pixels wide
    detect_in_views([image], detectors, config, proposals=[[[5, 10, 25, 20]]])
    assert [boxes.tolist() for boxes in told] == [[[5, 10, 25, 20]], [[5, 40, 25, 50]]]


def test_wrong_proposals_are_named_by_the_place_of_their_image(config):
    config.RPN_BRANCH = False
    proposals = [[], [], [[0, 0, 99, 99]]]
    with pytest.raises(ValueError, match="Proposal 0 of image 2"):
        detect_in_views(
            [white_box(0, 0, 8, 8)] * 3,
            [(View(), boxes_as_found)],
            config,
            proposals=proposals,
            batch_size=1,
        )
