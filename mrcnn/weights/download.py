"""Fetches published weights files, whole or not at all.

A download that breaks off is taken up where it ended. What arrives must be as long as
the server said, be an HDF5 file and, where its checksum is known, have that checksum;
only then does it get its name.
"""

import hashlib
import http.client
import logging
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from mrcnn.atomic_file import replaced_file
from mrcnn.weights.foreign_files import HDF5_SIGNATURE, describe_file

logger = logging.getLogger("mrcnn")

COCO_MODEL_URL = (
    "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
)

TRIES = 5
TIMEOUT = 30  # seconds without a byte
PAUSE = 1.0  # seconds before the second try, doubled before each other
CHUNK = 1 << 20  # bytes


class Source(NamedTuple):
    """Where a file lies, and its checksum where that is known."""

    url: str
    sha256: str | None = None


SOURCES: dict[str, Source] = {
    "coco": Source(
        COCO_MODEL_URL,
        "ab8f779d74d790abe4fcf3f60ab368129df5ee866262c439c6bae5af13afaf56",
    )
}


def download_trained_weights(
    coco_model_path: str | os.PathLike, verbose: int = 1
) -> None:
    """Writes matterport's COCO weights to a file; an older one is replaced.

    Args:
        coco_model_path: in a folder that exists
        verbose: 0 says nothing

    Raises:
        OSError: where the file cannot be had; says where to put it by hand.
    """
    if verbose:
        print(f"Downloading pretrained model to {coco_model_path} ...")
    download(SOURCES["coco"], coco_model_path)
    if verbose:
        print("... done downloading pretrained model!")


def download(source: Source, path: str | os.PathLike) -> None:
    """Writes a published file to `path`.

    Raises:
        OSError: where the folder is missing or full, the server cannot be reached, or
            what it sends is no such file. Nothing is left behind then, and an older
            file stays as it was.
    """
    with replaced_file(path) as temporary:
        temporary.touch()
        try:
            _fetch(source.url, temporary)
            _check(source, temporary)
        except (OSError, http.client.HTTPException) as error:
            raise OSError(
                f"Cannot download {source.url}: {error}. Download it in a browser and "
                f"save it as {Path(path).absolute()}."
            ) from error


def _fetch(url: str, temporary: Path) -> None:
    """The whole file, in as many requests as it takes."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            if _fetch_rest(url, temporary):
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:  # asking again would change nothing
                raise
            reason: Exception = error
        except (OSError, http.client.HTTPException) as error:
            reason = error
        else:
            reason = OSError("the connection ended early")
        have = temporary.stat().st_size
        logger.warning("Download broke off after %d bytes: %s", have, reason)
    raise OSError(f"{TRIES} tries failed, the last with: {reason}")


def _fetch_rest(url: str, temporary: Path) -> bool:
    """Appends what is missing; whether the file is as long as the server says."""
    have = temporary.stat().st_size
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        goes_on = answer.status == http.client.PARTIAL_CONTENT
        length = answer.headers.get("Content-Length")
        with temporary.open("ab" if goes_on else "wb") as file:
            start = file.tell()
            while chunk := answer.read(CHUNK):
                file.write(chunk)
            received = file.tell() - start
    return length is None or received == int(length)


def _check(source: Source, temporary: Path) -> None:
    with temporary.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise OSError(f"what the server sent {describe_file(temporary)}")
        file.seek(0)
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if source.sha256 not in (None, digest.hexdigest()):
        raise OSError(f"its sha256 is {digest.hexdigest()}, expected {source.sha256}")
