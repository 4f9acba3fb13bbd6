"""A folder as users of matterport's package have it: data, weights, a place for logs.

All images are drawn: rectangles on grey, each class in a colour of its own.
"""

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.scenes import Scene, rectangle_scene

SHAPE = (96, 128)
SCENES = [
    rectangle_scene(SHAPE, [[10, 12, 60, 58], [30, 70, 88, 120]], [1, 2]),
    rectangle_scene(SHAPE, [[20, 30, 80, 90]], [1]),
    rectangle_scene(
        SHAPE, [[5, 5, 45, 55], [50, 60, 90, 118], [8, 70, 40, 110]], [2, 1, 2]
    ),
]
SPLITS = {"train": SCENES, "val": SCENES[:1]}
KINDS = ["scratch", "dent", "stain"]


def make_user_folder(folder: Path) -> None:
    """Everything but the weights file `mask_rcnn_coco.h5`."""
    write_via(folder / "balloons", "via_region_data.json", as_list=False)
    write_via(folder / "balloons2", "via_export_json.json", as_list=True)
    write_via(folder / "defects", "via_region_data.json", as_list=False)
    write_nuclei(folder / "nuclei" / "stage1_train")
    write_coco(folder / "coco")
    write_voc(folder / "kangaroo")
    write_labelme(folder / "parts")
    write_video(folder / "clip.avi")
    (folder / "logs").mkdir()


def corners(box: np.ndarray) -> list[tuple[int, int]]:
    """(x, y) of a rectangle's corners."""
    y1, x1, y2, x2 = (int(side) for side in box)
    return [(x1, y1), (x2 - 1, y1), (x2 - 1, y2 - 1), (x1, y2 - 1)]


def write_image(path: Path, scene: Scene) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.image).save(path)


def write_via(folder: Path, file_name: str, *, as_list: bool) -> None:
    """VIA 1 keeps regions in a dict, VIA 2 in a list and with other shapes too."""
    for split, scenes in SPLITS.items():
        annotations = {}
        for number, scene in enumerate(scenes):
            name = f"balloon_{number}.jpg"
            write_image(folder / split / name, scene)
            regions = [
                {
                    "shape_attributes": via_shape(box, is_plain=not (as_list and i)),
                    "region_attributes": {"name": KINDS[(number + i) % 3]},
                }
                for i, box in enumerate(scene.boxes)
            ]
            annotations[f"{name}1234"] = {
                "fileref": "",
                "size": 1234,
                "filename": name,
                "regions": regions
                if as_list
                else {str(i): region for i, region in enumerate(regions)},
            }
        unmarked = {"filename": "unmarked.jpg", "regions": [] if as_list else {}}
        annotations["unmarked.jpg1"] = unmarked
        (folder / split / file_name).write_text(json.dumps(annotations))


def via_shape(box: np.ndarray, *, is_plain: bool) -> dict:
    y1, x1, y2, x2 = (int(side) for side in box)
    if not is_plain:
        return {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    points = corners(box)
    return {
        "name": "polygon",
        "all_points_x": [x for x, _ in points],
        "all_points_y": [y for _, y in points],
    }


def write_nuclei(folder: Path) -> None:
    """One folder for each image; of each nucleus a mask file."""
    for number, scene in enumerate(SCENES):
        name = f"nucleus_{number}"
        write_image(folder / name / "images" / f"{name}.png", scene)
        (folder / name / "masks").mkdir()
        for i in range(scene.masks.shape[-1]):
            mask = Image.fromarray(scene.masks[..., i].astype("uint8") * 255)
            mask.save(folder / name / "masks" / f"{i}.png")


def write_coco(folder: Path) -> None:
    """Two images in the train set and in the val set of 2017, 80 categories."""
    (folder / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        images, annotations = [], []
        for number, scene in enumerate(SCENES[:2], 1):
            name = f"{number:012d}.jpg"
            write_image(folder / f"{split}2017" / name, scene)
            sides = {"height": SHAPE[0], "width": SHAPE[1]}
            images.append({"id": number, "file_name": name, **sides})
            for box in scene.boxes:
                y1, x1, y2, x2 = (int(side) for side in box)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": 1 + len(annotations),
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "iscrowd": 0,
                        "segmentation": [
                            [float(side) for point in corners(box) for side in point]
                        ],
                    }
                )
        crowd = {"counts": [0, 20, SHAPE[0] * SHAPE[1] - 20], "size": list(SHAPE)}
        annotations.append(
            {
                **annotations[0],
                "id": len(annotations) + 1,
                "iscrowd": 1,
                "segmentation": crowd,
            }
        )
        categories = [{"id": i, "name": f"thing {i}"} for i in range(1, 81)]
        content = {
            "images": images,
            "annotations": annotations,
            "categories": categories,
        }
        path = folder / "annotations" / f"instances_{split}2017.json"
        path.write_text(json.dumps(content))


def write_voc(folder: Path) -> None:
    (folder / "annots").mkdir(parents=True)
    for number, scene in enumerate([*SCENES, SCENES[0]], 1):
        write_image(folder / "images" / f"{number:05d}.jpg", scene)
        objects = "".join(
            "<object><name>kangaroo</name><bndbox>"
            f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
            "</bndbox></object>"
            for y1, x1, y2, x2 in scene.boxes.tolist()
        )
        size = f"<width>{SHAPE[1]}</width><height>{SHAPE[0]}</height><depth>3</depth>"
        text = f"<annotation><size>{size}</size>{objects}</annotation>"
        (folder / "annots" / f"{number:05d}.xml").write_text(text)


def write_labelme(folder: Path) -> None:
    """The last image shows nothing that was marked."""
    for number, scene in enumerate([*SCENES[:2], rectangle_scene(SHAPE, [], [])]):
        write_image(folder / f"{number}.png", scene)
        shapes = [
            {
                "label": ["bolt", "nut"][i % 2],
                "points": corners(box),
                "shape_type": "polygon",
            }
            for i, box in enumerate(scene.boxes)
        ]
        content = {
            "imagePath": f"{number}.png",
            "imageHeight": SHAPE[0],
            "imageWidth": SHAPE[1],
            "shapes": shapes,
            "imageData": None,
        }
        (folder / f"{number}.json").write_text(json.dumps(content))


def write_video(path: Path) -> None:
    height, width = SHAPE
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), code, 10, (width, height))
    for _ in range(2):
        for scene in SCENES[:2]:
            writer.write(np.ascontiguousarray(scene.image[..., ::-1]))
    writer.release()
