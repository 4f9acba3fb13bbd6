"""What is wrong with a dataset's classes, sources and ids; no file is opened."""

from collections import Counter
from collections.abc import Iterator

from mrcnn.config import Config
from mrcnn.data.annotations import AnnotationDataset
from mrcnn.data.checks.damage import Finding, numbered
from mrcnn.data.combined import CombinedDataset
from mrcnn.data.dataset import Dataset

_BACKGROUND_NAMES = ("bg", "background", "_background_", "__background__")

# Beginnings of the reasons for which readers leave out what cannot be learnt anyway.
_BY_DESIGN = (
    "regions of shape",
    "shapes of type",
    "images without regions",
    "instances of other classes",
    "difficult objects",
    "json files of another kind",
)


def check_classes(dataset: Dataset, config: Config) -> Iterator[Finding]:
    """What is wrong with the numbers and names of a dataset's classes."""
    if dataset.num_images == 0:
        yield Finding("no images", "The dataset has none.")
    if dataset.num_classes < 2:
        yield Finding("no classes", "The dataset has only the background.")
    elif dataset.num_classes != config.NUM_CLASSES:
        counts = f"NUM_CLASSES is {config.NUM_CLASSES}, the dataset has"
        text = f"{counts} {dataset.num_classes} with background."
        yield Finding("wrong number of classes", text)
    names = dataset.class_names[1:]
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding("class named twice", f"{count} classes are called {name!r}.")
        if name.lower() in _BACKGROUND_NAMES:
            yield Finding("background as a class", f"There is a class {name!r}.")
    yield from _check_id_gaps(dataset)


def check_sources(dataset: Dataset) -> Iterator[Finding]:
    """Whether sources and ids of images are as training needs them."""
    counts = Counter(info["source"] for info in dataset.image_info)
    for source, count in counts.items():
        if source not in dataset.source_class_ids:
            images = numbered(count, "image")
            text = f"{images} of the source {source!r}, which has no class."
            yield Finding("source without classes", text)
    keys = Counter((info["source"], info["id"]) for info in dataset.image_info)
    for (source, key), count in keys.items():
        if count > 1:
            text = f"{count} images are called {source}.{key}."
            yield Finding("same image id twice", text)


def check_left_out(dataset: Dataset) -> Iterator[Finding]:
    """What readers could not use."""
    parts = dataset.parts if isinstance(dataset, CombinedDataset) else [dataset]
    for part in parts:
        left_out = part.left_out if isinstance(part, AnnotationDataset) else {}
        for reason, count in left_out.items():
            is_meant = reason.startswith(_BY_DESIGN)
            kind = "not read by design" if is_meant else "left out by the reader"
            yield Finding(kind, f"{count} {reason}.")


def _check_id_gaps(dataset: Dataset) -> Iterator[Finding]:
    for source in dataset.sources[1:]:
        infos = [info for info in dataset.class_info if info["source"] == source]
        ids = [info["id"] for info in infos if isinstance(info["id"], int)]
        missing = sorted(set(range(1, max(ids, default=0))) - set(ids))
        if missing:
            text = f"{source!r} has class ids up to {max(ids)}, but not {missing[:9]}"
            yield Finding("gap in class ids", f"{text}{'...' * (len(missing) > 9)}.")
