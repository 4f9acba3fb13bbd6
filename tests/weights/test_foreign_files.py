import zipfile

import pytest

from mrcnn.weights.foreign_files import HDF5_SIGNATURE, describe_file, kind_of_file

LOOKS = {
    "empty": (b"", "is empty"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "page": (b"\n<!DOCTYPE html><html>Sign in</html>", "HTML page"),
    "pickle": (b"\x80\x02\x8a\nl\xfc\x9c", "pickle"),
    "gzip": (b"\x1f\x8b\x08\x00", "gzip"),
    "png": (b"\x89PNG\r\n\x1a\n", "PNG"),
    "tar": (b"\x01" * 257 + b"ustar\x00", "tar archive"),
    "safetensors": (b"\x40\x00\x00\x00\x00\x00\x00\x00" + b'{"a":{}}', "safetensors"),
    "caffe": (b"\n\x05VGG16\xa2\x06\x8e\x01\n\x04data", "Caffe model (.caffemodel)"),
    "old caffe": (b"\n\x05VGG16\x12\x10\n", "presets.PyFasterRCNN"),
    "no caffe": (b"\n\x05VGG16 and more", "no kind of weights file"),
    "text": (b"Not found", "text that begins with b'Not found'"),
    "zeros": (bytes(100), "zeros"),
    "noise": (b"\x07\x01\xfe\x03", "no kind of weights file"),
    "cut": (HDF5_SIGNATURE + b"\x00", "cut off or damaged"),
    "cut zip": (b"PK\x03\x04\x00", "zip archive that is cut off"),
}

ARCHIVES = {
    "keras": (["config.json", "model.weights.h5"], "whole Keras model"),
    "torch": (["archive/data.pkl", "archive/data/0"], "PyTorch"),
    "npz": (["a.npy", "b.npy"], "NumPy archive"),
    "other": (["readme.txt"], "Unpack it first"),
}


@pytest.mark.parametrize(("content", "words"), LOOKS.values(), ids=LOOKS)
def test_a_file_is_named_by_its_first_bytes(tmp_path, content, words):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)

    assert words in describe_file(path)


@pytest.mark.parametrize(("names", "words"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_is_named_by_what_it_holds(tmp_path, names, words):
    path = tmp_path / "weights.h5"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"0")

    assert words in describe_file(path)


def test_the_length_is_told(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"<html>")

    assert "(6 bytes)" in describe_file(path)


KINDS = {
    "torch of old": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.rest", "torch"),
    "pickle of Python 2": (b"\x80\x02}q\x00.", "pickle"),
    "pickle of Python 3": (b"\x80\x05}\x94.", "pickle"),
    "safetensors": (b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", "safetensors"),
    "safetensors of absurd length": (b"\xff" * 8 + b"{}", None),
    "hdf5": (HDF5_SIGNATURE + bytes(16), None),
    "page": (b"<html>", None),
    "empty": (b"", None),
    "cut zip": (b"PK\x03\x04\x00", None),
}


@pytest.mark.parametrize(("content", "kind"), KINDS.values(), ids=KINDS)
def test_the_content_tells_the_kind_and_not_the_name(tmp_path, content, kind):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)

    assert kind_of_file(path) == kind


@pytest.mark.parametrize("name", ARCHIVES)
def test_of_archives_only_those_of_pytorch_are_read(tmp_path, name):
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        for inner in ARCHIVES[name][0]:
            archive.writestr(inner, b"0")

    assert kind_of_file(path) == ("torch" if name == "torch" else None)
