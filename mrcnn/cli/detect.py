"""`mrcnn detect`: finds instances in images and videos, and writes what it found."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.cli.configs import add_words, words_and_knobs
from mrcnn.cli.detection_output import KINDS, DetectionOutput
from mrcnn.cli.models import add_model_options, load_model
from mrcnn.cli.options import names, share
from mrcnn.cli.terminal import (
    FAILED,
    WELL,
    Misuse,
    complain,
    counted,
    progress_bar,
)

if TYPE_CHECKING:
    from mrcnn.inference.image_search import ImageFile
    from mrcnn.inference.results import Instances

Detect = Callable[[list[np.ndarray]], "list[Instances]"]

_HELP = """\
Finds instances in images and videos and writes, into the folder of --output:

  pictures/NAME.jpg    the image with boxes, masks and names drawn in, at its own
                       resolution; NAME.png for images that are not JPEG, NAME.mp4
                       for videos
  detections.json      COCO json: the images, the classes, and as "annotations" what
                       was found with its score, which is COCO's list of results. It
                       opens as a dataset too. NAME.json for a video
  masks/NAME.png       an image of 16-bit numbers: 0 where nothing is, 1 on the first
                       instance and so on, the higher score on top where two overlap.
                       NAME/000017.png for a video. detections.json has masks whole

IMAGE is a file, a folder, a pattern in quotes, or a video (.mp4 .avi .mov .mkv .webm,
animated .gif); videos are written without their sound.

  mrcnn detect photos --weights last
  mrcnn detect street.jpg clip.mp4 --weights mask_rcnn_mine_0020.h5 --output found
  mrcnn detect "photos/**/*.png" --weights coco --min-confidence 0.9 --save json
  mrcnn detect photos --weights last --report report DETECTION_MAX_INSTANCES=500

An image that cannot be read is reported and skipped; the exit code is 1 then."""


def add(commands: Any) -> None:
    """Adds the command's parser."""
    parser = commands.add_parser(
        "detect",
        help="find instances in images and videos",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_words(parser, "IMAGE", "images, folders, patterns and videos")
    add_model_options(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("detect_output"),
        metavar="DIR",
        help="folder for what is written (default: %(default)s)",
    )
    parser.add_argument(
        "--save",
        type=names,
        default=["pictures", "json"],
        metavar="A,B,...",
        help=f"what to write, of {', '.join(KINDS)} (default: pictures,json)",
    )
    parser.add_argument(
        "--min-confidence",
        type=share,
        metavar="SCORE",
        help="lowest score of a detection (default: DETECTION_MIN_CONFIDENCE of the "
        "config)",
    )
    parser.add_argument(
        "--no-masks",
        action="store_true",
        help="find boxes alone, which takes less time",
    )
    parser.add_argument(
        "--recursive", action="store_true", help="look through folders in folders too"
    )
    parser.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="class names in the order of their ids, without the background, for "
        "weights that do not know them",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page of HTML with all images, but not the videos, to look at",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Detects, prints a line for each image and writes; -> exit code."""
    from mrcnn.inference.image_search import find_images

    words, knobs = words_and_knobs(options.words, "IMAGE, a file or a folder")
    _check_save(options)
    files = find_images(words, recursive=options.recursive)
    model = load_model(
        options,
        knobs,
        min_confidence=options.min_confidence,
        class_names=options.classes,
    )
    detect = partial(
        model.detect,
        masks=not options.no_masks,
        flip=options.flip,
        scales=options.scales,
    )
    output = DetectionOutput(
        options.output,
        options.save,
        num_classes=model.config.NUM_CLASSES,
        class_names=model.class_names,
        keep=options.report is not None,
    )
    batch_size = options.batch_size or model.config.BATCH_SIZE
    channel_count = model.config.IMAGE_CHANNEL_COUNT
    images = [file for file in files if not file.is_video]
    videos = [file for file in files if file.is_video]
    try:
        unread = _detect_in_images(detect, images, output, batch_size, channel_count)
        for file in videos:
            unread += not _detect_in_video(detect, file, output, batch_size)
    finally:
        # What was found before Ctrl-C is found.
        output.finish()
    print(output.summary())
    if options.report is not None:
        print(f"Wrote {_write_report(options, output, model.class_names)}.")
    if unread:
        complain("mrcnn detect", f"{counted(unread, 'file')} could not be read.")
    return FAILED if unread else WELL


def _detect_in_images(
    detect: Detect,
    files: Sequence["ImageFile"],
    output: DetectionOutput,
    batch_size: int,
    channel_count: int,
) -> int:
    """Writes what is found in each image. -> number of files that cannot be read"""
    done = unread = 0
    for start in range(0, len(files), batch_size):
        batch = []
        for file in files[start : start + batch_size]:
            try:
                batch.append((file, _read(file.path, channel_count)))
            except (OSError, ValueError, TypeError) as error:
                complain("mrcnn detect", f"skipped: {error}")
                unread += 1
        found = detect([pixels for _, pixels in batch]) if batch else []
        for (file, pixels), instances in zip(batch, found, strict=True):
            done += 1
            output.add_image(file.path, file.name, pixels, instances)
            place = f"{done + unread}/{len(files)}"
            print(f"{place} {file.path}: {output.said_of(instances)}", flush=True)
    return unread


def _read(path: Path, channel_count: int) -> np.ndarray:
    """The pixels of a file that detection takes."""
    from mrcnn.data.image_files import read_pixels
    from mrcnn.inference.images import image_shape

    pixels = read_pixels(path)
    try:
        image_shape(pixels, 0, channel_count)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r}: {error}") from error
    return pixels


def _detect_in_video(
    detect: Detect, file: "ImageFile", output: DetectionOutput, batch_size: int
) -> bool:
    """Writes what is found in the images of a video. -> whether it could be read"""
    from mrcnn.inference.videos import read_video

    try:
        video = read_video(file.path)
    except OSError as error:
        complain("mrcnn detect", f"skipped: {error}")
        return False
    show = progress_bar(str(file.path))
    done = 0
    with output.video(file.path, file.name, video.fps) as writer:
        for images in _batches(video, batch_size):
            for image, instances in zip(images, detect(images), strict=True):
                writer.add(image, instances)
            done += len(images)
            if show is not None:
                show(done, max(done, video.num_images or done + 1))
    print(f"{file.path}: {done} images, {counted(writer.num_instances, 'instance')}")
    return True


def _batches(images: Any, batch_size: int) -> Iterator[list[np.ndarray]]:
    batch: list[np.ndarray] = []
    for image in images:
        batch.append(image)
        if len(batch) == batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _check_save(options: argparse.Namespace) -> None:
    unknown = [kind for kind in options.save if kind not in KINDS]
    if unknown:
        raise Misuse(f"--save takes {', '.join(KINDS)}, but not {unknown[0]}")
    if "masks" in options.save and options.no_masks:
        raise Misuse("--save masks needs masks: leave out --no-masks")


def _write_report(
    options: argparse.Namespace,
    output: DetectionOutput,
    class_names: Sequence[str] | None,
) -> Path:
    from mrcnn.report.reports import write_detection_report

    return write_detection_report(
        options.report,
        output.paths,
        output.results,
        class_names=class_names or output.class_names,
        title=f"{options.weights} on {', '.join(options.words)}",
        on_progress=progress_bar("drawing"),
    )
