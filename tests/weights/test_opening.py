"""One way to open weights files of all kinds."""

import numpy as np
import pytest

from mrcnn.weights.legacy_h5 import write_layers
from mrcnn.weights.opening import open_weights
from mrcnn.weights.safe_h5 import WeightsFileError
from tests.weights.systems.canonical import assert_same, export, make_detector
from tests.weights.systems.test_torchvision import modules
from tests.weights.torch_writer import write_torch


def test_a_file_of_ours_is_opened_as_it_is(tmp_path):
    kernel = np.ones((2, 2), "float32")
    layers = [("conv1", [("conv1/kernel", kernel)])]
    write_layers(tmp_path / "a.h5", layers, {"geometry": "aligned"})
    with open_weights(tmp_path / "a.h5") as file:
        (tensor,) = file.tensors
        assert tensor.names == ("conv1/kernel",)
        np.testing.assert_array_equal(tensor.stored.read(), kernel)
        assert file.attributes["geometry"] == "aligned"
        assert file.notes == ()


def test_a_file_of_another_system_is_converted(tmp_path, rng):
    weights = make_detector(rng)
    state = export(weights, modules()) | {"unknown": np.zeros(3, "float32")}
    with open_weights(write_torch(tmp_path / "a.pth", state)) as file:
        found = {tensor.names[0]: tensor.stored.read() for tensor in file.tensors}
        assert found.pop("unknown").size == 0  # listed, but not read
        assert_same(found, weights)
        assert file.attributes == {}
        assert "torchvision" in file.notes[0]


def test_a_file_of_no_kind_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"\x07\x01\xfe\x03")
    with (
        pytest.raises(WeightsFileError, match="no kind of weights file"),
        open_weights(tmp_path / "a"),
    ):
        pass
    with pytest.raises(FileNotFoundError), open_weights(tmp_path / "b"):
        pass
