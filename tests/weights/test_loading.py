import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from mrcnn.weights.inflation import inflate
from mrcnn.weights.loading import load_into
from mrcnn.weights.named_variables import named_variables
from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.saving import write_weights
from tests.weights.tiny_network import (
    CLASS_HEADS,
    are_equal,
    build_network,
    randomize,
    snapshot,
    write_groups,
)
from tests.weights.torch_writer import write_torch

MATTERPORT_HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A network of three classes with weights of its own, and the file it wrote."""
    network = randomize(build_network(), np.random.default_rng(1))
    path = tmp_path_factory.mktemp("weights") / "source.h5"
    write_weights(path, network, {"geometry": "matterport", "class_names": ["BG", "a"]})
    return network, path


@pytest.fixture(scope="module")
def network():
    return build_network()


@pytest.fixture
def copy(source, tmp_path) -> Path:
    """A file to spoil."""
    path = tmp_path / "copy.h5"
    path.write_bytes(source[1].read_bytes())
    return path


def assert_refused(network, path, error=WeightsFileError, match="", **options) -> None:
    """Loading raises and no weight has changed."""
    before = snapshot(network)
    with pytest.raises(error, match=match):
        load_into(network, path, **options)
    assert are_equal(snapshot(network), before)


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("freeze", [True, False])
def test_every_weight_comes_back_bit_for_bit(source, freeze, by_name, rng):
    original, path = source
    network = randomize(build_network(freeze_rpn=freeze), rng)
    network.get_layer("bn_conv1").trainable = not freeze

    report = load_into(network, path, by_name=by_name)

    expected = named_variables(original)
    for name, item in named_variables(network).items():
        assert np.array_equal(item.variable, expected[name].variable), name
    assert report.is_complete
    assert list(report.loaded) == list(expected)


def test_what_the_file_says_of_itself_is_reported(source, network):
    report = load_into(network, source[1])

    assert report.geometry == "matterport"
    assert report.class_names == ["BG", "a"]
    assert report.config is None


def test_the_order_of_layers_and_weights_makes_no_difference(source, copy, rng):
    original, _ = source
    with h5py.File(copy, "a") as file:
        file.attrs["layer_names"] = file.attrs["layer_names"][::-1]
        for group in file.values():
            group.attrs["weight_names"] = group.attrs["weight_names"][::-1]
    network = randomize(build_network(), rng)

    load_into(network, copy)

    assert are_equal(snapshot(network), snapshot(original))


@pytest.mark.parametrize("root", ["/", "model_weights"])
def test_a_file_that_keras_itself_wrote_is_read(source, tmp_path, root, rng):
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file.require_group(root), source[0])
    network = randomize(build_network(), rng)

    report = load_into(network, tmp_path / "keras.h5", by_name=False)

    assert report.is_complete
    assert are_equal(snapshot(network), snapshot(source[0]))


def test_another_number_of_classes_skips_the_heads_and_says_so(source, caplog):
    network = build_network(classes=5)
    before = named_variables(network)["mrcnn_mask/bias"].variable.numpy()

    with caplog.at_level(logging.WARNING, "mrcnn"):
        report = load_into(network, source[1])

    assert {mismatch.name.split("/")[0] for mismatch in report.mismatched} == set(
        CLASS_HEADS
    )
    assert "The file has 3 classes, the network 5" in caplog.text
    after = named_variables(network)
    assert np.array_equal(after["mrcnn_mask/bias"].variable, before)
    kernel = named_variables(source[0])["conv1/kernel"].variable
    assert np.array_equal(after["conv1/kernel"].variable, kernel)


def test_the_four_names_that_scripts_exclude_load_without_a_warning(source, caplog):
    network = build_network(classes=5)

    with caplog.at_level(logging.WARNING, "mrcnn"):
        report = load_into(network, source[1], exclude=MATTERPORT_HEADS)

    assert report.is_complete
    assert len(report.excluded) == 6
    assert caplog.text == ""


def test_excluding_the_nested_model_excludes_its_layers(source, network):
    report = load_into(network, source[1], exclude="rpn_model")

    assert len(report.excluded) == 6
    assert not any(name.startswith("rpn_") for name in report.loaded)


def test_an_unknown_name_to_exclude_is_warned_of(source, network, caplog):
    with caplog.at_level(logging.WARNING, "mrcnn"):
        load_into(network, source[1], exclude=["mrcnn_masks"])

    assert "'mrcnn_masks'; the nearest name is 'mrcnn_mask'" in caplog.text


@pytest.mark.parametrize("channels", [1, 4])
def test_a_first_layer_for_rgb_is_fitted_to_other_channels(source, channels):
    network = build_network(channels=channels)
    report = load_into(network, source[1])

    assert report.inflated == ("conv1/kernel",)
    assert "conv1/kernel" in report.loaded
    assert report.is_complete
    assert "1 inflated to the channels of images: conv1/kernel" in str(report)
    kernel = np.asarray(source[0].get_layer("conv1").kernel)
    expected = inflate(kernel, channels)
    np.testing.assert_array_equal(network.get_layer("conv1").kernel, expected)


def test_an_excluded_first_layer_stays_as_it_is(source):
    network = build_network(channels=4)
    report = load_into(network, source[1], exclude=["conv1"])

    assert report.excluded == ("conv1/kernel", "conv1/bias")
    assert report.is_complete


def test_first_layers_for_other_images_than_rgb_are_refused(source, tmp_path):
    path = tmp_path / "four.h5"
    write_weights(path, build_network(channels=4), {})
    assert_refused(build_network(), path, ValueError, r'exclude=\["conv1"\]')


def test_skip_mismatch_loads_the_rest(tmp_path):
    path = tmp_path / "four.h5"
    write_weights(path, build_network(channels=4), {})
    report = load_into(build_network(), path, skip_mismatch=True)

    assert [mismatch.name for mismatch in report.mismatched] == ["conv1/kernel"]
    assert "conv1/bias" in report.loaded


def test_a_file_of_the_backbone_alone_is_enough_by_name(network, tmp_path, rng):
    shapes = {"conv1": {"W": (3, 3, 3, 4), "b": (4,)}, "bn_conv1": {}}
    for weight in ("gamma", "beta", "running_mean", "running_std"):
        shapes["bn_conv1"][weight] = (4,)
    groups = {
        layer: {f"{layer}_{n}:0": rng.random(s, "f4") for n, s in weights.items()}
        for layer, weights in shapes.items()
    }
    path = write_groups(tmp_path / "backbone.h5", groups)

    report = load_into(network, path)

    assert len(report.loaded) == 6
    variance = named_variables(network)["bn_conv1/moving_variance"].variable
    expected = groups["bn_conv1"]["bn_conv1_running_std:0"]
    assert np.array_equal(variance, expected)
    assert_refused(network, path, ValueError, "by_name=True", by_name=False)


def test_a_file_of_another_network_is_refused_with_names_of_both(network, tmp_path):
    groups = {"dense_7": {"dense_7/kernel:0": np.ones((2, 2))}}
    path = write_groups(tmp_path / "other.h5", groups)

    assert_refused(network, path, ValueError, r"conv1/kernel.*offers dense_7/kernel")


def test_a_lone_shared_name_is_not_enough(network, tmp_path):
    path = write_groups(tmp_path / "o.h5", {"conv1": {"conv1/bias:0": np.ones(4)}})

    assert_refused(network, path, ValueError, "does not fit")


def test_stored_anchors_are_no_weights(source, network, copy):
    with h5py.File(copy, "a") as file:
        names = [*file.attrs["layer_names"], b"anchors"]
        file.attrs["layer_names"] = np.array(names)
        file["anchors/anchors/Variable:0"] = np.ones((1, 4, 4), "f4")
        file["anchors"].attrs["weight_names"] = np.array([b"anchors/Variable:0"])

    assert load_into(network, copy, by_name=False).is_complete


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_name(network, copy, value):
    with h5py.File(copy, "a") as file:
        file["mrcnn_mask/mrcnn_mask/bias:0"][1] = value

    assert_refused(network, copy, match=r"NaN or infinite values in 'mrcnn_mask/bias'")


@pytest.mark.parametrize("values", [np.full(4, 1e300), np.ones(4, "i4")])
def test_values_that_float32_cannot_hold_are_refused(network, copy, values):
    with h5py.File(copy, "a") as file:
        del file["conv1/conv1/bias:0"]
        file["conv1/conv1/bias:0"] = values

    assert_refused(network, copy, match="conv1/bias")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_file_cut_off_changes_nothing(network, copy, share):
    whole = copy.read_bytes()
    copy.write_bytes(whole[: int(share * len(whole))])

    assert_refused(network, copy, match="empty|cut off|damaged")


def test_a_missing_group_changes_nothing(network, copy):
    with h5py.File(copy, "a") as file:
        del file["mrcnn_mask"]

    assert_refused(network, copy, match="'mrcnn_mask'")


def test_a_link_changes_nothing(network, copy):
    with h5py.File(copy, "a") as file:
        file["unused"] = h5py.ExternalLink("/etc/passwd", "/")

    assert_refused(network, copy, match="link 'unused'")


def test_a_huge_shape_changes_nothing(network, copy):
    with h5py.File(copy, "a") as file:
        del file["conv1/conv1/kernel:0"]
        file.create_dataset("conv1/conv1/kernel:0", (2**20, 2**20), "f4")

    assert_refused(network, copy, match="but stores 0 bytes")


def test_noise_changes_nothing(network, tmp_path, rng):
    path = tmp_path / "noise.h5"
    path.write_bytes(b"\xfe" + rng.bytes(5000))

    assert_refused(network, path, match="no kind of weights file")


def test_a_missing_file_is_told(network, tmp_path):
    assert_refused(network, tmp_path / "a.h5", FileNotFoundError, "no weights file")


def torchvision_state(rng):
    """The weights of the tiny network's backbone and RPN as torchvision has them."""
    shapes = {
        "backbone.body.conv1.weight": (4, 3, 3, 3),
        "backbone.body.conv1.bias": (4,),
        **{f"backbone.body.bn1.{leaf}": (4,) for leaf in ("weight", "bias")},
        **{f"backbone.body.bn1.running_{leaf}": (4,) for leaf in ("mean", "var")},
        "rpn.head.conv.0.0.weight": (4, 4, 3, 3),
        "rpn.head.conv.0.0.bias": (4,),
        "rpn.head.cls_logits.weight": (4, 4, 1, 1),
        "rpn.head.cls_logits.bias": (4,),
        "rpn.head.bbox_pred.weight": (8, 4, 1, 1),
        "rpn.head.bbox_pred.bias": (8,),
        "roi_heads.box_predictor.cls_score.weight": (7, 4),
        "roi_heads.keypoint_head.weight": (1,),
    }
    return {n: rng.uniform(size=shape).astype("f4") for n, shape in shapes.items()}


def test_a_file_of_another_system_is_loaded_with_the_same_report(tmp_path, rng):
    network = randomize(build_network(), rng)
    state = torchvision_state(rng)
    report = load_into(network, write_torch(tmp_path / "weights.pth", state))

    variables = named_variables(network)
    kernel = state["backbone.body.conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(variables["conv1/kernel"].variable, kernel)
    y1 = state["rpn.head.bbox_pred.bias"][1]
    assert float(variables["rpn_bbox_pred/bias"].variable[0]) == y1
    assert len(report.loaded) == 12
    assert "fpn_p2/kernel" in report.missing
    assert report.unexpected == ("roi_heads.keypoint_head.weight",)
    assert [m.name for m in report.mismatched] == ["mrcnn_class_logits/kernel"]
    assert any("mrcnn.presets.Torchvision" in hint for hint in report.hints)


def test_a_file_of_another_system_that_does_not_fit_names_its_preset(tmp_path, rng):
    network = randomize(build_network(), rng)
    before = snapshot(network)
    state = torchvision_state(rng)
    state["backbone.body.conv1.weight"] = np.zeros((4, 3, 7, 7), "float32")
    path = write_torch(tmp_path / "weights.pth", state)
    with pytest.raises(ValueError, match=r"(?s)conv1/kernel.*presets\.Torchvision"):
        load_into(network, path)
    assert are_equal(snapshot(network), before)


BGR = {"config": {"IMAGE_CHANNEL_ORDER": "BGR"}}


@pytest.mark.parametrize("file_says", [{}, BGR], ids=["RGB file", "BGR file"])
@pytest.mark.parametrize("network_says", [{}, BGR], ids=["RGB network", "BGR network"])
def test_the_first_layer_is_turned_round_where_the_order_of_channels_differs(
    source, tmp_path, rng, file_says, network_says
):
    write_weights(tmp_path / "file.h5", source[0], file_says)
    network = randomize(build_network(), rng)
    network.file_attributes.update(network_says)

    load_into(network, tmp_path / "file.h5")

    expected = named_variables(source[0])
    for name, item in named_variables(network).items():
        values = np.asarray(expected[name].variable)
        if name == "conv1/kernel" and file_says != network_says:
            values = values[:, :, ::-1]
        np.testing.assert_array_equal(item.variable, values)
