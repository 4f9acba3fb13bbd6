"""A small sound dataset in files, and every kind of damage done to a copy of it.

Damage is a function of the folder and of the json's content; it changes either.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.readers.coco import CocoDataset
from mrcnn.data.readers.outlines import rectangle

HEIGHT, WIDTH = 96, 128
NUM_IMAGES = 4


class SmallConfig(Config):
    NUM_CLASSES = 3
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


def write_sound_coco(folder: Path) -> dict[str, Any]:
    """Images of noise with a cat and a dog each, and the json's content."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(3)
    images, annotations = [], []
    for i in range(NUM_IMAGES):
        name = f"{i}.png"
        noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype("uint8")
        Image.fromarray(noise).save(folder / "images" / name)
        images.append({"id": i, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for category_id, (x, y) in ((1, (8 + i, 10)), (2, (60, 40 + i))):
            annotations.append(
                {
                    "id": 10 * i + category_id,
                    "image_id": i,
                    "category_id": category_id,
                    "segmentation": [rectangle(x, y, x + 30, y + 28)],
                    "bbox": [x, y, 30, 28],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def open_coco(folder: Path, content: dict[str, Any]) -> CocoDataset:
    (folder / "all.json").write_text(json.dumps(content))
    return CocoDataset.from_path(folder / "all.json")


Damage = Callable[[Path, dict[str, Any]], None]


def set_outline(*polygons: list[float]) -> Damage:
    """The first instance gets these polygons, and no box that could disagree."""

    def damage(folder: Path, content: dict[str, Any]) -> None:
        content["annotations"][0].update(segmentation=list(polygons), bbox=None)

    return damage


def set_in_annotation(**values: Any) -> Damage:
    return lambda folder, content: content["annotations"][0].update(values)


def set_in_image(**values: Any) -> Damage:
    return lambda folder, content: content["images"][0].update(values)


def save_image(pixels: np.ndarray) -> Damage:
    def damage(folder: Path, content: dict[str, Any]) -> None:
        Image.fromarray(pixels).save(folder / "images" / "0.png")

    return damage


def cut_off_file(folder: Path, content: dict[str, Any]) -> None:
    path = folder / "images" / "0.png"
    path.write_bytes(path.read_bytes()[:2000])


def garble_file(folder: Path, content: dict[str, Any]) -> None:
    (folder / "images" / "0.png").write_bytes(b"no picture at all")


def remove_file(folder: Path, content: dict[str, Any]) -> None:
    (folder / "images" / "0.png").unlink()


def turn_by_exif(folder: Path, content: dict[str, Any]) -> None:
    path = folder / "images" / "0.png"
    picture = Image.open(path)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(path, exif=exif)


def copy_image(folder: Path, content: dict[str, Any]) -> None:
    data = (folder / "images" / "0.png").read_bytes()
    (folder / "images" / "1.png").write_bytes(data)


def link_image(folder: Path, content: dict[str, Any]) -> None:
    (folder / "images" / "1.png").unlink()
    (folder / "images" / "1.png").symlink_to(folder / "images" / "0.png")


def double_instance(folder: Path, content: dict[str, Any]) -> None:
    content["annotations"].append({**content["annotations"][0], "id": 99})


def move_to_unknown_image(folder: Path, content: dict[str, Any]) -> None:
    content["annotations"][0]["image_id"] = 77


def skip_class_id(folder: Path, content: dict[str, Any]) -> None:
    content["categories"][1]["id"] = 7
    for annotation in content["annotations"]:
        annotation["category_id"] = {1: 1, 2: 7}[annotation["category_id"]]


def drop_class(folder: Path, content: dict[str, Any]) -> None:
    kept = [a for a in content["annotations"] if a["category_id"] == 1]
    content["annotations"] = kept


def drop_instances_of_first(folder: Path, content: dict[str, Any]) -> None:
    content["annotations"] = [a for a in content["annotations"] if a["image_id"]]


def drop_all_instances(folder: Path, content: dict[str, Any]) -> None:
    content["annotations"] = []


def name_background(folder: Path, content: dict[str, Any]) -> None:
    content["categories"][0]["name"] = "background"


def name_twice(folder: Path, content: dict[str, Any]) -> None:
    content["categories"][0]["name"] = "dog"


def add_class(folder: Path, content: dict[str, Any]) -> None:
    content["categories"].append({"id": 3, "name": "cow"})


def crowd_it(folder: Path, content: dict[str, Any]) -> None:
    for x in range(0, 125, 3):
        for y in range(0, 90, 30):
            outline = [rectangle(x, y, x + 3, y + 25)]
            annotation = {"image_id": 0, "category_id": 1, "segmentation": outline}
            content["annotations"].append(annotation)


def rle(height: int, width: int, counts: list[int]) -> dict[str, Any]:
    return {"size": [height, width], "counts": counts}


CONSTANT = np.full((HEIGHT, WIDTH, 3), 7, "uint8")
ZERO_ONE = np.eye(HEIGHT, WIDTH, dtype="uint8")

# Kind of finding that must come, and what was done to the copy.
DAMAGES: list[tuple[str, Damage]] = [
    ("unreadable image", cut_off_file),
    ("unreadable image", garble_file),
    ("left out by the reader", remove_file),
    ("wrong image values", save_image(ZERO_ONE)),
    ("blank image", save_image(CONSTANT)),
    ("image turned on its side", turn_by_exif),
    ("image turned on its side", set_in_image(height=WIDTH, width=HEIGHT)),
    ("annotated at another size", set_in_image(height=2 * HEIGHT, width=2 * WIDTH)),
    (
        "annotated at another size",
        set_in_annotation(segmentation=rle(4, 4, [3, 13])),
    ),
    ("same picture twice", copy_image),
    ("same file twice", link_image),
    ("same instance twice", double_instance),
    ("left out by the reader", move_to_unknown_image),
    ("gap in class ids", skip_class_id),
    ("class without instances", drop_class),
    ("no objects", drop_instances_of_first),
    ("no instances", drop_all_instances),
    ("background as a class", name_background),
    ("class named twice", name_twice),
    ("wrong number of classes", add_class),
    ("more than MAX_GT_INSTANCES", crowd_it),
    ("more than DETECTION_MAX_INSTANCES", crowd_it),
    ("too small after resizing", crowd_it),
    ("crowd", set_in_annotation(iscrowd=1)),
    ("degenerate outline", set_outline([5, 5, 20, 20])),
    ("degenerate outline", set_outline([5, 5, 20, 5, 40, 5])),
    ("degenerate outline", set_outline([0.1, 0.1, 0.4, 0.1, 0.4, 0.5])),
    ("degenerate box", set_in_annotation(bbox=[5, 5, 0, 9])),
    ("degenerate box", set_in_annotation(segmentation=[], bbox=[5, 5, -3, 9])),
    ("box and outline disagree", set_in_annotation(bbox=[80, 60, 90, 70])),
    ("outside the image", set_outline(rectangle(200, 10, 240, 50))),
    ("partly outside the image", set_outline(rectangle(100, 10, 140, 50))),
    ("empty mask", set_outline(rectangle(10.6, 10.6, 10.8, 10.8))),
    ("empty mask", set_in_annotation(segmentation=rle(HEIGHT, WIDTH, [96 * 128]))),
    ("masks cannot be loaded", set_in_annotation(segmentation=rle(96, 128, [7, 1]))),
    ("masks cannot be loaded", set_outline([1, 1, 9, 1, 9, 9, 1])),
    ("NaN in outline", set_outline([math.nan, 1, 9, 1, 9, 9])),
    ("mask covers the image", set_outline(rectangle(0, 0, WIDTH, HEIGHT))),
    ("no anchor of its shape", set_outline(rectangle(0, 20, WIDTH, 26))),
]
