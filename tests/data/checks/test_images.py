import re

import numpy as np
import pytest

from mrcnn.data.checks.images import first_sentence, load_checked_image, real_path
from mrcnn.data.dataset import Dataset
from tests.data.checks.broken_copies import SmallConfig


class OneImage(Dataset):
    def __init__(self, image):
        super().__init__()
        self.image = image
        self.add_image("hand", 1, None)
        self.prepare()

    def load_image(self, image_id):
        if isinstance(self.image, Exception):
            raise self.image
        return self.image


def checked(image):
    image, findings = load_checked_image(OneImage(image), 0, SmallConfig())
    return image, [(finding.kind, finding.message) for finding in findings]


def test_a_grey_image_is_what_training_makes_of_it(rng):
    grey = rng.integers(0, 256, (8, 9)).astype("uint8")
    image, found = checked(grey)
    assert image.shape == (8, 9, 3)
    assert found == []


@pytest.mark.parametrize(
    ("image", "kind", "text"),
    [
        (np.zeros((8, 9, 2), "uint8"), "wrong number of channels", "has 2.*config 3"),
        (np.full((8, 9, 3), "a"), "wrong image shape", "<U1"),
        (KeyError("nope"), "unreadable image", "KeyError: 'nope'"),
        (OSError("cut off\nhere"), "unreadable image", "^cut off$"),
        (FileNotFoundError("a.png"), "missing image file", "a.png"),
    ],
)
def test_an_image_that_training_cannot_use_is_none(image, kind, text):
    image, [(found, message)] = checked(image)
    assert image is None
    assert found == kind
    assert re.search(text, message)


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([0, 255], []),
        ([0, 1], ["wrong image values"]),
        ([7, 7], ["blank image"]),
        ([0, 300], ["wrong image values"]),
        ([-1, 200], ["wrong image values"]),
        ([0, np.inf], ["wrong image values"]),
    ],
)
def test_values_are_expected_from_0_to_255(values, kinds):
    image = np.resize(np.array(values, "float32"), (4, 6, 3))
    assert [kind for kind, _ in checked(image)[1]] == kinds


def test_an_error_without_words_is_told_by_its_type():
    assert first_sentence(ValueError("a\nb")) == "a"
    assert first_sentence(ValueError()) == "ValueError"
    assert first_sentence(IndexError("5")) == "IndexError: 5"


def test_two_spellings_of_a_path_are_one_file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    assert real_path(tmp_path / "b.png") == real_path(str(tmp_path / "a.png"))
    assert real_path(tmp_path / "c.png") is None
    assert real_path(None) is None
