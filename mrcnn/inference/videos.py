"""Videos as series of images, read and written one at a time.

    video = read_video("street.mp4")
    with VideoWriter("found.mp4", video.fps) as writer:
        for image in video:
            writer.write(draw_instances(image, model.detect([image])[0]))

Sound is neither read nor written.

Shapes: H W the image.
"""

import math
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mrcnn.quiet import quiet_stderr

# Ending -> the codec that is written under it; all of them are read.
CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
CODECS |= {".webm": "VP80", ".m4v": "mp4v"}

# What a video that does not tell its speed is played at.
USUAL_FPS = 25.0

PathLike = str | os.PathLike


class Video:
    """The images of a video, from the first on each time it is iterated.

    Iterating yields uint8 [H, W, 3] RGB, of which one at a time is in memory.

    Attributes:
        path: of the file
        fps: images a second
        num_images: as the file states it, or None where it does not
        image_shape: (H, W, 3), upright
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        capture = _opened(self.path)
        try:
            is_read, image = capture.read()
            if not is_read:
                raise OSError(f"No image of the video {str(path)!r} can be decoded.")
            cv2 = _import_cv2()
            fps = capture.get(cv2.CAP_PROP_FPS)
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        finally:
            capture.release()
        self.image_shape: tuple[int, int, int] = (*image.shape[:2], 3)
        self.fps = float(fps) if math.isfinite(fps) and fps > 0 else USUAL_FPS
        is_stated = math.isfinite(count) and 0 < count < 2**31
        self.num_images = int(count) if is_stated else None

    def __iter__(self) -> Iterator[np.ndarray]:
        capture = _opened(self.path)
        try:
            while True:
                is_read, image = capture.read()
                if not is_read:
                    return
                yield np.ascontiguousarray(image[..., ::-1])
        finally:
            capture.release()


def read_video(path: PathLike) -> Video:
    """The video in a file: MP4, AVI, MOV, MKV, WebM, or an animated GIF.

    Raises:
        OSError: where there is no such file, or it holds no images to be decoded.
    """
    return Video(path)


def is_video(path: PathLike) -> bool:
    """Whether a file is a video by its ending, or a GIF of several images."""
    suffix = Path(path).suffix.lower()
    return suffix in CODECS or (suffix == ".gif" and _is_animated(path))


class VideoWriter:
    """Writes images as a video, within a `with` block that ends well or not at all.

    The file appears under its name once it is complete. Codecs want even sides, so an
    odd one gets its last row or column twice.
    """

    def __init__(self, path: PathLike, fps: float) -> None:
        """A video of so many images a second.

        Args:
            path: ends in .mp4, .mov, .mkv, .avi or .webm; its folder exists
            fps: above zero
        """
        self.path = Path(path)
        self.fps = float(fps)
        self.num_images = 0
        if self.path.suffix.lower() not in CODECS:
            raise ValueError(
                f"Videos are written to names in {', '.join(CODECS)}, but got "
                f"{str(path)!r}."
            )
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps is a number above 0, but got {fps!r}.")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"There is no folder {str(self.path.parent)!r} to write "
                f"{self.path.name} into."
            )
        hidden = f".{self.path.stem}.{uuid.uuid4().hex[:8]}{self.path.suffix}"
        self._temporary = self.path.with_name(hidden)
        self._shape: tuple[int, ...] | None = None
        self._writer: Any = None

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()
        try:
            if error is None:
                self._finish()
        finally:
            self._temporary.unlink(missing_ok=True)

    def write(self, image: np.ndarray) -> None:
        """Appends an image, uint8 [H, W, 3] RGB; all have the shape of the first."""
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(
                f"A video takes images [H, W, 3] of uint8, but got {image.shape} of "
                f"{image.dtype}."
            )
        if self._shape is None:
            self._shape = image.shape
            self._writer = self._open(image.shape)
        if image.shape != self._shape:
            raise ValueError(
                f"Image {self.num_images} has the shape {image.shape}, but the video "
                f"{str(self.path)!r} began with {self._shape}. Resize it."
            )
        bottom, right = image.shape[0] % 2, image.shape[1] % 2
        if bottom or right:
            image = np.pad(image, [(0, bottom), (0, right), (0, 0)], mode="edge")
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))
        self.num_images += 1

    def _open(self, image_shape: tuple[int, ...]) -> Any:
        cv2 = _import_cv2()
        height, width = (side + side % 2 for side in image_shape[:2])
        codec = CODECS[self.path.suffix.lower()]
        with quiet_stderr():
            writer = cv2.VideoWriter(
                str(self._temporary),
                cv2.VideoWriter_fourcc(*codec),
                self.fps,
                (width, height),
            )
        if not writer.isOpened():
            raise OSError(
                f"Cannot write the video {str(self.path)!r}: its folder is read-only, "
                f"or this OpenCV lacks the codec {codec!r}. Try a name in .avi."
            )
        return writer

    def _finish(self) -> None:
        if self.num_images == 0:
            raise ValueError(f"No image was written to the video {str(self.path)!r}.")
        # OpenCV does not tell when a disk is full.
        try:
            written = Video(self._temporary).num_images
        except OSError:
            written = 0
        if written is not None and written < self.num_images:
            raise OSError(
                f"Of {self.num_images} images, {written} arrived in the video "
                f"{str(self.path)!r}. Make room on its disk."
            )
        self._temporary.replace(self.path)


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"There is no video {str(path)!r}.")
    cv2 = _import_cv2()
    with quiet_stderr():
        capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        capture.release()
        raise OSError(
            f"{str(path)!r} is no video that OpenCV can read: it is damaged, cut off "
            "or of an unknown codec. Convert it, for example with ffmpeg, to .mp4."
        )
    return capture


def _is_animated(path: PathLike) -> bool:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except (OSError, UnidentifiedImageError):
        return False


def _import_cv2() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"Videos need OpenCV, which does not import here ({error}). Install it "
            "with: pip install --force-reinstall --no-deps opencv-python-headless"
        ) from error
    return cv2
