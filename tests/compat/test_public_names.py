"""Every public name of matterport's package: where it is, and what it takes."""

import ast
import importlib
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

MODULES = json.loads(
    (Path(__file__).parent.parent / "fixtures" / "api.json").read_text("utf-8")
)["modules"]

# The first went with Python 3.12; the second is there where it is installed.
NOT_VISIBLE = {"LooseVersion", "IPython"}

# Methods whose first parameters are matterport's, and more of which are optional.
EXTENDED = {
    "MaskRCNN.run_graph",
    "MaskRCNN.__init__",
    "MaskRCNN.train",
    "MaskRCNN.detect",
    "MaskRCNN.detect_molded",
}


def functions():
    for module, names in MODULES.items():
        for name, function in names["functions"].items():
            yield pytest.param(module, name, function["params"], id=f"{module}.{name}")


def methods():
    for module, names in MODULES.items():
        for class_name, its in names["classes"].items():
            for name, method in its["methods"].items():
                path = f"{class_name}.{name}"
                yield pytest.param(module, path, method["params"], id=path)


def class_attributes():
    for module, names in MODULES.items():
        for class_name, its in names["classes"].items():
            for name, value in its["class_attributes"].items():
                path = f"{class_name}.{name}"
                yield pytest.param(module, path, value, id=path)


def other_names():
    for module, names in MODULES.items():
        visible = names["names_visible_in_module_namespace_by_import"]
        bare = {line.split()[0] for line in visible} - NOT_VISIBLE
        for name in sorted({*names["constants"], *names["classes"], *bare}):
            yield pytest.param(module, name, id=f"{module}.{name}")


def found(module, path):
    thing = importlib.import_module(module)
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


def signature_of(thing):
    """Names, stars included, and defaults, in order."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [
        (stars.get(parameter.kind, "") + parameter.name, parameter.default)
        for parameter in inspect.signature(thing).parameters.values()
    ]


def expected_signature(params):
    empty = inspect.Parameter.empty
    return [
        (
            param["name"],
            ast.literal_eval(param["default"]) if "default" in param else empty,
        )
        for param in params
    ]


@pytest.mark.parametrize(("module", "name", "params"), list(functions()))
def test_functions_take_what_they_took(module, name, params):
    assert signature_of(found(module, name)) == expected_signature(params)


@pytest.mark.parametrize(("module", "path", "params"), list(methods()))
def test_methods_take_what_they_took(module, path, params):
    signature, expected = signature_of(found(module, path)), expected_signature(params)
    if path not in EXTENDED:
        assert signature == expected
        return
    own, more = signature[: len(expected)], signature[len(expected) :]
    assert [name for name, _ in own] == [name for name, _ in expected]
    for (_, default), (_, old_default) in zip(own, expected, strict=True):
        assert old_default in (inspect.Parameter.empty, default)
    for name, default in more:
        assert name.startswith("**") or default is not inspect.Parameter.empty


@pytest.mark.parametrize(("module", "path", "value"), list(class_attributes()))
def test_knobs_have_the_defaults_they_had(module, path, value):
    expected = eval(value, {"np": np})
    np.testing.assert_equal(np.asarray(found(module, path)), np.asarray(expected))


@pytest.mark.parametrize(("module", "name"), list(other_names()))
def test_classes_constants_and_imported_names_are_there(module, name):
    assert found(module, name) is not None


def test_the_address_of_the_coco_weights_is_matterports():
    text = MODULES["mrcnn.utils"]["constants"]["COCO_MODEL_URL"]
    assert found("mrcnn.utils", "COCO_MODEL_URL") == ast.literal_eval(text)
