import sys

import numpy as np
import pytest
from PIL import Image

from mrcnn.inference.videos import USUAL_FPS, VideoWriter, is_video, read_video

ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".webm")


def grey_images(count, height=48, width=64):
    """A series that grows lighter from image to image, red on the left."""
    images = np.empty((count, height, width, 3), "uint8")
    images[:] = (20 + 30 * np.arange(count))[:, None, None, None]
    images[:, :, : width // 2] = (200, 30, 30)
    return images


def write(path, images, fps=10):
    with VideoWriter(path, fps) as writer:
        for image in images:
            writer.write(image)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read_back(tmp_path, ending):
    images = grey_images(5)
    video = read_video(write(tmp_path / f"v{ending}", images))
    assert video.image_shape == (48, 64, 3)
    assert video.fps == pytest.approx(10, abs=0.1)
    assert video.num_images in (5, None)
    read = list(video)
    assert len(read) == 5
    for image, expected in zip(read, images, strict=True):
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        difference = np.abs(image[:, 40:].astype(int) - expected[:, 40:])
        assert difference.mean() < 6
    # Red stays red: channels are not swapped.
    assert np.abs(read[2][10:40, 5:25].mean(axis=(0, 1)) - (200, 30, 30)).max() < 12


def test_a_video_can_be_read_twice(tmp_path):
    video = read_video(write(tmp_path / "v.avi", grey_images(3)))
    assert len(list(video)) == len(list(video)) == 3


def test_an_odd_side_gets_its_last_row_twice(tmp_path):
    video = read_video(write(tmp_path / "v.mp4", grey_images(2, height=47, width=63)))
    assert video.image_shape == (48, 64, 3)


def test_an_animated_gif_is_a_video_and_a_still_one_is_none(tmp_path):
    pictures = [Image.fromarray(image) for image in grey_images(4)]
    moving, still = tmp_path / "moving.gif", tmp_path / "still.gif"
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=100)
    pictures[0].save(still)
    assert is_video(moving)
    assert not is_video(still)
    assert not is_video(tmp_path / "missing.gif")
    video = read_video(moving)
    assert len(list(video)) == 4
    assert video.fps == pytest.approx(10, abs=0.5)


def test_videos_are_known_by_their_ending():
    assert is_video("a/B.MP4")
    assert is_video("b.webm")
    assert not is_video("c.jpg")


def test_a_video_that_tells_no_speed_is_played_as_usual(tmp_path, monkeypatch):
    import cv2

    path = write(tmp_path / "v.avi", grey_images(2))
    monkeypatch.setattr(cv2, "CAP_PROP_FPS", 10**6)
    monkeypatch.setattr(cv2, "CAP_PROP_FRAME_COUNT", 10**6)
    video = read_video(path)
    assert video.fps == USUAL_FPS
    assert video.num_images is None


def test_a_missing_or_damaged_video_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no video .*nowhere\.mp4"):
        read_video(tmp_path / "nowhere.mp4")
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no video at all" * 50)
    with pytest.raises(OSError, match=r"damaged\.mp4.*ffmpeg"):
        read_video(damaged)


def test_nothing_stays_behind_when_writing_fails(tmp_path):
    path = write(tmp_path / "v.mp4", grey_images(2))
    before = path.read_bytes()
    images = grey_images(2)

    def interrupted():
        yield images[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, interrupted())
    with pytest.raises(ValueError, match=r"shape \(48, 62, 3\).*began with"):
        write(path, [images[0], images[1, :, :62]])
    with pytest.raises(ValueError, match="No image"):
        write(path, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_video_that_did_not_arrive_whole_is_an_error(tmp_path, monkeypatch):
    import cv2

    class FullDisk:
        """Writes nothing after the first image, and does not tell."""

        def __init__(self, *arguments):
            self.writer, self.num_written = real_writer(*arguments), 0
            self.isOpened, self.release = self.writer.isOpened, self.writer.release

        def write(self, image):
            if self.num_written == 0:
                self.writer.write(image)
            self.num_written += 1

    real_writer = cv2.VideoWriter
    monkeypatch.setattr(cv2, "VideoWriter", FullDisk)
    with pytest.raises(OSError, match=r"Of 3 images, 1 arrived"):
        write(tmp_path / "v.avi", grey_images(3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((8, 8), "uint8"), r"\(8, 8\)"),
        (np.zeros((8, 8, 3), "float32"), "float32"),
        (np.zeros((8, 8, 4), "uint8"), r"\(8, 8, 4\)"),
    ],
)
def test_only_rgb_of_8_bits_is_written(tmp_path, image, text):
    with (
        pytest.raises(ValueError, match=text),
        VideoWriter(tmp_path / "v.mp4", 10) as writer,
    ):
        writer.write(image)


def test_a_path_or_speed_that_cannot_be_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(ValueError, match=r"\.mp4.*got .*v\.gif"):
        VideoWriter(tmp_path / "v.gif", 10)
    with pytest.raises(ValueError, match="above 0"):
        VideoWriter(tmp_path / "v.mp4", 0)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        VideoWriter(tmp_path / "nowhere" / "v.mp4", 10)


def test_without_opencv_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "v.avi", grey_images(1))
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="opencv-python-headless"):
        read_video(path)
