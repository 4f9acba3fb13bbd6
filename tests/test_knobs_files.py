"""How a config turns into plain values and files, and back; see `mrcnn/knobs.py`."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.knobs import Knobs


def build_stages(image, stage5=True, train_bn=False):
    return [image] * 5


def assert_same(config: Knobs, twin: Knobs) -> None:
    names = [name for name in dir(config) if not name.startswith("_")]
    assert names == [name for name in dir(twin) if not name.startswith("_")]
    for name in names:
        value, other = getattr(config, name), getattr(twin, name)
        if callable(value):
            continue
        assert type(value) is type(other), name
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype, name
        np.testing.assert_equal(other, value, err_msg=name)


def test_the_defaults_come_back_from_json_with_their_types(tmp_path):
    config = Config()
    config.save(tmp_path / "config.json")
    assert_same(config, Config.load(tmp_path / "config.json"))


def test_values_of_a_subclass_come_back_from_json_with_their_types(tmp_path):
    class Rich(Config):
        NAME = "rich"
        MEAN_PIXEL = np.array([1.5, 2.0, 3.25], "float32")
        COUNTS = np.array([1, 2], "int16")
        NESTED = ((1, 2), (3, 4))
        TABLE = [[1, 2], [3]]
        DETECTION_MIN_CONFIDENCE = {1: 0.5, "cat": 0.7}
        STEPS_PER_EPOCH = 7

    config = Rich()
    config.LEARNING_RATE = 0.1 + 0.2
    config.NUM_CLASSES = 4
    config.BATCH_SIZE = 1
    config.note = {"owner": [1, None, True]}
    config.save(tmp_path / "config.json")

    twin = Rich.load(tmp_path / "config.json")

    assert_same(config, twin)
    assert twin.BATCH_SIZE == 1
    assert [*twin.DETECTION_MIN_CONFIDENCE] == [1, "cat"]


def test_numpy_scalars_turn_into_pythons_without_loss():
    config = Config()
    config.LEARNING_RATE = np.float32(0.1)
    config.NUM_CLASSES = np.int64(3)
    config.USE_MINI_MASK = np.bool_(False)

    data = json.loads(json.dumps(config.to_dict()))

    assert data["LEARNING_RATE"] == float(np.float32(0.1))
    assert data["NUM_CLASSES"] == 3
    assert data["USE_MINI_MASK"] is False


def test_an_array_of_another_precision_is_not_rounded_to_the_class_default():
    class Rough(Config):
        MEAN_PIXEL = np.array([1.0, 2.0, 3.0], "float32")
        COUNTS = np.array([1, 2])

    config = Rough()
    config.MEAN_PIXEL = np.array([0.1, 0.2, 0.3])
    config.COUNTS = np.array([0.5, 2.0])

    twin = Rough.from_dict(config.to_dict())

    np.testing.assert_array_equal(twin.MEAN_PIXEL, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(twin.COUNTS, [0.5, 2.0])


def test_computed_values_are_written_only_where_they_were_set_otherwise():
    config = Config()
    config.IMAGE_SHAPE = [1024, 1024, 3]
    assert {"BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"}.isdisjoint(config.to_dict())

    config.IMAGE_SHAPE = [512, 512, 3]
    assert config.to_dict()["IMAGE_SHAPE"] == [512, 512, 3]
    np.testing.assert_array_equal(
        Config.from_dict(config.to_dict()).IMAGE_SHAPE, [512, 512, 3]
    )


plain_keys = st.one_of(st.text(max_size=9), st.integers(), st.booleans())
plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9).filter(lambda text: not text.startswith("callable:")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(plain_keys, inner, max_size=4)
    ),
    max_leaves=8,
)


@given(plain_values)
def test_whatever_json_can_hold_comes_back(value):
    config = Config()
    config.extra = value
    twin = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert repr(twin.extra) == repr(value)


def test_a_dict_with_the_name_of_stored_pairs_comes_back():
    config = Config()
    config.extra = {"__pairs__": [[1, 2]]}
    twin = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert twin.extra == {"__pairs__": [[1, 2]]}


def test_an_extra_attribute_that_json_cannot_hold_is_left_out_and_logged(caplog):
    config = Config()
    config.dataset = object()
    assert "dataset" not in config.to_dict()
    assert "Config.dataset is not saved" in caplog.text


def test_a_knob_that_json_cannot_hold_is_an_error():
    config = Config()
    config.LEARNING_RATE = object()
    with pytest.raises(TypeError, match=r"Config\.LEARNING_RATE: JSON cannot hold"):
        config.to_dict()


def test_a_path_is_saved_as_its_text(tmp_path):
    config = Config()
    config.folder = tmp_path
    assert config.to_dict()["folder"] == str(tmp_path)


def test_a_saved_callable_is_the_classs_own_after_loading():
    class Custom(Config):
        BACKBONE = build_stages

    data = Custom().to_dict()

    assert data["BACKBONE"] == f"callable:{__name__}.build_stages"
    assert Custom.from_dict(data).BACKBONE is build_stages
    with pytest.raises(ValueError, match="Subclass Config with BACKBONE = "):
        Config.from_dict(data)


def test_a_partial_dict_leaves_the_defaults():
    config = Config.from_dict({"NUM_CLASSES": 3, "MEAN_PIXEL": [1.0, 2.0, 3.0]})
    assert config.IMAGE_META_SIZE == 15
    assert config.MEAN_PIXEL.dtype == np.float64
    assert config.IMAGE_MAX_DIM == 1024


def test_a_dict_is_read_into_a_class_whose_init_asks_for_arguments():
    class WithArguments(Config):
        def __init__(self, num_classes):
            super().__init__()
            self.NUM_CLASSES = num_classes

    twin = WithArguments.from_dict(WithArguments(5).to_dict())

    assert twin.NUM_CLASSES == 5
    assert twin.BATCH_SIZE == 2


def test_init_runs_when_a_dict_is_read_and_the_dict_wins():
    class Started(Config):
        def __init__(self):
            super().__init__()
            self.helper = object()
            self.BATCH_SIZE = 9

    config = Started()
    config.BATCH_SIZE = 2

    twin = Started.from_dict(config.to_dict())

    assert isinstance(twin.helper, object)
    assert twin.BATCH_SIZE == 2


def test_a_misspelt_name_in_a_dict_warns():
    class Read(Config):
        pass

    with pytest.warns(UserWarning, match="NUM_CLASSES"):
        Read.from_dict({"NUM_CLASS": 3})


@pytest.mark.parametrize("name", ["__class__", "_hidden", "validate", "a b", 7])
def test_a_name_that_is_no_attribute_of_a_config_is_refused(name):
    with pytest.raises(ValueError, match="Remove it"):
        Config.from_dict({name: 1})


@pytest.mark.parametrize("pairs", [5, [5], [[[], 1]]])
def test_damaged_pairs_are_refused(pairs):
    with pytest.raises(ValueError, match="__pairs__ needs"):
        Config.from_dict({"LOSS_WEIGHTS": {"__pairs__": pairs}})


def test_only_a_dict_is_read():
    with pytest.raises(TypeError, match="read from a dict"):
        Config.from_dict([1])


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "config.json"
    Config().save(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"config\.json is not a config.*JSON"):
        Config.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[1, 2]", b"7", b"{}", b'{"images": []}']
)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.json is not a config"):
        Config.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        Config.load(tmp_path / "nowhere.json")


def test_saving_makes_the_folder_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "deep" / "config.json"
    Config().save(str(path))
    Config().save(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["config.json"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    Config().save(path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    config = Config()
    config.NUM_CLASSES = 9
    with pytest.raises(OSError, match="No space"):
        config.save(path)

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"]
