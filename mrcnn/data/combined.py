"""Several datasets as one, for training on data of more than one origin."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from mrcnn.data.dataset import Dataset, StatedSizes, clean_name
from mrcnn.data.mask_checks import check_class_ids


class CombinedDataset(Dataset):
    """Several datasets as one: images in order, classes merged by name.

    Each image is loaded by the dataset that it comes from. Parts that are not prepared
    yet are prepared. Sources keep their names, so `map_source_class_id` understands
    the ids of every part; where two parts use one name for different classes, the later
    part's source is called `name#2`. An image's own source says which classes it was
    annotated for.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        super().__init__()
        self.parts = list(datasets)
        _check_parts(self.parts)
        self.channel_count = self.parts[0].channel_count
        self._origins: list[tuple[int, int]] = []
        self._numbers: list[np.ndarray] = []
        self._source_names: list[dict[str, str]] = []
        for part in self.parts:
            self._add_part(part)
        self.prepare()

    def prepare(self, class_map: Any = None) -> None:
        """Number images and classes, and keep every part's names for the classes."""
        super().prepare()
        parts = zip(self.parts, self._numbers, self._source_names, strict=True)
        for part, numbers, names in parts:
            for number, info in enumerate(part.class_info[1:], 1):
                key = f"{names[info['source']]}.{info['id']}"
                self.class_from_source_map[key] = int(numbers[number])
            for source, class_ids in part.source_class_ids.items():
                merged = self.source_class_ids.setdefault(names.get(source, source), [])
                merged += [int(numbers[number]) for number in class_ids]
        self.source_class_ids = {
            source: sorted(set(class_ids))
            for source, class_ids in self.source_class_ids.items()
        }
        self.sources = list(self.source_class_ids)

    def load_image(self, image_id: int) -> np.ndarray:
        """The image as the dataset it comes from loads it."""
        part, number = self._origin(image_id)
        return part.load_image(number)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """The masks of the dataset it comes from, with this dataset's class ids."""
        part, number = self._origin(image_id)
        masks, class_ids = part.load_mask(number)
        class_ids = np.asarray(class_ids, "int32").reshape(-1)
        reference = self.describe_image(image_id)
        check_class_ids(class_ids[class_ids != 0], part.num_classes, reference)
        numbers = self._numbers[self._origins[image_id][0]]
        return masks, np.sign(class_ids) * numbers[np.abs(class_ids)]

    def stated_sizes(self, image_id: int) -> StatedSizes | None:
        """What the dataset it comes from says."""
        part, number = self._origin(image_id)
        return part.stated_sizes(number)

    def load_proposals(self, image_id: int) -> np.ndarray:
        """What was added here, or else what the dataset it comes from says."""
        if "proposals" in self._info(image_id):
            return super().load_proposals(image_id)
        part, number = self._origin(image_id)
        return part.load_proposals(number)

    def image_reference(self, image_id: int) -> str:
        """What the dataset it comes from says."""
        part, number = self._origin(image_id)
        return part.image_reference(number)

    def _origin(self, image_id: int) -> tuple[Dataset, int]:
        self._info(image_id)
        part, number = self._origins[image_id]
        return self.parts[part], number

    def _add_part(self, part: Dataset) -> None:
        names = self._names_of_sources(part)
        numbers = [0]
        for info, name in zip(part.class_info[1:], part.class_names[1:], strict=True):
            known = [clean_name(known["name"]) for known in self.class_info]
            if name not in known[1:]:
                self.add_class(names[info["source"]], info["id"], info["name"])
                known.append(name)
            numbers.append(known.index(name, 1))
        for number in part.image_ids:
            info = dict(part.image_info[number])
            info.pop("proposals", None)  # the part may still be given others
            source = names.get(info["source"], info["source"])
            self.image_info.append({**info, "source": source})
            self._origins.append((len(self._numbers), int(number)))
        self._numbers.append(np.array(numbers, "int32"))
        self._source_names.append(names)

    def _names_of_sources(self, part: Dataset) -> dict[str, str]:
        """What each source of a part is called here."""
        names = {}
        for source in part.sources[1:]:
            name, count = source, 1
            while self._means_otherwise(name, source, part):
                count += 1
                name = f"{source}#{count}"
            names[source] = name
        return names

    def _means_otherwise(self, name: str, source: str, part: Dataset) -> bool:
        """Whether an earlier part uses a source name for other classes."""
        earlier = [
            _classes_of(other, original)
            for other, names in zip(self.parts, self._source_names, strict=False)
            for original, given in names.items()
            if given == name
        ]
        return any(classes != _classes_of(part, source) for classes in earlier)


def _classes_of(part: Dataset, source: str) -> dict[Any, str]:
    return {
        info["id"]: clean_name(info["name"])
        for info in part.class_info
        if info["source"] == source
    }


def _check_parts(parts: list[Dataset]) -> None:
    if not parts:
        raise ValueError("There are no datasets to combine. Hand in at least one.")
    for part in parts:
        if not part.is_prepared:
            part.prepare()
    counts = {part.channel_count for part in parts}
    if len(counts) > 1:
        raise ValueError(
            f"The datasets have images of {sorted(counts)} channels. Give all of them "
            "the same channel_count."
        )
