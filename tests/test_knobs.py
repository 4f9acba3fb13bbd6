import copy
import pickle
import warnings

import numpy as np
import pytest

from mrcnn.config import Config


def build_stages(image, stage5=True, train_bn=False):
    return [image] * 5


class PickledConfig(Config):
    NAME = "pickled"


@pytest.fixture
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# --- Values that are computed -------------------------------------------------------


def test_computed_values_follow_from_the_knobs_of_the_class():
    class Small(Config):
        GPU_COUNT = 3
        IMAGES_PER_GPU = 4
        IMAGE_MIN_DIM = 128
        IMAGE_MAX_DIM = 256
        IMAGE_CHANNEL_COUNT = 1
        NUM_CLASSES = 5

    config = Small()

    assert config.BATCH_SIZE == 3 * 4
    np.testing.assert_array_equal(config.IMAGE_SHAPE, [256, 256, 1])
    assert isinstance(config.IMAGE_SHAPE, np.ndarray)
    assert config.IMAGE_META_SIZE == 1 + 3 + 3 + 4 + 1 + 5


@pytest.mark.parametrize(
    ("mode", "side"), [("square", 256), ("pad64", 256), ("none", 256), ("crop", 128)]
)
def test_only_crop_mode_takes_the_image_shape_from_the_smaller_side(mode, side):
    class Resized(Config):
        IMAGE_RESIZE_MODE = mode
        IMAGE_MIN_DIM = 128
        IMAGE_MAX_DIM = 256

    np.testing.assert_array_equal(Resized().IMAGE_SHAPE, [side, side, 3])


@pytest.mark.parametrize(
    ("knob", "value", "computed", "expected"),
    [
        ("IMAGES_PER_GPU", 7, "BATCH_SIZE", 7),
        ("GPU_COUNT", 7, "BATCH_SIZE", 14),
        ("NUM_CLASSES", 7, "IMAGE_META_SIZE", 19),
        ("IMAGE_MAX_DIM", 64, "IMAGE_SHAPE", [64, 64, 3]),
        ("IMAGE_CHANNEL_COUNT", 4, "IMAGE_SHAPE", [1024, 1024, 4]),
        ("IMAGE_RESIZE_MODE", "crop", "IMAGE_SHAPE", [800, 800, 3]),
    ],
)
def test_setting_a_knob_computes_what_depends_on_it(knob, value, computed, expected):
    config = Config()
    setattr(config, knob, value)
    np.testing.assert_array_equal(getattr(config, computed), expected)


def test_a_computed_value_set_by_hand_stays_until_its_input_is_set():
    config = Config()
    config.BATCH_SIZE = 1
    config.IMAGE_SHAPE = [512, 512, 3]

    config.NUM_CLASSES = 4
    assert config.BATCH_SIZE == 1
    assert config.IMAGE_SHAPE == [512, 512, 3]

    config.IMAGES_PER_GPU = 3
    assert config.BATCH_SIZE == 3
    assert config.IMAGE_SHAPE == [512, 512, 3]


def test_calling_init_again_computes_anew_and_keeps_the_knobs():
    config = Config()
    config.IMAGES_PER_GPU = 5
    config.BATCH_SIZE = 1
    config.MY_NOTE = "kept"

    config.__init__()

    assert config.BATCH_SIZE == 5
    assert config.MY_NOTE == "kept"


def test_instances_do_not_share_what_is_set_on_them():
    first, second = Config(), Config()
    first.IMAGE_MAX_DIM = 512
    assert second.IMAGE_MAX_DIM == 1024
    assert second.IMAGE_SHAPE[0] == 1024


def test_knobs_that_are_not_numbers_leave_the_complaint_to_validate():
    config = Config()
    config.NUM_CLASSES = "three"
    assert config.IMAGE_META_SIZE is None
    with pytest.raises(ValueError, match="NUM_CLASSES = 'three'"):
        config.validate()


# --- Ways in which users build configs ----------------------------------------------


def test_a_subclass_of_an_instances_class_inherits_from_it():
    class Training(Config):
        NUM_CLASSES = 3

    config = Training()

    class Inference(config.__class__):
        IMAGES_PER_GPU = 1

    assert Inference().BATCH_SIZE == 1
    assert Inference().NUM_CLASSES == 3


def test_a_subclass_may_take_arguments():
    class WithArguments(Config):
        def __init__(self, num_classes, *, side=128):
            self.NUM_CLASSES = num_classes
            super().__init__()
            self.IMAGE_MAX_DIM = side

    config = WithArguments(6, side=192)

    assert config.IMAGE_META_SIZE == 18
    assert config.IMAGE_SHAPE[0] == 192


def test_a_subclass_that_forgets_super_init_has_computed_values():
    class Forgetful(Config):
        NUM_CLASSES = 2

        def __init__(self):
            self.IMAGES_PER_GPU = 1

    config = Forgetful()

    assert config.BATCH_SIZE == 1
    assert config.IMAGE_META_SIZE == 14


def test_a_mixin_overrides_knobs():
    class Grey:
        IMAGE_CHANNEL_COUNT = 1
        BACKBONE = build_stages

    class GreyConfig(Grey, Config):
        pass

    assert GreyConfig().IMAGE_SHAPE[2] == 1
    assert GreyConfig().BACKBONE is build_stages


def test_a_property_may_stand_for_a_knob_and_for_a_computed_value():
    class Listed(Config):
        class_names = ["cat", "dog"]

        @property
        def NUM_CLASSES(self):
            return 1 + len(self.class_names)

        @property
        def BATCH_SIZE(self):
            return 9

    config = Listed.from_dict(Listed().to_dict())

    assert config.IMAGE_META_SIZE == 15
    assert config.BATCH_SIZE == 9
    config.validate()


def test_configs_survive_pickle_and_copy():
    config = PickledConfig()
    config.BATCH_SIZE = 1
    for twin in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert type(twin) is PickledConfig
        assert twin.BATCH_SIZE == 1


# --- Functions as knobs --------------------------------------------------------------


@pytest.mark.parametrize("function", [build_stages, lambda image: image, np.mean, dict])
def test_a_callable_on_the_class_reads_back_as_it_was_assigned(function):
    class Custom(Config):
        BACKBONE = function

    assert Custom.BACKBONE is function
    assert Custom().BACKBONE is function


def test_a_function_set_on_a_finished_class_or_on_an_instance_reads_back():
    class Custom(Config):
        pass

    Custom.BACKBONE = build_stages
    config = Custom()
    config.COMPUTE_BACKBONE_SHAPE = build_stages

    assert config.BACKBONE is build_stages
    assert config.COMPUTE_BACKBONE_SHAPE is build_stages


def test_a_function_that_asks_for_self_is_a_method():
    class Custom(Config):
        def COMPUTE_BACKBONE_SHAPE(self, image_shape):
            return [image_shape[0] // stride for stride in self.BACKBONE_STRIDES]

    assert Custom().COMPUTE_BACKBONE_SHAPE((64, 64)) == [16, 8, 4, 2, 1]


# --- Misspelt names ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("misspelt", "knob"),
    [
        ("IMAGE_PER_GPU", "IMAGES_PER_GPU"),
        ("NUM_CLASS", "NUM_CLASSES"),
        ("LEARNIG_RATE", "LEARNING_RATE"),
        ("STEP_PER_EPOCH", "STEPS_PER_EPOCH"),
        ("BATCHSIZE", "BATCH_SIZE"),
        ("MAX_DETECTION_INSTANCES", "DETECTION_MAX_INSTANCES"),
    ],
)
def test_a_misspelt_knob_warns_with_the_nearest_name(misspelt, knob):
    owner = type("Misspelt", (Config,), {misspelt: 1})
    with pytest.warns(UserWarning, match=rf"Misspelt\.{misspelt} .*{knob}\?"):
        owner()

    class Plain(Config):
        pass

    config = Plain()
    with pytest.warns(UserWarning, match=rf"Plain\.{misspelt} .*{knob}\?"):
        setattr(config, misspelt, 1)


def test_the_warning_points_at_the_users_line():
    class Misspelt(Config):
        NUM_CLASS = 2

    with pytest.warns(UserWarning, match="NUM_CLASS") as caught:
        Misspelt()
    assert caught[0].filename == __file__


def test_a_misspelt_knob_warns_once_for_each_class():
    class Misspelt(Config):
        NUM_CLASS = 2

    class Inference(Misspelt):
        pass

    with pytest.warns(UserWarning, match=r"Misspelt\.NUM_CLASS"):
        config = Misspelt()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.NUM_CLASS = 3
        Misspelt()
        Inference()


@pytest.mark.usefixtures("no_warning")
def test_other_attributes_are_welcome_without_a_word():
    class Extended(Config):
        MY_SOLVER = "adam"
        VALIDATION_SPLIT = 0.2
        EPOCHS = 10
        DATA_DIR = "here"
        num_class = 2
        _NUM_CLASS = 2

    config = Extended()
    config.RUN_ID = 7
    config.learning_rates = [1]
    config.display()

    assert config.MY_SOLVER == "adam"
    assert config.RUN_ID == 7


def test_a_computed_value_on_the_class_warns_as_it_has_no_effect():
    class Overruled(Config):
        BATCH_SIZE = 9

    with pytest.warns(UserWarning, match="BATCH_SIZE has no effect.*IMAGES_PER_GPU"):
        config = Overruled()
    assert config.BATCH_SIZE == 2


# --- Printing ------------------------------------------------------------------------


def test_display_prints_every_attribute_by_name(capsys):
    class Shown(Config):
        NAME = "shown"
        lower_case = 1

    Shown().display()

    text = capsys.readouterr().out
    assert text.startswith("\nConfigurations:\n")
    assert "\nBACKBONE                       resnet101\n" in text
    assert text.endswith("lower_case                     1\n\n\n")
    rows = text.strip().splitlines()[1:]
    names = [row.split()[0] for row in rows]
    assert names == sorted(names)
    assert {"BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE", "GEOMETRY"} <= {*names}
    assert "IMAGE_SHAPE                    [1024 1024    3]" in rows


def test_display_leaves_out_functions_private_names_and_broken_properties(capsys):
    class Shown(Config):
        BACKBONE = build_stages
        _secret = 1

        @property
        def broken(self):
            raise RuntimeError

        @property
        def side(self):
            return self.IMAGE_MAX_DIM

    Shown().display()

    names = [row.split()[0] for row in capsys.readouterr().out.splitlines() if row]
    assert "side" in names
    assert {"BACKBONE", "_secret", "broken", "validate", "save"}.isdisjoint(names)
