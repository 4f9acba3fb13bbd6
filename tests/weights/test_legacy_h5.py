import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import mrcnn
from mrcnn.weights.legacy_h5 import (
    read_attributes,
    read_tensors,
    write_layers,
)
from mrcnn.weights.safe_h5 import WeightsFileError, open_h5
from tests.weights.tiny_network import write_groups

FIXTURES = Path(__file__).parent.parent / "fixtures"
LAYERS = [
    ("input_image", []),
    ("conv1", [("conv1/kernel", np.ones((2, 2), "f4")), ("conv1/bias", np.ones(2))]),
    ("rpn_model", [("rpn_conv_shared/kernel", np.ones(3, "f4"))]),
]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "weights.h5"


def read_first_names(path: Path) -> list[str]:
    with open_h5(path) as file:
        return [tensor.names[0] for tensor in read_tensors(file)]


@pytest.mark.parametrize("root", ["", "model_weights"])
def test_a_plain_file_is_read(path, root):
    values = np.arange(4, dtype="f4").reshape(2, 2)
    write_groups(path, {"input": {}, "conv1": {"conv1/kernel:0": values}}, root)

    with open_h5(path) as file:
        (tensor,) = read_tensors(file)
        assert tensor.names == ("conv1/kernel",)
        assert tensor.stored.read().tolist() == [[0, 1], [2, 3]]


def test_lists_of_names_may_be_absent(path):
    with h5py.File(path, "w") as file:
        file["conv1/conv1/kernel:0"] = np.ones(2)
        file["rpn_model/rpn_conv_shared/bias:0"] = np.ones(2)
        file["optimizer_weights/momentum:0"] = np.ones(2)

    assert read_first_names(path) == ["conv1/kernel", "rpn_conv_shared/bias"]


@pytest.mark.parametrize("kind", ["S", object])
def test_lists_of_names_may_be_text_or_come_in_parts(path, kind):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names0"] = np.array(["bn"], kind)
        file.attrs["layer_names1"] = np.array(["conv1"], kind)
        for name in ("bn", "conv1"):
            file[f"{name}/{name}/bias:0"] = np.ones(2)
            file[name].attrs["weight_names"] = np.array([f"{name}/bias:0"], kind)

    assert read_first_names(path) == ["bn/bias", "conv1/bias"]


@pytest.mark.parametrize("lost", ["conv1", "conv1/conv1/kernel:0"])
def test_a_lost_group_or_tensor_is_an_error(path, lost):
    write_groups(path, {"conv1": {"conv1/kernel:0": np.ones(2)}})
    with h5py.File(path, "a") as file:
        del file[lost]

    with pytest.raises(WeightsFileError, match=r"lists .* but does not hold it"):
        read_first_names(path)


def test_names_that_are_no_list_are_an_error(path):
    write_groups(path, {"conv1": {"conv1/kernel:0": np.ones(2)}})
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = 3

    with pytest.raises(WeightsFileError, match="no list of names in 'layer_names'"):
        read_first_names(path)


def test_hdf5_without_weights_is_an_error_that_says_what_it_holds(path):
    with h5py.File(path, "w") as file:
        file["train/images"] = np.ones(2)
        del file["train/images"]

    with pytest.raises(WeightsFileError, match=r"without weights.*\['train'\]"):
        read_first_names(path)


def test_the_layout_of_keras_3_is_named(path):
    with h5py.File(path, "w") as file:
        file["layers/conv1/vars/0"] = np.ones(2)
        file.create_group("_layer_checkpoint_dependencies")

    with pytest.raises(WeightsFileError, match="layout of Keras 3"):
        read_first_names(path)


def test_a_written_file_is_laid_out_as_matterports(path):
    write_layers(path, LAYERS, {})

    with h5py.File(path) as file:
        assert file.attrs["layer_names"].tolist() == [
            b"input_image",
            b"conv1",
            b"rpn_model",
        ]
        assert file.attrs["backend"] == b"tensorflow"
        assert file.attrs["keras_version"] == b"2.1.6"
        assert file["input_image"].attrs["weight_names"].tolist() == []
        assert file["conv1"].attrs["weight_names"].tolist() == [
            b"conv1/kernel:0",
            b"conv1/bias:0",
        ]
        assert file["/conv1/conv1/kernel:0"].shape == (2, 2)
        assert file["/conv1/conv1/bias:0"].dtype == np.float32
        assert file["/rpn_model/rpn_conv_shared/kernel:0"].shape == (3,)


def test_every_name_of_matterports_checkpoint_is_written_and_read(path):
    layout = json.loads((FIXTURES / "h5_layout.json").read_text())["models"][
        "resnet101_81"
    ]
    weights = dict(layout["weight_layers_in_model_order"])
    nested = {name: "rpn_model" for name in weights if name.startswith("rpn_")}
    groups: dict[str, list] = {
        n: [] for n in layout["layer_names_attr_of_built_inference_model"]
    }
    for layer, tensors in weights.items():
        group = groups[nested.get(layer, layer)]
        group += [(name.removesuffix(":0"), np.ones(1, "f4")) for name, _ in tensors]

    write_layers(path, list(groups.items()), {})

    expected = [name for tensors in groups.values() for name, _ in tensors]
    assert read_first_names(path) == expected
    assert len(expected) == 690
    with h5py.File(path) as file:
        assert [n.decode() for n in file.attrs["layer_names"]] == list(groups)


def test_long_lists_of_names_are_split(path):
    layers = [(f"layer_with_a_long_name_{i:05d}", []) for i in range(4000)]

    write_layers(path, [*layers, *LAYERS], {})

    with h5py.File(path) as file:
        assert "layer_names" not in file.attrs
        assert "layer_names1" in file.attrs
    assert len(read_first_names(path)) == 3


def test_attributes_come_back(path):
    attributes = {
        "geometry": "aligned",
        "class_names": ["BG", "Süßware"],
        "config": {"NAME": "shapes", "MEAN_PIXEL": np.array([1.5, 2, 3]), "A": (1, 2)},
    }

    write_layers(path, LAYERS, attributes)

    with open_h5(path) as file:
        assert read_attributes(file) == {
            "version": mrcnn.__version__,
            "geometry": "aligned",
            "class_names": ["BG", "Süßware"],
            "config": {"NAME": "shapes", "MEAN_PIXEL": [1.5, 2, 3], "A": [1, 2]},
        }


def test_ten_thousand_class_names_fit(path):
    names = [f"class number {i}" for i in range(10_000)]

    write_layers(path, LAYERS, {"class_names": names})

    with open_h5(path) as file:
        assert read_attributes(file)["class_names"] == names


@pytest.mark.parametrize("text", ["{", "3", '{"a": 1}', "[1, 2]", "[" * 60_000])
def test_unreadable_attributes_are_left_out(path, text):
    write_layers(path, LAYERS, {})
    with h5py.File(path, "a") as file:
        file.attrs["mrcnn_class_names"] = np.bytes_(text.encode())

    with open_h5(path) as file:
        assert "class_names" not in read_attributes(file)


def test_an_attribute_of_variable_length_is_refused_not_overlooked(path):
    write_layers(path, LAYERS, {})
    with h5py.File(path, "a") as file:
        file.attrs["mrcnn_geometry"] = "aligned"

    with open_h5(path) as file, pytest.raises(WeightsFileError, match=r"np\.bytes_"):
        read_attributes(file)


def test_attributes_of_none_are_not_written(path):
    write_layers(path, LAYERS, {"geometry": None})

    with open_h5(path) as file:
        assert set(read_attributes(file)) == {"version"}


def test_an_unknown_attribute_is_refused_and_leaves_no_file(path):
    with pytest.raises(ValueError, match="'geometri'"):
        write_layers(path, LAYERS, {"geometri": "aligned"})

    assert list(path.parent.iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_other(path):
    write_layers(path, LAYERS, {})
    old = path.read_bytes()
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match=r"Could not write the weights file"):
            write_layers(path, [("conv1", [("conv1/kernel", np.ones(10**6))])], {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == old
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux' /proc")
def test_a_folder_that_takes_no_files_is_a_clear_error():
    with pytest.raises(OSError, match=r"Could not write .*/proc/self/a\.h5"):
        write_layers("/proc/self/a.h5", LAYERS, {})


def test_a_whole_checkpoint_is_read_by_full_weight_name(path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(FIXTURES), *sys.path])
    import recipe_h5
    import weights_recipe

    recipe_h5.write(path, "resnet50", classes=4)

    with open_h5(path) as file:
        tensors = {tensor.names[0]: tensor.stored for tensor in read_tensors(file)}
        assert len(tensors) == 384
        assert tensors["mrcnn_bbox_fc/kernel"].shape == (1024, 16)
        for layer in ("bn5c_branch2c", "rpn_bbox_pred", "mrcnn_mask"):
            weight = "gamma" if layer.startswith("bn") else "bias"
            stored = tensors[f"{layer}/{weight}"]
            expected = weights_recipe.keras_weight(layer, weight, stored.shape)
            assert np.array_equal(stored.read(), expected)
    path.unlink()  # 180 MB
