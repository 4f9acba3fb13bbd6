import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.inference.results import Instances
from mrcnn.inference.videos import VideoWriter, read_video
from samples.balloon import balloon
from tests.samples.tiny_runs import SIDE, make_tiny, write_image, write_weights

# A triangle with legs of 16 pixels, and a square of 10 x 20.
TRIANGLE = {"all_points_x": [8, 24, 8], "all_points_y": [8, 8, 24]}
RECTANGLE = {"all_points_x": [30, 50, 50, 30], "all_points_y": [40, 40, 50, 50]}


def regions(version):
    found = [
        {"shape_attributes": {"name": "polygon", **shape}, "region_attributes": {}}
        for shape in (TRIANGLE, RECTANGLE)
    ]
    return found if version == 2 else {str(i): one for i, one in enumerate(found)}


def write_balloons(folder, rng, *, version=2, as_project=False):
    """Two images in either subset, of which the second has no balloons."""
    for subset in ("train", "val"):
        content = {}
        for name, found in (("a.png", regions(version)), ("b.png", {})):
            write_image(
                folder / subset / name, rng.integers(0, 256, (SIDE, SIDE, 3), "uint8")
            )
            content[f"{name}123"] = {"filename": name, "regions": found}
        if as_project:
            content = {"_via_settings": {}, "_via_img_metadata": content}
        path = folder / subset / "via_region_data.json"
        path.write_text(json.dumps(content))
    return folder


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Runs in an empty folder, with a tiny network."""
    make_tiny(monkeypatch, balloon.BalloonConfig)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("version", "as_project"), [(1, False), (2, False), (2, True)])
def test_annotations_of_both_versions_are_read(tmp_path, rng, version, as_project):
    write_balloons(tmp_path, rng, version=version, as_project=as_project)
    dataset = balloon.BalloonDataset()
    dataset.load_balloon(tmp_path / "train")
    masks, class_ids = dataset.load_mask(0)
    assert dataset.class_names == ["BG", "balloon"]
    assert masks.shape == (SIDE, SIDE, 2)
    assert masks.dtype == bool
    assert masks[..., 0].sum() == pytest.approx(16 * 16 / 2, abs=16)
    assert masks[40:50, 30:50, 1].all()
    assert masks[..., 1].sum() == 10 * 20
    np.testing.assert_array_equal(class_ids, [1, 1])
    assert dataset.load_mask(1)[0].shape == (SIDE, SIDE, 0)
    assert dataset.image_reference(1).endswith("b.png")


def test_a_region_that_is_no_polygon_is_refused(tmp_path, rng):
    write_balloons(tmp_path, rng)
    path = tmp_path / "train" / "via_region_data.json"
    path.write_text(path.read_text().replace('"polygon"', '"circle"'))
    with pytest.raises(ValueError, match="is a circle"):
        balloon.BalloonDataset().load_balloon(tmp_path / "train")


def test_colour_is_left_inside_masks_alone(rng):
    image = rng.integers(0, 256, (20, 30, 3), "uint8")
    masks = np.zeros((20, 30, 2), bool)
    masks[2:8, 3:9, 0] = masks[5:12, 5:20, 1] = True
    splash = balloon.color_splash(image, masks)
    inside = masks.any(axis=-1)
    assert splash.dtype == np.uint8
    np.testing.assert_array_equal(splash[inside], image[inside])
    np.testing.assert_array_equal(splash[~inside].min(-1), splash[~inside].max(-1))


def test_without_masks_all_is_grey_of_the_same_brightness():
    image = np.full((4, 4, 3), (200, 100, 0), "uint8")
    splash = balloon.color_splash(image, np.zeros((4, 4, 0), bool))
    # 0.299 * 200 + 0.587 * 100 = 118.5
    np.testing.assert_array_equal(splash, np.full((4, 4, 3), 118))


def test_training_leaves_a_checkpoint_that_the_splash_starts_from(
    tiny, tmp_path, rng, capsys
):
    data = write_balloons(tmp_path / "balloon", rng)
    weights = write_weights(tmp_path / "start.h5", balloon.BalloonConfig())
    balloon.main(["train", f"--dataset={data}", f"--weights={weights}", "--epochs=1"])
    assert len(list(tmp_path.glob("logs/balloon*/mask_rcnn_balloon_0001.h5"))) == 1
    assert "balloon" in capsys.readouterr().out

    image = data / "val" / "a.png"
    balloon.main(["splash", "--weights=last", f"--image={image}"])
    splash = np.asarray(Image.open("splash.png")).astype(int)
    pixels = np.asarray(Image.open(image)).astype(int)
    is_grey = splash.min(-1) == splash.max(-1)
    assert (is_grey | (splash == pixels).all(-1)).all()
    assert is_grey.any()


class FindsTheLeftHalf:
    """Stands in for a model: one balloon, on the left half of every image."""

    def detect(self, images):
        masks = np.zeros((*images[0].shape[:2], 1), bool)
        masks[:, : SIDE // 2] = True
        return [Instances.from_masks(None, [1], [0.9], masks)]


def test_a_video_is_splashed_image_by_image(tmp_path):
    source, output = tmp_path / "party.avi", tmp_path / "splash.avi"
    reds = np.array([60, 120, 180])
    with VideoWriter(source, 5) as writer:
        for red in reds:
            writer.write(np.full((SIDE, SIDE, 3), (red, 0, 0), "uint8"))
    balloon.splash_video(FindsTheLeftHalf(), source, output)
    video = read_video(output)
    images = np.stack(list(video)).astype(int)
    assert images.shape == (3, SIDE, SIDE, 3)
    assert video.fps == 5
    # Red stays on the left, 0.299 of it is grey on the right; codecs are not exact.
    left, right = images[:, :, : SIDE // 2 - 8], images[:, :, SIDE // 2 + 8 :]
    np.testing.assert_allclose(left[..., 0].mean(axis=(1, 2)), reds, atol=6)
    np.testing.assert_allclose(right.mean(axis=(1, 2, 3)), 0.299 * reds, atol=6)
    assert np.ptp(right, axis=-1).max() < 16
