import logging

import numpy as np
import pytest

from mrcnn.data.annotations import AnnotatedImage, AnnotationDataset, Outline
from mrcnn.data.readers.outlines import rectangle

SQUARE = [rectangle(1, 1, 4, 3)]


def image(*outlines, name="a"):
    return AnnotatedImage(name, f"{name}.png", (6, 8), list(outlines))


def prepared(images, class_names=None):
    dataset = AnnotationDataset()
    dataset.add_annotated_images("shop", images, class_names)
    dataset.prepare()
    return dataset


def one_mask(segmentation, **more):
    dataset = prepared([image(Outline("a", segmentation, **more))])
    return dataset.load_mask(0)


def test_classes_are_those_that_occur_by_name():
    dataset = prepared([image(Outline("cat", SQUARE), Outline("ant", SQUARE))])
    assert dataset.class_names == ["BG", "ant", "cat"]
    assert dataset.load_mask(0)[1].tolist() == [2, 1]
    assert dataset.map_source_class_id("shop.2") == 2


def test_given_class_names_decide_order_and_choice(caplog):
    images = [image(Outline("cat", SQUARE), Outline("ant", SQUARE))]
    dataset = prepared(images, ["dog", "cat"])
    assert dataset.class_names == ["BG", "dog", "cat"]
    assert dataset.load_mask(0)[1].tolist() == [2]
    assert dataset.left_out == {"instances of other classes": 1}
    with caplog.at_level(logging.WARNING, "mrcnn"):
        dataset.report_left_out("a.json")
    assert "a.json: 1 instances of other classes" in caplog.text


def test_further_files_keep_the_classes_of_the_first():
    dataset = AnnotationDataset()
    dataset.add_annotated_images("shop", [image(Outline("cat", SQUARE))])
    second = image(Outline("ant", SQUARE), Outline("cat", SQUARE), name="b")
    dataset.add_annotated_images("shop", [second])
    dataset.prepare()
    assert dataset.class_names == ["BG", "cat", "ant"]
    assert dataset.load_mask(1)[1].tolist() == [2, 1]


def test_a_rectangle_covers_its_pixels():
    masks, class_ids = one_mask(SQUARE)
    expected = np.zeros((6, 8, 1), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(masks, expected)
    assert masks.dtype == bool
    assert class_ids.dtype == "int32"


def test_polygons_that_leave_the_image_are_cut_at_its_edges():
    masks, _ = one_mask([rectangle(-3, 4, 20, 9)])
    assert masks[..., 0].sum() == 2 * 8
    assert masks[4:, :, 0].all()


def test_several_polygons_are_one_instance():
    masks, class_ids = one_mask([rectangle(0, 0, 2, 2), rectangle(4, 4, 6, 6)])
    assert masks.shape == (6, 8, 1)
    assert masks.sum() == 8
    assert class_ids.tolist() == [1]


def test_a_polygon_without_a_list_around_it_is_understood():
    masks, _ = one_mask(rectangle(1, 1, 4, 3))
    assert masks.sum() == 6


def test_points_and_lines_among_the_polygons_have_no_area():
    masks, _ = one_mask([[1.0, 1.0], [1.0, 1.0, 4.0, 4.0], *SQUARE])
    assert masks.sum() == 6


@pytest.mark.parametrize(
    "segmentation", [[], [[3.0, 3.0]], [rectangle(20, 20, 30, 30)], [[2.0] * 6]]
)
def test_instances_that_cover_no_pixel_are_left_out(segmentation):
    masks, class_ids = one_mask(segmentation)
    assert masks.shape == (6, 8, 0)
    assert class_ids.shape == (0,)


def test_no_instance_at_all_gives_empty_arrays():
    masks, class_ids = prepared([image()]).load_mask(0)
    assert masks.shape == (6, 8, 0)
    assert masks.dtype == bool
    assert class_ids.shape == (0,)


def test_crowds_have_negative_class_ids():
    assert one_mask(SQUARE, is_crowd=True)[1].tolist() == [-1]


def test_a_crowd_of_another_size_is_taken_to_be_everywhere():
    rle = {"size": [3, 3], "counts": [0, 9]}
    masks, _ = one_mask(rle, is_crowd=True)
    assert masks.shape == (6, 8, 1)
    assert masks.all()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [3, 3], "counts": [0, 9]}, r"\[3, 3\].*\[6, 8\]"),
        ([[0.0, 0.0, 5.0, 0.0, float("nan"), 3.0]], "corner"),
        ([[0.0, 0.0, 5.0, 0.0, 3.0, 3.0, 1.0]], "7 numbers"),
        ({"size": [6, 8], "counts": [5, 5]}, "damaged"),
    ],
)
def test_damaged_segmentations_are_named_with_their_image(segmentation, message):
    with pytest.raises(ValueError, match=message) as error:
        one_mask(segmentation)
    assert "Instance 0 of image 0 (shop.a, a.png)" in str(error.value)


def test_images_of_another_origin_in_a_subclass_have_no_mask_here():
    dataset = prepared([image()])
    dataset.add_image("own", 1, "b.png")
    dataset.prepare()
    assert dataset.load_mask(1)[0].shape == (0, 0, 0)


def test_the_reference_is_the_path():
    assert prepared([image()]).image_reference(0) == "a.png"


def coco_like(dataset_class=AnnotationDataset):
    """Three annotations: with sizes, without, and one that covers no pixel."""
    dataset = dataset_class()
    dataset.add_class("coco", 7, "cat")
    annotations = [
        {"bbox": [1, 1.5, 3, 1], "area": 5.5},
        {"bbox": [1, 1, 0, 0], "area": 0},
        {
            "bbox": [50, 50, 3, 2],
            "area": 6,
            "segmentation": [rectangle(50, 50, 53, 52)],
        },
    ]
    annotations = [
        {"category_id": 7, "segmentation": SQUARE, **annotation}
        for annotation in annotations
    ]
    dataset.add_image("coco", 1, None, height=6, width=8, annotations=annotations)
    dataset.prepare()
    return dataset


def test_sizes_are_those_that_annotations_state_for_what_load_mask_returns():
    dataset = coco_like()
    assert dataset.load_mask(0)[1].tolist() == [1, 1]
    boxes, areas = dataset.stated_sizes(0)
    np.testing.assert_array_equal(boxes, [[1.5, 1, 2.5, 4], [np.nan] * 4])
    np.testing.assert_array_equal(areas, [5.5, np.nan])


def test_annotations_without_sizes_state_none():
    assert prepared([image(Outline("cat", SQUARE))]).stated_sizes(0) is None


def test_masks_of_the_user_have_no_stated_sizes():
    class OwnMasks(AnnotationDataset):
        def load_mask(self, image_id):
            return np.ones((6, 8, 1), bool), np.array([1])

    assert coco_like(OwnMasks).stated_sizes(0) is None
