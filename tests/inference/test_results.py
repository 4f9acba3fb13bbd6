import copy
import gc
import json
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.mask_coding import decode_rle, polygons_to_mask
from mrcnn.inference.local_masks import PatchMasks
from mrcnn.inference.results import Instances, round_boxes

NAMES = ("BG", "person", "dog")


@pytest.fixture
def masks(rng) -> np.ndarray:
    """bool [40, 60, 3]: a rectangle, noise, and nothing."""
    masks = np.zeros((40, 60, 3), bool)
    masks[5:15, 10:30, 0] = True
    masks[20:40, 30:60, 1] = rng.random((20, 30)) < 0.5
    masks[20, 30, 1] = masks[39, 59, 1] = True
    return masks


@pytest.fixture
def three(masks) -> Instances:
    boxes = [[5, 10, 15, 30], [20, 30, 40, 60], [0.4, 0, 1.6, 1]]
    return Instances.from_masks(
        boxes, [1, 2, 1], [0.99, 0.875, 0.5], masks, class_names=NAMES
    )


@pytest.fixture
def empty() -> Instances:
    return Instances.from_masks(None, [], [], np.zeros((40, 60, 0)))


# matterport's dict


def test_the_keys_give_matterports_arrays(three, masks):
    assert three["rois"].tolist() == [[5, 10, 15, 30], [20, 30, 40, 60], [0, 0, 2, 1]]
    assert three["class_ids"].tolist() == [1, 2, 1]
    np.testing.assert_array_equal(three["scores"], np.float32([0.99, 0.875, 0.5]))
    np.testing.assert_array_equal(three["masks"], masks)
    dtypes = [three[key].dtype.name for key in three.keys()]  # noqa: SIM118
    assert dtypes == ["int32", "int32", "float32", "bool"]


def test_the_keys_give_matterports_arrays_without_instances(empty):
    shapes = {key: value.shape for key, value in empty.items()}
    assert shapes == {
        "rois": (0, 4),
        "class_ids": (0,),
        "scores": (0,),
        "masks": (40, 60, 0),
    }
    dtypes = [value.dtype.name for value in empty.values()]
    assert dtypes == ["int32", "int32", "float32", "bool"]


def test_it_turns_into_a_dict(three, masks):
    as_dict = dict(three)
    assert list(as_dict) == ["rois", "class_ids", "scores", "masks"]
    np.testing.assert_array_equal(as_dict["masks"], masks)
    assert list(dict(**three)) == list(as_dict)


def test_it_answers_as_a_dict(three):
    assert "masks" in three
    assert "boxes" not in three
    assert three.get("scores") is three.scores
    assert three.get("boxes", 5) == 5
    with pytest.raises(KeyError, match="rois, class_ids, scores, masks"):
        three["boxes"]


def test_without_masks_the_key_says_why():
    result = Instances([[0, 0, 2, 2]], [1], [0.5], (4, 4))
    assert "masks" not in result
    assert "masks" not in dict(result)
    for ask in (lambda: result["masks"], lambda: result.masks, result.rle):
        with pytest.raises(KeyError, match="masks=False"):
            ask()


def test_what_is_stored_under_a_key_is_read_there_and_changes_no_instance(three):
    kept = three["scores"] > three.scores.min()
    for key in ("rois", "class_ids", "masks", "scores"):
        three[key] = three[key][..., kept] if key == "masks" else three[key][kept]
    three["file"] = "one.jpg"
    assert [three[key].shape[-1] for key in ("masks", "scores")] == [2, 2]
    assert three["rois"].shape == (2, 4)
    assert [*three.keys()] == ["rois", "class_ids", "scores", "masks", "file"]
    assert dict(three)["file"] == "one.jpg"
    assert len(three) == len(three.scores) == 3
    with pytest.raises(TypeError, match=r"r\.filter"):
        three[0] = []


def test_rois_changed_in_place_stay_changed(three):
    before = three["rois"].copy()
    three["rois"][:, ::2] += 10
    np.testing.assert_array_equal(three["rois"] - before, [[10, 0, 10, 0]] * 3)
    np.testing.assert_array_equal(three.rois, before)


def test_in_arrays_it_is_one_object(three, empty):
    array = np.array([three, empty, three])
    assert array.shape == (3,)
    assert array[0] is three


# Full masks


def test_full_masks_live_as_long_as_they_are_used(three, masks):
    kept = three["masks"][:, :, 0]
    assert np.shares_memory(three["masks"], kept)
    np.testing.assert_array_equal(three.masks, masks)
    kept = three._painted
    gc.collect()
    assert kept() is None


def test_one_mask_is_one_slice_of_all(three, masks):
    for index in (0, 1, 2, -1, np.int64(1)):
        np.testing.assert_array_equal(three.mask(index), masks[..., index])
    with pytest.raises(IndexError):
        three.mask(3)


@pytest.mark.parametrize("factor", [1, 255])
def test_masks_may_be_numbers(three, masks, factor):
    same = Instances.from_masks(
        three.boxes,
        three.class_ids,
        three.scores,
        masks.astype("uint8") * factor,
        class_names=NAMES,
    )
    assert same == three


def test_boxes_default_to_the_bounds_of_the_masks(masks):
    result = Instances.from_masks(None, [1, 2, 1], [1, 1, 1], masks)
    assert result.rois.tolist() == [[5, 10, 15, 30], [20, 30, 40, 60], [0, 0, 0, 0]]


# Choosing


def test_a_number_chooses_one_and_a_slice_some(three, masks):
    assert three[1].class_ids.tolist() == [2]
    np.testing.assert_array_equal(three[-1].masks, masks[..., -1:])
    np.testing.assert_array_equal(three[1:].masks, masks[..., 1:])
    assert three[1:].class_names == NAMES


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ([2, 0], [2, 0]),
        ([True, False, True], [0, 2]),
        (np.array([2, 0, 2]), [2, 0, 2]),
        (np.array([False] * 3), []),
        ([], []),
        (slice(None, None, -1), [2, 1, 0]),
    ],
)
def test_arrays_choose_as_they_do_in_numpy(three, masks, key, expected):
    chosen = three[key]
    assert chosen.scores.tolist() == [three.scores[index] for index in expected]
    np.testing.assert_array_equal(chosen.masks, masks[..., expected])


def test_a_number_that_is_too_large_is_an_error(three):
    with pytest.raises(IndexError):
        three[3]
    with pytest.raises(IndexError):
        three[[True, False]]


def test_length_and_iteration_are_over_instances(three, empty):
    assert len(three) == 3
    assert [instance.class_ids.tolist() for instance in three] == [[1], [2], [1]]
    assert list(empty) == []


def test_filters_apply_together(three):
    assert three.filter() == three
    assert three.filter(min_score=0.875).class_ids.tolist() == [1, 2]
    assert three.filter(class_ids=1).scores.tolist() == [np.float32(0.99), 0.5]
    assert three.filter(class_ids=[2, 7]).class_ids.tolist() == [2]
    assert three.filter(class_names="dog").class_ids.tolist() == [2]
    assert len(three.filter(class_names=["dog", "person"])) == 3
    assert len(three.filter(min_area=200)) == 2
    assert len(three.filter(min_area=201)) == 1
    assert len(three.filter(class_names="person", min_score=0.6, min_area=1)) == 1


def test_names_come_from_the_class_ids(three):
    assert three.names == ["person", "dog", "person"]
    bare = Instances([[0, 0, 2, 2]], [3], [0.5], (4, 4))
    assert bare.names == ["class 3"]
    with pytest.raises(ValueError, match="class_ids"):
        bare.filter(class_names="dog")


# Local forms


def test_run_lengths_decode_to_the_masks(three, masks):
    decoded = [decode_rle(rle) for rle in three.rle()]
    np.testing.assert_array_equal(np.stack(decoded, -1), masks)


def test_polygons_fill_to_the_masks(three, masks):
    polygons = three.polygons()
    filled = [polygons_to_mask(one, (40, 60)) for one in polygons]
    np.testing.assert_array_equal(np.stack(filled, -1), masks)
    assert polygons[2] == []
    json.dumps(polygons)


def test_areas_are_pixels_of_masks_or_else_of_boxes(three, masks):
    np.testing.assert_array_equal(three.areas(), masks.sum(axis=(0, 1)))
    bare = Instances(three.boxes, three.class_ids, three.scores, (40, 60))
    np.testing.assert_allclose(bare.areas(), [200, 600, 1.2], rtol=1e-6)


def test_a_cut_out_is_what_lies_in_the_roi(three, masks, rng):
    image = rng.integers(0, 256, (40, 60, 3), dtype="uint8")
    cut = three.crop(1, image)
    np.testing.assert_array_equal(cut.image, image[20:40, 30:60])
    np.testing.assert_array_equal(cut.mask, masks[20:40, 30:60, 1])
    assert not np.shares_memory(cut.image, image)
    assert three.crop(0).image is None
    assert three.crop(0).mask.all()
    bare = Instances(three.boxes, three.class_ids, three.scores, (40, 60))
    assert bare.crop(0, image).mask is None


def test_a_cut_out_needs_the_image_of_the_instances(three):
    with pytest.raises(ValueError, match=r"\(40, 60\).*\(60, 40\)"):
        three.crop(0, np.zeros((60, 40, 3)))


def test_coco_results_hold_plain_values(three):
    results = three.to_coco(17, category_ids={1: 1, 2: 18})
    assert [result["category_id"] for result in results] == [1, 18, 1]
    assert results[1]["bbox"] == [30.0, 20.0, 30.0, 20.0]
    assert results[1]["image_id"] == 17
    assert results[1]["score"] == 0.875
    assert results[1]["segmentation"] == three.rle()[1]
    assert json.loads(json.dumps(results)) == results


def test_coco_results_without_masks_or_instances(three, empty):
    bare = Instances(three.boxes, three.class_ids, three.scores, (40, 60))
    assert "segmentation" not in bare.to_coco("a")[0]
    assert bare.to_coco("a")[1]["category_id"] == 2
    assert empty.to_coco(1) == []


# Copies


def test_files_bring_back_equal_instances(three, empty, tmp_path):
    bare = Instances([[0.1, 0, 2, 2]], [1], [0.3], (4, 4))
    for result in (three, empty, bare, three[[]]):
        result.save(tmp_path / "result.json")
        loaded = Instances.load(tmp_path / "result.json")
        assert loaded == result
        assert loaded.boxes.dtype == np.float32


def test_pasted_masks_survive_a_file(tmp_path, rng):
    boxes = np.float32([[1, 2, 30, 41], [3.3, 4.7, 12.1, 60]])
    patches = rng.random((2, 28, 28)).astype("float32")
    masks = PatchMasks(patches, boxes, (40, 60), 0.5, whole_pixel_paste=False)
    result = Instances(boxes, [1, 2], [0.1, 0.2], (40, 60), masks=masks)
    result.save(tmp_path / "result.json")
    loaded = Instances.load(str(tmp_path / "result.json"))
    assert loaded == result
    np.testing.assert_array_equal(loaded.masks, result.masks)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_copies_are_equal_also_while_masks_are_held(three, duplicate):
    held = three.masks
    assert duplicate(three) == three
    assert held.any()


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r[:2],
        lambda r: r[[1, 0, 2]],
        lambda r: Instances(r.boxes, r.class_ids, r.scores, (40, 60)),
        lambda r: Instances(
            r.boxes, r.class_ids, r.scores / 2, (40, 60), masks=r._masks
        ),
        lambda r: dict(r),
    ],
)
def test_other_instances_are_not_equal(three, change):
    assert three != change(three)


@given(st.data())
def test_choosing_twice_is_choosing_the_chosen(data):
    boxes = np.arange(40).reshape(10, 4)
    whole = Instances(boxes, np.arange(10), np.linspace(0, 1, 10), (40, 60))
    rows = st.integers(0, 9)
    first = data.draw(st.lists(rows, min_size=1, max_size=12))
    second = data.draw(st.lists(st.integers(0, len(first) - 1), max_size=5))
    assert whole[first][second] == whole[[first[index] for index in second]]


# The rest


def test_the_summary_is_short(three, empty):
    summary = "Instances(3 in 40×60: person 0.99, dog 0.88, person 0.50)"
    assert repr(three) == summary.replace("0.88", f"{np.float32(0.875):.2f}")
    assert repr(empty) == "Instances(0 in 40×60)"
    assert repr(three[[0] * 9]).endswith("person 0.99, …)")


def test_parts_of_different_lengths_are_refused(masks):
    with pytest.raises(ValueError, match="'scores': 1"):
        Instances([[0, 0, 1, 1]] * 2, [1, 2], [0.5], (4, 4))
    with pytest.raises(ValueError, match="'masks': 3"):
        Instances.from_masks([[0, 0, 1, 1]] * 2, [1, 2], [0.5, 0.5], masks)
    with pytest.raises(ValueError, match=r"\[H, W, N\]"):
        Instances.from_masks([], [], [], np.zeros((4, 4)))


def test_boxes_are_rounded_to_the_nearest():
    assert round_boxes(np.array([[0.4, 0.6, 1.5, 2.5]])).tolist() == [[0, 1, 2, 2]]


def test_local_forms_take_far_less_memory_than_full_masks(rng):
    # 100 instances of up to 200 pixels in 4 megapixels: full masks are 400 MB.
    corners = rng.uniform(0, 1800, (100, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(50, 200, (100, 2))], -1)
    cells = np.hypot(*np.mgrid[-13.5:14, -13.5:14])
    patches = np.repeat(cells[None] < 13, 100, axis=0).astype("float32")  # discs
    masks = PatchMasks(patches, boxes, (2000, 2000), 0.5, whole_pixel_paste=False)
    result = Instances(boxes, np.ones(100), np.ones(100), (2000, 2000), masks=masks)
    tracemalloc.start()
    result.rle()
    result.to_coco(1)
    result.polygons()
    result.areas()
    assert len(list(result)) == 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_twice_mirrored_is_as_before(three, masks):
    mirrored = three.mirrored()
    np.testing.assert_array_equal(mirrored.masks, masks[:, ::-1])
    assert mirrored.rois[0].tolist() == [5, 60 - 30, 15, 60 - 10]
    assert mirrored.mirrored() == three


def test_instances_without_masks_mirror_their_boxes():
    found = Instances([[1, 2, 3, 4]], [1], [0.5], (10, 20)).mirrored()
    assert found.boxes.tolist() == [[1, 16, 3, 18]]
    assert not found.has_masks
