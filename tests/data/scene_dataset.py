"""A dataset of drawn scenes that lie in memory."""

from collections.abc import Sequence

import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from tests.scenes import Scene, rectangle_scene


class SceneDataset(Dataset):
    """Scenes as images, with the classes 1 and 2; ids in `broken` fail to load."""

    def __init__(self, scenes: Sequence[Scene], broken: Sequence[int] = ()) -> None:
        super().__init__()
        self.scenes = list(scenes)
        self.broken = set(broken)
        self.add_class("scenes", 1, "red")
        self.add_class("scenes", 2, "green")
        for number in range(len(self.scenes)):
            self.add_image("scenes", number, None)
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        if image_id in self.broken:
            raise OSError("the disk is on fire")
        return self.scenes[image_id].image

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        scene = self.scenes[image_id]
        return scene.masks, scene.class_ids


class SceneConfig(Config):
    NAME = "scenes"
    NUM_CLASSES = 3
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    MAX_GT_INSTANCES = 4
    MINI_MASK_SHAPE = (14, 14)
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)


def config(**knobs) -> Config:
    made = SceneConfig()
    for name, value in knobs.items():
        setattr(made, name, value)
    return made


def numbered_scenes(count: int, shape=(40, 64)) -> list[Scene]:
    """Scenes of zero, one or two boxes; the first pixel's red is the number."""
    boxes = [[4, 6, 30, 30], [10, 34, 36, 60]]
    scenes = []
    for number in range(count):
        kept = number % 3
        scene = rectangle_scene(shape, boxes[:kept], [1, 2][:kept])
        scene.image[0, 0, 0] = number
        scenes.append(scene)
    return scenes
