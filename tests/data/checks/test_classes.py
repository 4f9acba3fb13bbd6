from mrcnn.config import Config
from mrcnn.data.annotations import AnnotationDataset
from mrcnn.data.checks.classes import check_classes, check_left_out, check_sources
from mrcnn.data.dataset import Dataset


def dataset_of(*classes):
    dataset = Dataset()
    for class_id, name in classes:
        dataset.add_class("shop", class_id, name)
    dataset.add_image("shop", 1, None)
    dataset.prepare()
    return dataset


def kinds(findings):
    return [finding.kind for finding in findings]


def config_of(num_classes):
    config = Config()
    config.NUM_CLASSES = num_classes
    return config


def test_numbered_classes_that_fit_the_config_are_sound():
    dataset = dataset_of((1, "apple"), (2, "pear"))
    assert kinds(check_classes(dataset, config_of(3))) == []
    assert kinds(check_sources(dataset)) == []


def test_forgetting_the_background_is_found():
    (finding,) = check_classes(dataset_of((1, "apple"), (2, "pear")), config_of(2))
    assert finding.kind == "wrong number of classes"
    assert finding.message == "NUM_CLASSES is 2, the dataset has 3 with background."


def test_names_are_compared_as_the_dataset_shortens_them():
    dataset = dataset_of((1, "pear, green"), (2, "pear, red"), (3, "Background"))
    expected = ["class named twice", "background as a class"]
    assert kinds(check_classes(dataset, config_of(4))) == expected


def test_gaps_are_those_below_the_highest_id():
    dataset = dataset_of((1, "apple"), (3, "pear"), ("x", "plum"))
    (finding,) = check_classes(dataset, config_of(4))
    assert finding.message == "'shop' has class ids up to 3, but not [2]."
    dataset = dataset_of((1, "apple"), (90, "pear"))
    (finding,) = check_classes(dataset, config_of(3))
    assert finding.message.endswith("[2, 3, 4, 5, 6, 7, 8, 9, 10]....")


def test_what_a_reader_left_out_by_design_is_only_noted():
    dataset = AnnotationDataset()
    dataset.left_out.update({"regions of shape point": 2, "images without a file": 1})
    found = {f.message: f.kind for f in check_left_out(dataset)}
    assert found == {
        "2 regions of shape point.": "not read by design",
        "1 images without a file.": "left out by the reader",
    }
    assert kinds(check_left_out(dataset_of((1, "apple")))) == []
