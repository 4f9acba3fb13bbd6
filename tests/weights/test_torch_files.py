"""PyTorch's files in both forms: real ones, made up ones and broken ones."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mrcnn.weights.safe_h5 import WeightsFileError
from mrcnn.weights.safe_pickle import UnsafePickleError
from mrcnn.weights.torch_files import open_torch
from tests.weights.evil_pickles import NAMES, evil_pickles
from tests.weights.torch_writer import (
    View,
    structure,
    write_archive,
    write_legacy,
    write_torch,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"
REAL = ["torch_zip.pth", "torch_legacy.pth"]

ONE = {"w": View("0", 6, (2, 3), (3, 1))}
NUMBERS = {"0": np.arange(6, dtype="<f4").tobytes()}


def read(path):
    with open_torch(path) as state:
        return {name: item.stored(name).read() for name, item in state.items()}


@pytest.mark.parametrize("name", REAL)
def test_what_pytorch_wrote_is_read_to_the_last_bit(name):
    with (
        open_torch(FIXTURES / name) as checkpoint,
        np.load(FIXTURES / "torch_expected.npz") as expected,
    ):
        state = checkpoint["model"]
        assert list(state) == expected.files
        for key, tensor in state.items():
            stored = tensor.stored(key)
            values = stored.read()
            assert values.dtype == stored.dtype
            np.testing.assert_array_equal(values, expected[key])


@pytest.mark.parametrize("name", REAL)
def test_dtypes_are_told_without_reading(name):
    with open_torch(FIXTURES / name) as checkpoint:
        dtypes = {k: t.stored(k).dtype for k, t in checkpoint["model"].items()}
    assert dtypes["backbone.body.bn1.weight"] == np.float64
    assert dtypes["rpn.head.conv.0.0.weight"] == np.float16
    assert dtypes["backbone.fpn.inner_blocks.0.0.weight"] == np.float32  # bfloat16
    assert dtypes["backbone.body.bn1.num_batches_tracked"] == np.int64


@pytest.mark.parametrize("name", REAL)
def test_what_lies_beside_the_weights_is_plain_data(name):
    with open_torch(FIXTURES / name) as checkpoint:
        assert checkpoint["epoch"] == 3
        assert checkpoint["optimizer"]["param_groups"][0]["lr"] == 0.1


def test_files_written_here_are_read(tmp_path, rng):
    state = {
        "a": rng.uniform(size=(2, 3)).astype("float32"),
        "b": rng.uniform(size=5).astype("float16"),
        "c": np.array(7),
    }
    found = read(write_torch(tmp_path / "a.pth", state))
    for name, values in state.items():
        np.testing.assert_array_equal(found[name], values)

    found = read(write_legacy(tmp_path / "b.pth", structure(ONE), NUMBERS))
    np.testing.assert_array_equal(found["w"], [[0, 1, 2], [3, 4, 5]])


def test_numbers_of_a_big_endian_machine_are_read(tmp_path):
    numbers = {"0": np.arange(6, dtype=">f4").tobytes()}
    path = write_archive(tmp_path / "a.pth", structure(ONE), numbers, order="big")
    np.testing.assert_array_equal(read(path)["w"], [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("write", [write_archive, write_legacy])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_harmful_is_run(tmp_path, name, write):
    target = tmp_path / "target"
    content, _ = evil_pickles(target)[name]
    path = write(tmp_path / "evil.pth", content, NUMBERS)
    # A reference to the outside is legal here, but not to a number.
    with pytest.raises(WeightsFileError):
        read(path)
    assert not target.exists()


@pytest.mark.parametrize("position", [0, 1, 2, 4])
def test_nothing_harmful_is_run_in_the_other_pickles_of_an_old_file(tmp_path, position):
    target = tmp_path / "target"
    content, refused = evil_pickles(target)["os.system"]
    pickles = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {}, {}, [])]
    pickles[position] = content
    (tmp_path / "evil.pth").write_bytes(b"".join(pickles))
    with pytest.raises(UnsafePickleError, match=refused):
        read(tmp_path / "evil.pth")
    assert not target.exists()


@pytest.mark.parametrize("write", [write_archive, write_legacy])
@pytest.mark.parametrize(
    "view",
    [
        View("0", 6, (2, 3), (3, 1), offset=1),
        View("0", 7, (7,), (1,)),
        View("0", 2**40, (2**40,), (1,)),
        View("0", 6, (2**20, 2**20), (0, 0)),
        View("0", 6, (6,), (-1,)),
        View("1", 6, (6,), (1,)),
        View("../data.pkl", 6, (6,), (1,)),
        View("0", 6, (6,), (1,), kind="DoubleStorage"),
        View("0", 6, (6,), (1,), what="module"),
        View("0", 6, (2**500, 2**500), (1, 1)),
        View("0", 2**500, (6,), (1,)),
    ],
)
def test_tensors_outside_their_storage_are_refused(tmp_path, write, view):
    path = write(tmp_path / "a.pth", structure({"w": view}), NUMBERS)
    with pytest.raises(WeightsFileError):
        read(path)


def test_packed_numbers_are_refused_unread(tmp_path):
    zeros = {"0": bytes(4 * 10**6)}
    content = structure({"w": View("0", 10**6, (10**6,), (1,))})
    path = tmp_path / "bomb.pth"
    write_archive(path, content, zeros, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsFileError, match="packed"):
        read(path)


def test_an_entry_that_claims_to_be_longer_than_the_archive_is_refused(tmp_path):
    claim = 2**30
    content = structure({"w": View("0", claim // 4, (claim // 4,), (1,))})
    path = write_archive(tmp_path / "a.pth", content, NUMBERS)
    archive = path.read_bytes()
    start = archive.rindex(b"PK\x01\x02")  # the last entry of the list, "data/0"
    sizes = claim.to_bytes(4, "little") * 2
    path.write_bytes(archive[: start + 20] + sizes + archive[start + 28 :])
    with pytest.raises(WeightsFileError, match="another length"):
        read(path)


def test_an_archive_that_lacks_a_storage_is_refused(tmp_path):
    path = write_archive(tmp_path / "a.pth", structure(ONE), {})
    with pytest.raises(WeightsFileError, match="archive/data/0"):
        read(path)


def test_numbers_that_changed_on_the_way_are_noticed(tmp_path):
    path = write_archive(tmp_path / "a.pth", structure(ONE), NUMBERS)
    content = path.read_bytes()
    path.write_bytes(content.replace(np.float32(4).tobytes(), np.float32(5).tobytes()))
    with pytest.raises(WeightsFileError, match="damaged"):
        read(path)


def test_another_archive_is_none_of_pytorch(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsFileError, match="none of PyTorch"):
        read(tmp_path / "a.pth")


@pytest.mark.parametrize("name", REAL)
def test_a_file_that_is_cut_off_is_refused(tmp_path, name):
    content = (FIXTURES / name).read_bytes()
    for length in range(0, len(content), 211):
        path = tmp_path / "a.pth"
        path.write_bytes(content[:length])
        with pytest.raises(WeightsFileError):
            read(path)


@pytest.mark.parametrize("name", REAL)
def test_damage_anywhere_ends_in_one_kind_of_error(tmp_path, rng, name):
    content = (FIXTURES / name).read_bytes()
    path = tmp_path / "a.pth"
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            with open_torch(path) as checkpoint:
                model = checkpoint["model"] if isinstance(checkpoint, dict) else {}
                {key: tensor.stored("w").read() for key, tensor in model.items()}
        except WeightsFileError:
            refused += 1
        except (KeyError, AttributeError):  # of this test, on a value made of others
            pass
    assert refused > 50
