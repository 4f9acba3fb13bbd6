"""What all tests share: a seeded generator, both array worlds, reference files."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FIXTURES = Path(__file__).parent / "fixtures"
DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def photos(rng) -> list[np.ndarray]:
    """Images of three shapes."""
    shapes = [(60, 80, 3), (64, 64, 3), (100, 40, 3)]
    return [rng.integers(0, 256, shape).astype("uint8") for shape in shapes]


@pytest.fixture(scope="module")
def tiny():
    """A network of a `TinyConfig`, one for all tests of a file."""
    import keras

    from mrcnn.mask_rcnn import MaskRCNN
    from tests.small_configs import TinyConfig

    keras.utils.set_random_seed(5)
    return MaskRCNN(config=TinyConfig())


@pytest.fixture(params=["numpy", "tensor"])
def as_array(request):
    """Makes arrays of one world; use `np.asarray` on results to compare them."""
    if request.param == "numpy":
        return np.asarray
    from keras import ops

    return ops.convert_to_tensor


@pytest.fixture(scope="session")
def golden_matterport() -> dict[str, np.ndarray]:
    """What matterport's own code computes; see tests/fixtures/README.md."""
    return dict(np.load(FIXTURES / "golden_matterport_resnet50.npz"))


@pytest.fixture(scope="session")
def golden_torchvision() -> dict[str, np.ndarray]:
    """What torchvision computes; see tests/fixtures/README.md."""
    return dict(np.load(FIXTURES / "golden_torchvision_v1.npz"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real images with annotations, where they lie beside the checkout."""
    if not DATA.is_dir():
        pytest.skip(f"no image sets in {DATA}")
    return DATA


@pytest.fixture
def plt():
    """Pyplot that draws into memory; figures are closed after the test."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture(autouse=True)
def _fixed_seeds():
    random.seed(0)
    np.random.seed(0)
