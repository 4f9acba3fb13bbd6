import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from mrcnn.weights.saving import LegacySavingModel, write_weights
from tests.weights.tiny_network import are_equal, build_network, randomize, snapshot


@pytest.fixture
def network(rng):
    return randomize(build_network(), rng)


def compile_for(network: keras.Model) -> keras.Model:
    network.compile("sgd", loss="mse", jit_compile=False)
    return network


@pytest.mark.parametrize("name", ["any.h5", "any.hdf5", "any.weights.h5"])
def test_save_weights_and_load_weights_round_trip(network, tmp_path, name):
    network.save_weights(tmp_path / name)
    other = build_network()

    report = other.load_weights(str(tmp_path / name))

    assert report.is_complete
    assert are_equal(snapshot(other), snapshot(network))


def test_the_layers_are_written_in_their_order(network, tmp_path):
    network.save_weights(tmp_path / "a.h5")

    with h5py.File(tmp_path / "a.h5") as file:
        names = [name.decode() for name in file.attrs["layer_names"]]
        assert names == [layer.name for layer in network.layers]
        assert file["rpn_model"].attrs["weight_names"].tolist() == [
            b"rpn_conv_shared/kernel:0",
            b"rpn_conv_shared/bias:0",
            b"rpn_class_raw/kernel:0",
            b"rpn_class_raw/bias:0",
            b"rpn_bbox_pred/kernel:0",
            b"rpn_bbox_pred/bias:0",
        ]
        assert file["bn_conv1"].attrs["weight_names"].tolist() == [
            b"bn_conv1/gamma:0",
            b"bn_conv1/beta:0",
            b"bn_conv1/moving_mean:0",
            b"bn_conv1/moving_variance:0",
        ]
        assert "/mrcnn_class_bn1/mrcnn_class_bn1/gamma:0" in file


def test_a_frozen_layer_is_written_like_any_other(network, tmp_path):
    network.save_weights(tmp_path / "thawed.h5")
    network.get_layer("rpn_model").get_layer("rpn_conv_shared").trainable = False
    network.get_layer("bn_conv1").trainable = False

    network.save_weights(tmp_path / "frozen.h5")

    thawed, frozen = (tmp_path / "thawed.h5", tmp_path / "frozen.h5")
    assert thawed.read_bytes() == frozen.read_bytes()


def test_a_reader_that_goes_by_position_within_layers_reads_the_file(network, tmp_path):
    network.save_weights(tmp_path / "a.h5")
    other = build_network()

    with h5py.File(tmp_path / "a.h5") as file:
        legacy_h5_format.load_weights_from_hdf5_group_by_name(file, other)

    assert are_equal(snapshot(other), snapshot(network))


def test_what_the_model_knows_of_itself_goes_into_the_file(network, tmp_path):
    network.file_attributes["geometry"] = "aligned"
    network.file_attributes["class_names"] = ["BG", "a", "b"]
    network.save_weights(tmp_path / "a.h5")

    report = build_network().load_weights(tmp_path / "a.h5")

    assert report.geometry == "aligned"
    assert report.class_names == ["BG", "a", "b"]


def test_attributes_belong_to_one_model(network):
    network.file_attributes["geometry"] = "aligned"

    assert build_network().file_attributes == {}


def test_load_weights_takes_by_name_and_exclude(network, tmp_path):
    network.save_weights(tmp_path / "a.h5")
    other = build_network(channels=4, classes=5)

    report = other.load_weights(tmp_path / "a.h5", True, exclude=["conv1"])

    assert len(report.mismatched) == 6
    assert report.excluded == ("conv1/kernel", "conv1/bias")


def test_a_file_is_kept_unless_it_may_be_overwritten(network, tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("old")

    with pytest.raises(FileExistsError, match="overwrite=True"):
        network.save_weights(path, overwrite=False)

    assert path.read_text() == "old"


def test_other_endings_are_refused(network, tmp_path):
    with pytest.raises(ValueError, match=r"names in \.h5"):
        network.save_weights(tmp_path / "a.npz")


def test_a_missing_folder_is_a_clear_error(network, tmp_path):
    with pytest.raises(FileNotFoundError, match="No folder"):
        network.save_weights(tmp_path / "nowhere" / "a.h5")


@pytest.mark.parametrize(
    ("name", "weights_only"),
    [("mask_{epoch:04d}.weights.h5", True), ("mask_{epoch:04d}.h5", False)],
)
def test_the_checkpoint_of_keras_writes_this_layout(tmp_path, name, weights_only):
    x = keras.Input((2,))
    network = LegacySavingModel(x, keras.layers.Dense(1, name="fc")(x))
    compile_for(network)
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / name, save_weights_only=weights_only, monitor="loss"
    )

    network.fit(
        np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[checkpoint]
    )

    written = sorted(item.name for item in tmp_path.iterdir())
    assert written == [name.format(epoch=epoch) for epoch in (1, 2)]
    with h5py.File(tmp_path / written[1]) as file:
        stored = file["fc/fc/kernel:0"][()]
    assert np.array_equal(stored, network.get_layer("fc").kernel)


def test_whole_models_go_to_keras_files(network, tmp_path):
    network.save(tmp_path / "a.keras")

    other = keras.saving.load_model(tmp_path / "a.keras")

    assert isinstance(other, LegacySavingModel)
    assert are_equal(snapshot(other), snapshot(network))


def test_a_clone_is_of_the_same_class_and_saves_alike(network, tmp_path):
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())

    clone.save_weights(tmp_path / "clone.h5")
    network.save_weights(tmp_path / "network.h5")

    first, second = (tmp_path / "clone.h5", tmp_path / "network.h5")
    assert isinstance(clone, LegacySavingModel)
    assert first.read_bytes() == second.read_bytes()


def test_plain_models_are_written_too(tmp_path):
    x = keras.Input((2,))
    model = keras.Model(x, keras.layers.Dense(1, name="fc")(x))

    write_weights(tmp_path / "a.h5", model, {})

    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["fc/fc/kernel:0"], model.get_layer("fc").kernel)
