"""What a file that should hold weights really is, told from its first bytes.

Nothing is unpacked or run: a zip archive is asked for its list of names, every other
file for its first few hundred bytes.
"""

import os
import zipfile
from pathlib import Path
from typing import Literal

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

# The beginning of a PyTorch file from before version 1.6: a pickled magic number.
TORCH_SIGNATURE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PICKLE_SIGNATURES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
ZIP_SIGNATURE = b"PK\x03\x04"

FileKind = Literal["torch", "pickle", "safetensors"]

DOWNLOAD_AGAIN = "Download it again and compare its length with the source's."
OTHER_FRAMEWORK = (
    "Weights are read from .h5 files in matterport's layout, .pth files of PyTorch, "
    ".pkl files of Detectron and detectron2, and .safetensors."
)

# What follows the name at the beginning of a Caffe model: its layers, in the form of
# today or the first one, or the name of its input.
CAFFE_FIELDS = (b"\xa2\x06", b"\x12", b"\x1a")
CAFFE_REMEDY = (
    "Weights of Caffe, py-faster-rcnn's among them, are not read. Train "
    "mrcnn.presets.PyFasterRCNN from ImageNet weights, or take a Faster R-CNN of "
    "Detectron (.pkl)."
)

# First bytes -> what the file looks like, and what to do.
SIGNATURES: dict[bytes, tuple[str, str]] = {
    b"version https://git-lfs": (
        "a git-lfs pointer, not the file it stands for",
        "Run `git lfs pull` in its repository.",
    ),
    **dict.fromkeys(PICKLE_SIGNATURES, ("a Python pickle", OTHER_FRAMEWORK)),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first."),
    b"\x89PNG": ("a PNG image", "Check the path."),
    b"\xff\xd8\xff": ("a JPEG image", "Check the path."),
    b"%PDF": ("a PDF document", "Check the path."),
}


def kind_of_file(path: str | os.PathLike) -> FileKind | None:
    """Which kind of other systems' weights files this is, whatever its name says.

    None stands for HDF5 and everything else.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(TORCH_SIGNATURE):
        return "torch"
    if head.startswith(ZIP_SIGNATURE):
        return "torch" if _is_torch_archive(_archive_names(path)) else None
    if head.startswith(PICKLE_SIGNATURES):
        return "pickle"
    length = int.from_bytes(head[:8], "little")
    has_table = head[8:9] == b"{" and length <= path.stat().st_size
    return "safetensors" if has_table else None


def describe_file(path: str | os.PathLike) -> str:
    """What a file that HDF5 refuses looks like, and what to do, in one line."""
    path = Path(path)
    length = path.stat().st_size
    if length == 0:
        return f"is empty (0 bytes). {DOWNLOAD_AGAIN}"
    with path.open("rb") as file:
        head = file.read(512)
    look, remedy = _describe(path, head)
    return f"looks like {look} ({length} bytes). {remedy}"


def _describe(path: Path, head: bytes) -> tuple[str, str]:
    if head.startswith(HDF5_SIGNATURE):
        return "an HDF5 file that is cut off or damaged", DOWNLOAD_AGAIN
    for signature, description in SIGNATURES.items():
        if head.startswith(signature):
            return description
    if head.startswith(b"PK"):
        return _describe_archive(path)
    if head[257:262] == b"ustar":
        return "a tar archive", "Unpack it first."
    if head[8:10] == b'{"':
        return "a safetensors file", OTHER_FRAMEWORK
    if _is_caffe_model(head):
        return "a Caffe model (.caffemodel)", CAFFE_REMEDY
    return _describe_text(head)


def _is_caffe_model(head: bytes) -> bool:
    """Whether a network's name in a protocol buffer comes first, and layers after."""
    if head[:1] != b"\n" or len(head) < 3:
        return False
    name, rest = head[2 : 2 + head[1]], head[2 + head[1] :]
    return name.decode("latin-1").isprintable() and rest.startswith(CAFFE_FIELDS)


def _describe_archive(path: Path) -> tuple[str, str]:
    """A zip archive, by the names of what it holds."""
    names = _archive_names(path)
    if names is None:
        return "a zip archive that is cut off", DOWNLOAD_AGAIN
    if "model.weights.h5" in names:
        remedy = (
            "It is read by keras.saving.load_model; save the weights from there "
            "with save_weights, under a name that ends in .h5."
        )
        return "a whole Keras model (.keras)", remedy
    if _is_torch_archive(names):
        return "a PyTorch file", OTHER_FRAMEWORK
    if names and all(name.endswith(".npy") for name in names):
        return "a NumPy archive (.npz)", OTHER_FRAMEWORK
    return "a zip archive", "Unpack it first."


def _archive_names(path: Path) -> list[str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError):
        return None


def _is_torch_archive(names: list[str] | None) -> bool:
    return any(name.rpartition("/")[2] == "data.pkl" for name in names or ())


def _describe_text(head: bytes) -> tuple[str, str]:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        remedy = (
            "The download ended on a login, warning or error page: open its address "
            "in a browser, save the file itself."
        )
        return "an HTML page", remedy
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        return f"text that begins with {head[:40]!r}", "Check the path."
    if not any(head):
        return "a file of zeros", DOWNLOAD_AGAIN
    return f"no kind of weights file known here (begins {head[:8]!r})", OTHER_FRAMEWORK
