import itertools

import numpy as np
import pytest

from mrcnn.data.examples import load_example
from mrcnn.data.tiling import TiledDataset, tile_starts
from tests.data.scene_dataset import SceneDataset, config
from tests.scenes import rectangle_scene


@pytest.mark.parametrize(
    ("side", "tile_side", "overlap", "expected"),
    [
        (100, 100, 0, [0]),
        (60, 100, 50, [0]),
        (200, 100, 0, [0, 100]),
        (201, 100, 0, [0, 50, 101]),
        (180, 100, 20, [0, 80]),
        (181, 100, 20, [0, 40, 81]),
    ],
)
def test_tiles_cover_a_side_and_overlap_enough(side, tile_side, overlap, expected):
    starts = tile_starts(side, tile_side, overlap)
    assert starts == expected
    assert starts[-1] + min(tile_side, side) == side
    assert all(b - a <= tile_side - overlap for a, b in itertools.pairwise(starts))


def test_tiles_show_their_part_of_image_and_masks(rng):
    scene = rectangle_scene((100, 200), [[10, 10, 40, 60], [50, 90, 90, 150]], [1, 2])
    scene.image[:] = rng.integers(0, 256, scene.image.shape)
    tiled = TiledDataset(SceneDataset([scene]), (64, 100), overlap=20, min_share=0.0)
    corners = [info["tile"][1:3] for info in tiled.image_info]
    assert corners == [(y, x) for y in (0, 36) for x in (0, 50, 100)]
    for image_id, (y, x) in enumerate(corners):
        image = tiled.load_image(image_id)
        masks, class_ids = tiled.load_mask(image_id)
        np.testing.assert_array_equal(image, scene.image[y : y + 64, x : x + 100])
        whole = scene.masks[y : y + 64, x : x + 100]
        seen = whole.any(axis=(0, 1))
        np.testing.assert_array_equal(masks, whole[..., seen])
        np.testing.assert_array_equal(class_ids, scene.class_ids[seen])


def test_instances_with_too_little_of_them_on_a_tile_are_left_out():
    # A quarter of the box lies on the first tile, three on the second.
    scene = rectangle_scene((64, 128), [[0, 60, 16, 76]], [-2])
    for min_share, counts in [(0.2, [1, 1]), (0.25, [1, 1]), (0.3, [0, 1])]:
        tiled = TiledDataset(SceneDataset([scene]), (64, 64), min_share=min_share)
        found = [tiled.load_mask(image_id)[1].tolist() for image_id in range(2)]
        assert found == [[-2] * count for count in counts]


def test_an_object_as_large_as_the_overlap_is_whole_on_some_tile(rng):
    for _ in range(20):
        y, x = rng.integers(0, 200 - 30, 2)
        scene = rectangle_scene((200, 200), [[y, x, y + 30, x + 30]], [1])
        tiled = TiledDataset(SceneDataset([scene]), (64, 70), overlap=30)
        areas = [tiled.load_mask(n)[0].sum() for n in range(tiled.num_images)]
        assert max(areas) == 900


def test_tiles_are_images_of_a_dataset_with_the_same_classes(rng):
    scenes = [
        rectangle_scene((40, 64), [[4, 6, 30, 30]], [2]),
        rectangle_scene((64, 128), [], []),
    ]
    whole = SceneDataset(scenes)
    tiled = TiledDataset(whole, (64, 64))
    assert tiled.num_images == 3
    assert tiled.class_names == whole.class_names
    assert tiled.source_class_ids == whole.source_class_ids
    assert tiled.map_source_class_id("scenes.2") == 2
    assert [info["id"] for info in tiled.image_info] == ["0@0,0", "1@0,0", "1@0,64"]
    assert tiled.image_info[0]["height"] == 40
    example = load_example(tiled, config(), 0, rng=rng)
    assert example.class_ids.tolist() == [2]
    assert tiled.load_mask(2)[0].shape == (64, 64, 0)


def test_an_image_smaller_than_it_was_said_to_be_is_refused():
    dataset = SceneDataset([rectangle_scene((40, 64), [], [])])
    dataset.image_info[0].update(height=40, width=80)
    tiled = TiledDataset(dataset, (32, 40))
    with pytest.raises(ValueError, match=r"up to \(40, 80\).*\(40, 64\)"):
        tiled.load_image(3)


def test_neighbouring_tiles_load_their_image_once(rng):
    class Counting(SceneDataset):
        loaded = ()

        def load_image(self, image_id):
            self.loaded += (f"image {image_id}",)
            return super().load_image(image_id)

        def load_mask(self, image_id):
            self.loaded += (f"masks {image_id}",)
            return super().load_mask(image_id)

    scenes = [rectangle_scene((64, 128), [[4, 6, 30, 90]], [n]) for n in (1, 2)]
    whole = Counting(scenes)
    tiled = TiledDataset(whole, (64, 64))
    whole.loaded = ()
    for image_id in range(4):
        tiled.load_image(image_id)[:] = 0
        masks, class_ids = tiled.load_mask(image_id)
        assert masks.any()
        assert class_ids.tolist() == [1 + image_id // 2]
        masks[:] = False
    assert whole.loaded == ("image 0", "masks 0", "image 1", "masks 1")
    assert tiled.load_mask(2)[0].any()
    assert whole.scenes[1].image.any()


def test_an_image_that_cannot_be_loaded_is_one_tile_that_says_so():
    scenes = [rectangle_scene((64, 128), [], []) for _ in range(2)]
    tiled = TiledDataset(SceneDataset(scenes, broken=[0]), (64, 64))
    assert [info["id"] for info in tiled.image_info] == ["0@0,0", "1@0,0", "1@0,64"]
    with pytest.raises(OSError, match="on fire"):
        tiled.load_image(0)


@pytest.mark.parametrize("overlap", [-1, 64])
def test_an_overlap_that_tiles_cannot_have_is_refused(overlap):
    dataset = SceneDataset([rectangle_scene((40, 64), [], [])])
    with pytest.raises(ValueError, match="give 0 to 63"):
        TiledDataset(dataset, (64, 80), overlap)


def test_proposals_are_cut_to_the_tiles_that_show_enough_of_them():
    dataset = SceneDataset([rectangle_scene((64, 128), [], [])])
    # A quarter of the first lies on the first tile; the second touches their border.
    dataset.add_proposals({0: [[0, 60, 16, 76], [8, 32, 40, 64], [0, 0, 0, 0]]})
    expected = {0.2: [1, 0], 0.25: [1, 0], 0.3: [0, 0], 0.0: [1, 0]}
    for min_share, counts in expected.items():
        tiled = TiledDataset(dataset, (64, 64), min_share=min_share)
        first, second = (tiled.load_proposals(image_id) for image_id in range(2))
        assert first.tolist() == [[0, 60, 16, 64]] * counts[0] + [[8, 32, 40, 64]]
        assert second.tolist() == [[0, 0, 16, 12]]


def test_tiles_may_be_given_proposals_of_their_own():
    dataset = SceneDataset([rectangle_scene((64, 128), [], [])])
    tiled = TiledDataset(dataset, (64, 64))
    tiled.add_proposals({"0@0,64": [[1, 2, 3, 4]]})
    assert tiled.load_proposals(1) == [[1, 2, 3, 4]]
    assert len(tiled.load_proposals(0)) == 0
