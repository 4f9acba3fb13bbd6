"""Downloads from a server of this machine that misbehaves in every way."""

import hashlib
import http.server
import threading
from contextlib import contextmanager

import pytest

from mrcnn.weights import download as downloading
from mrcnn.weights.download import Source, download, download_trained_weights
from mrcnn.weights.foreign_files import HDF5_SIGNATURE

CONTENT = HDF5_SIGNATURE + bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends `content`; cuts the first `num_cuts` answers off in the middle."""

    content = CONTENT
    num_cuts = 0
    status = 200
    takes_ranges = True

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        content, status = self.content, self.status
        if self.headers.get("Range") and self.takes_ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            content, status = content[start:], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if len(server.ranges) <= self.num_cuts:
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing."""


@contextmanager
def serving(**behaviour):
    """A server's address, and the ranges that it is asked for."""
    handler = type("OneHandler", (Handler,), behaviour)
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        server.ranges = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file.h5", server.ranges
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(downloading, "PAUSE", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.h5"


def test_a_file_arrives_whole(path):
    with serving() as (url, ranges):
        download(Source(url, SHA256), path)
    assert path.read_bytes() == CONTENT
    assert ranges == [None]
    assert list(path.parent.iterdir()) == [path]


def test_what_broke_off_is_taken_up_where_it_ended(path):
    with serving(num_cuts=2) as (url, ranges):
        download(Source(url, SHA256), path)
    assert path.read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert ranges == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_a_server_that_knows_no_ranges_is_asked_for_everything(path):
    with serving(num_cuts=1, takes_ranges=False) as (url, _):
        download(Source(url, SHA256), path)
    assert path.read_bytes() == CONTENT


def assert_fails(source, path, words):
    """Nothing is left but the old file, and the error says what to do by hand."""
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=words) as caught:
        download(source, path)
    assert source.url in str(caught.value)
    assert f"save it as {path}" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_server_that_always_breaks_off_leaves_nothing(path):
    with serving(num_cuts=99, takes_ranges=False) as (url, ranges):
        assert_fails(Source(url), path, "5 tries failed.*ended early")
    assert len(ranges) == 5


def test_another_checksum_leaves_nothing(path):
    with serving(content=CONTENT + b"x") as (url, _):
        assert_fails(Source(url, SHA256), path, f"expected {SHA256}")


def test_a_login_page_leaves_nothing(path):
    with serving(content=b"<!doctype html><html>") as (url, _):
        assert_fails(Source(url), path, "looks like an HTML page")


def test_a_missing_page_is_asked_for_once(path):
    with serving(status=404) as (url, ranges):
        assert_fails(Source(url), path, "404")
    assert len(ranges) == 1


def test_a_server_that_fails_for_a_while_is_asked_again(path):
    with serving(status=503) as (url, ranges):
        assert_fails(Source(url), path, "5 tries failed.*503")
    assert len(ranges) == 5


def test_without_network_the_error_says_where_to_put_the_file(path):
    with serving() as (url, _):
        pass  # Nobody listens there any longer.
    assert_fails(Source(url), path, "refused")


def test_a_missing_folder_is_found_before_anything_is_asked_for(tmp_path):
    with serving() as (url, ranges):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            download(Source(url), tmp_path / "nowhere" / "weights.h5")
        assert not ranges


@pytest.mark.parametrize("verbose", [0, 1])
def test_the_coco_weights_are_written_to_the_path(path, verbose, monkeypatch, capsys):
    with serving() as (url, _):
        monkeypatch.setitem(downloading.SOURCES, "coco", Source(url))
        download_trained_weights(str(path), verbose=verbose)
    assert path.read_bytes() == CONTENT
    assert bool(capsys.readouterr().out) == bool(verbose)
