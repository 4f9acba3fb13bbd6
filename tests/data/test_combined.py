import numpy as np
import pytest

from mrcnn.data.combined import CombinedDataset
from mrcnn.data.dataset import Dataset, StatedSizes
from mrcnn.data.shapes import ShapesDataset


class Drawn(Dataset):
    """Images of one colour; `class_ids` are what `load_mask` returns."""

    def __init__(self, source, classes, grey, class_ids, count=1):
        super().__init__()
        for class_id, name in classes.items():
            self.add_class(source, class_id, name)
        for number in range(count):
            self.add_image(source, number, None)
        self.grey, self.class_ids_drawn = grey, class_ids

    def load_image(self, image_id):
        return np.full((4, 5, 3), self.grey + image_id, "uint8")

    def load_mask(self, image_id):
        return np.ones((4, 5, len(self.class_ids_drawn)), bool), self.class_ids_drawn

    def image_reference(self, image_id):
        return f"{self.grey} {image_id}"


@pytest.fixture
def parts():
    shop = Drawn("shop", {4: "apple", 5: "bear"}, 10, np.array([1, 2, -2]), count=2)
    zoo = Drawn("zoo", {1: "cow", 2: "bear"}, 20, [1, 2, -2])
    return [shop, zoo]


def test_classes_are_merged_by_name(parts):
    combined = Dataset.combine(parts)
    assert isinstance(combined, CombinedDataset)
    assert combined.class_names == ["BG", "apple", "bear", "cow"]
    assert combined.num_classes == 4


def test_images_come_in_order_from_the_part_they_belong_to(parts):
    combined = Dataset.combine(parts)
    assert combined.image_ids.tolist() == [0, 1, 2]
    assert [combined.load_image(i)[0, 0, 0] for i in range(3)] == [10, 11, 20]
    assert [combined.image_reference(i) for i in range(3)] == ["10 0", "10 1", "20 0"]
    assert combined.image_from_source_map == {"shop.0": 0, "shop.1": 1, "zoo.0": 2}


def test_sizes_are_stated_by_the_part_an_image_comes_from(parts):
    sizes = StatedSizes(np.ones((3, 4)), np.ones(3))
    parts[1].stated_sizes = lambda image_id: sizes if image_id == 0 else None
    combined = Dataset.combine(parts)
    assert combined.stated_sizes(1) is None
    assert combined.stated_sizes(2) is sizes


def test_class_ids_are_renumbered_and_crowds_stay_crowds(parts):
    combined = Dataset.combine(parts)
    assert combined.load_mask(0)[1].tolist() == [1, 2, -2]
    assert combined.load_mask(2)[1].tolist() == [3, 2, -2]
    assert combined.load_mask(2)[0].shape == (4, 5, 3)


def test_ids_of_every_source_are_understood(parts):
    combined = Dataset.combine(parts)
    assert combined.map_source_class_id("shop.5") == 2
    assert combined.map_source_class_id("zoo.2") == 2
    assert combined.map_source_class_id("zoo.1") == 3


def test_a_source_is_active_for_all_classes_it_was_annotated_for(parts):
    combined = Dataset.combine(parts)
    assert combined.source_class_ids == {"": [0], "shop": [0, 1, 2], "zoo": [0, 2, 3]}


def test_parts_of_one_source_with_other_classes_are_kept_apart():
    cats = Drawn("via", {1: "cat"}, 10, [1])
    dogs = Drawn("via", {1: "dog"}, 20, [1])
    combined = Dataset.combine([cats, dogs, Drawn("via", {1: "cat"}, 30, [1])])
    assert combined.class_names == ["BG", "cat", "dog"]
    assert [info["source"] for info in combined.image_info] == ["via", "via#2", "via"]
    assert combined.source_class_ids == {"": [0], "via": [0, 1], "via#2": [0, 2]}
    assert [combined.load_mask(i)[1].tolist() for i in range(3)] == [[1], [2], [1]]
    assert combined.map_source_class_id("via#2.1") == 2


def test_combining_the_combined_works(parts):
    more = Drawn("farm", {1: "cow"}, 30, [1])
    combined = Dataset.combine([Dataset.combine(parts), more])
    assert combined.class_names == ["BG", "apple", "bear", "cow"]
    assert combined.load_mask(2)[1].tolist() == [3, 2, -2]
    assert combined.load_mask(3)[1].tolist() == [3]
    assert combined.source_class_ids["zoo"] == [0, 2, 3]


def test_one_part_alone_is_itself():
    shapes = ShapesDataset()
    shapes.load_shapes(3, 64, 64)
    combined = Dataset.combine([shapes])
    for image_id in combined.image_ids:
        np.testing.assert_array_equal(
            combined.load_image(image_id), shapes.load_image(image_id)
        )
        for ours, theirs in zip(
            combined.load_mask(image_id), shapes.load_mask(image_id), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_class_ids_that_a_part_does_not_have_are_refused():
    part = Drawn("shop", {1: "apple"}, 10, [2])
    other = Drawn("zoo", {1: "bear"}, 10, [1])
    with pytest.raises(ValueError, match=r"image 0 \(shop\.0\).*\[2\].*from 1 to 1"):
        Dataset.combine([part, other]).load_mask(0)


def test_nothing_and_unlike_channels_are_refused(parts):
    with pytest.raises(ValueError, match="at least one"):
        Dataset.combine([])
    parts[0].channel_count = 4
    with pytest.raises(ValueError, match=r"\[3, 4\] channels"):
        Dataset.combine(parts)


def test_proposals_are_those_of_the_parts_until_others_are_added(parts):
    parts[0].add_proposals({0: [[0, 0, 1, 1]], 1: []})
    combined = Dataset.combine(parts)
    parts[1].add_proposals({0: [[0, 0, 2, 2]]})
    found = [list(combined.load_proposals(image_id)) for image_id in range(3)]
    assert found == [[[0, 0, 1, 1]], [], [[0, 0, 2, 2]]]
    with pytest.raises(ValueError, match="before they are combined"):
        combined.add_proposals({0: []})
    alone = Dataset.combine(parts[:1])
    alone.add_proposals({1: [[0, 0, 3, 3]]})
    assert alone.load_proposals(1) == [[0, 0, 3, 3]]
    assert len(alone.load_proposals(0)) == 0
