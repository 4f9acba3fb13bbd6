from pathlib import Path

import keras
import pytest

from mrcnn.weights import imagenet


def test_the_file_is_asked_for_by_name_and_checksum(monkeypatch):
    def get_file(name, url, *, cache_subdir, file_hash):
        assert url.endswith("/" + name)
        assert len(file_hash) == 32
        return str(Path("home") / cache_subdir / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    path = Path(imagenet.imagenet_weights_file())
    assert path.parent == Path("home/models")
    assert path.name == "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"


def test_without_network_the_error_says_where_the_file_belongs(monkeypatch):
    def get_file(*_, **__):
        raise Exception("URL fetch failure: no network")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(OSError, match=r"no network.*~/\.keras/models"):
        imagenet.imagenet_weights_file()
