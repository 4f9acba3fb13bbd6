"""What `mrcnn detect` writes: pictures, videos, COCO json and masks."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrcnn.cli.terminal import counted

if TYPE_CHECKING:
    from mrcnn.inference.coco_files import CocoFile
    from mrcnn.inference.results import Instances
    from mrcnn.inference.videos import VideoWriter

KINDS = ("pictures", "json", "masks")

_JPEG_ENDINGS = (".jpg", ".jpeg")


class DetectionOutput:
    """A folder of detections.

    Attributes:
        class_names: by class id, the background first
        paths: the images, kept on demand
        results: what was found in each of them, likewise
    """

    def __init__(
        self,
        folder: Path,
        kinds: Sequence[str],
        *,
        num_classes: int,
        class_names: Sequence[str] | None,
        keep: bool,
    ) -> None:
        from mrcnn.inference.class_names import name_of

        self.folder = folder
        self.kinds = kinds
        self.class_names = [name_of(i, class_names) for i in range(num_classes)]
        self.paths: list[Path] = []
        self.results: list[Instances] = []
        self._keep = keep
        self._coco = self.new_json()
        self._num_images = 0
        self._counts: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)

    def add_image(
        self, path: Path, name: str, image: np.ndarray, instances: "Instances"
    ) -> None:
        """Writes what was found in one image, [H, W] or [H, W, C]."""
        self._num_images += 1
        self._counts.update(instances.names)
        if self._keep:
            self.paths.append(path)
            self.results.append(instances)
        if "pictures" in self.kinds:
            is_jpeg = path.suffix.lower() in _JPEG_ENDINGS
            ending = ".jpg" if is_jpeg else ".png"
            self._save_picture(f"pictures/{name}{ending}", image, instances)
        if "masks" in self.kinds:
            self.save_masks(name, instances)
        if "json" in self.kinds:
            self._coco.add(self.from_here(path), instances)

    @contextmanager
    def video(self, path: Path, name: str, fps: float) -> Iterator["VideoOutput"]:
        """What takes the images of a video, one after the other."""
        from mrcnn.inference.videos import VideoWriter

        output = VideoOutput(self, path, name)
        if "pictures" in self.kinds:
            target = self.place(f"pictures/{name}.mp4")
            with VideoWriter(target, fps) as writer:
                output.writer = writer
                yield output
        else:
            yield output
        if "json" in self.kinds:
            output.json.write(self.place(f"{name}.json"))

    def finish(self) -> None:
        """Writes the json of all images, if there were any."""
        if "json" in self.kinds and self._num_images:
            self._coco.write(self.place("detections.json"))

    def summary(self) -> str:
        """What was found in all images, and where it lies."""
        lines = [f"Wrote {', '.join(self.kinds)} into {self.folder}."]
        if self._num_images:
            found = _listed(self._counts)
            lines.insert(0, f"Found in {counted(self._num_images, 'image')}: {found}")
        return "\n".join(lines)

    def said_of(self, instances: "Instances") -> str:
        """What was found in one image: "2 dog, 1 cat"."""
        return _listed(Counter(instances.names))

    def new_json(self) -> "CocoFile":
        """An empty COCO json with the classes."""
        from mrcnn.inference.coco_files import CocoFile

        return CocoFile(len(self.class_names), self.class_names)

    def from_here(self, path: Path) -> str:
        """A path as seen from the folder."""
        return Path(os.path.relpath(path, self.folder)).as_posix()

    def save_masks(self, name: str, instances: "Instances") -> None:
        """Writes the image of numbers."""
        from PIL import Image

        from mrcnn.inference.coco_files import id_map

        path = self.place(f"masks/{name}.png")
        Image.fromarray(id_map(instances)).save(path)

    def place(self, name: str) -> Path:
        """A path in the folder; folders on the way are made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _save_picture(
        self, name: str, image: np.ndarray, instances: "Instances"
    ) -> None:
        from PIL import Image

        from mrcnn.drawing.instances import draw_instances

        picture = Image.fromarray(draw_instances(image, instances))
        picture.save(self.place(name), quality=92)


class VideoOutput:
    """Takes the images of one video in their order."""

    def __init__(self, output: DetectionOutput, path: Path, name: str) -> None:
        self.writer: VideoWriter | None = None
        self.json = output.new_json()
        self.num_instances = 0
        self._output = output
        self._path = path
        self._name = name
        self._num_images = 0

    def add(self, image: np.ndarray, instances: "Instances") -> None:
        """Writes what was found in the next image, [H, W, 3]."""
        from mrcnn.drawing.instances import draw_instances

        if self.writer is not None:
            # An instance has no name that lasts from image to image; its class does.
            self.writer.write(draw_instances(image, instances, colors="class"))
        if "masks" in self._output.kinds:
            self._output.save_masks(f"{self._name}/{self._num_images:06d}", instances)
        if "json" in self._output.kinds:
            file_name = self._output.from_here(self._path)
            self.json.add(file_name, instances, index_in_video=self._num_images)
        self._num_images += 1
        self.num_instances += len(instances)


def _listed(counts: Counter[str]) -> str:
    """Names with their numbers, the most frequent first."""
    return ", ".join(f"{n} {name}" for name, n in counts.most_common()) or "nothing"
