import math
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.weights.safe_h5 import WeightsFileError, open_h5


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "weights.h5"


def read_all(path: Path) -> dict[str, np.ndarray]:
    with open_h5(path) as file:
        return {name: file.tensor(name).read() for name in file.dataset_paths()}


def write(path: Path, **datasets: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[f"conv1/{name}"] = values
    return path


def test_tensors_come_back_with_shape_and_values(path):
    write(path, kernel=np.arange(6.0).reshape(2, 3))

    with open_h5(path) as file:
        tensor = file.tensor("conv1/kernel")
        assert tensor.shape == (2, 3)
        assert tensor.dtype == np.float64
        assert tensor.read().tolist() == [[0, 1, 2], [3, 4, 5]]
        assert file.group_names() == ["conv1"]
        assert file.has_group("conv1")
        assert not file.has_group("conv2")


def test_packed_and_empty_tensors_are_read(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("zeros", data=np.zeros((200, 200)), compression="gzip")
        file.create_dataset("noise", data=np.arange(9.0), compression="lzf")
        file.create_dataset("none", data=np.zeros((0, 4)))
        file.create_dataset("one", data=1.5)

    values = read_all(path)

    assert values["zeros"].shape == (200, 200)
    assert values["noise"].tolist() == list(range(9))
    assert values["none"].shape == (0, 4)
    assert values["one"] == 1.5


def test_attributes_come_back_as_plain_values(path):
    with h5py.File(path, "w") as file:
        file.attrs["fixed"] = np.array([b"conv1", b"bn"])
        file.attrs["variable"] = ["a", "b"]
        file.attrs["word"] = np.bytes_(b"tensorflow")
        file.attrs["none"] = np.array([])

    with open_h5(path) as file:
        assert file.attribute("", "fixed") == ["conv1", "bn"]
        assert file.attribute("", "variable") is None
        assert file.has_attribute("", "variable")
        assert not file.has_attribute("", "absent")
        assert file.attribute("", "word") == "tensorflow"
        assert file.attribute("", "none") == []
        assert file.attribute("", "absent") is None


def test_a_soft_link_is_refused(path):
    write(path, kernel=np.ones(2))
    with h5py.File(path, "a") as file:
        file["conv1/bias"] = h5py.SoftLink("/conv1/kernel")

    with pytest.raises(WeightsFileError, match=r"link 'conv1/bias'"):
        read_all(path)


def test_an_external_link_is_refused_without_opening_its_target(path, tmp_path):
    secret = write(tmp_path / "secret.h5", kernel=np.ones(2))
    with h5py.File(path, "w") as file:
        file["conv1"] = h5py.ExternalLink(secret.name, "/conv1")

    with pytest.raises(WeightsFileError, match="link 'conv1'"):
        read_all(path)


def test_a_dangling_link_is_refused(path):
    with h5py.File(path, "w") as file:
        file["conv1"] = h5py.ExternalLink("/nowhere/at/all.h5", "/conv1")

    with pytest.raises(WeightsFileError, match="link"):
        read_all(path)


def test_a_virtual_dataset_is_refused(path, tmp_path):
    secret = write(tmp_path / "secret.h5", kernel=np.ones(2))
    layout = h5py.VirtualLayout((2,), "float64")
    layout[:] = h5py.VirtualSource(secret, "conv1/kernel", (2,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("conv1/kernel", layout)

    with pytest.raises(WeightsFileError, match="in another file"):
        read_all(path)


def test_data_kept_in_another_file_is_refused(path, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"0" * 16)
    with h5py.File(path, "w") as file:
        file.create_dataset("kernel", (2,), "f8", external=[(str(secret), 0, 16)])

    with pytest.raises(WeightsFileError, match="in another file"):
        read_all(path)


def test_a_group_inside_itself_is_refused(path):
    with h5py.File(path, "w") as file:
        file["conv1"] = file.create_group("a")
        file["a/again"] = file["a"]

    with pytest.raises(WeightsFileError, match="twice"):
        read_all(path)


NO_NUMBERS = {
    "object": h5py.string_dtype(),
    "bytes": np.dtype("S4"),
    "vlen": h5py.vlen_dtype(np.float64),
    "compound": np.dtype([("a", "i4"), ("b", "f4")]),
    "bool": np.dtype(bool),
    "complex": np.dtype(complex),
    "reference": h5py.ref_dtype,
}


@pytest.mark.parametrize("dtype", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_number_is_refused(path, dtype):
    with h5py.File(path, "w") as file:
        file.create_dataset("kernel", (3,), dtype=dtype)

    with pytest.raises(WeightsFileError, match="expected numbers"):
        read_all(path)


@pytest.mark.parametrize("shape", [(2**20, 2**20), (10_000, 1000)])
@pytest.mark.parametrize("chunks", [None, (100, 100)])
def test_a_shape_without_data_is_refused(path, shape, chunks):
    with h5py.File(path, "w") as file:
        file.create_dataset("kernel", shape, "f4", chunks=chunks)

    with pytest.raises(WeightsFileError, match="but stores 0 bytes"):
        read_all(path)


def test_more_than_deflate_can_pack_is_refused(path):
    with h5py.File(path, "w") as file:
        kernel = file.create_dataset(
            "kernel", (2**30,), "f4", chunks=(2**20,), compression="gzip"
        )
        kernel[:10] = 1

    with pytest.raises(WeightsFileError, match="declares 'kernel'"):
        read_all(path)


def test_a_filter_that_needs_a_plug_in_is_refused(path):
    with h5py.File(path, "w") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((4,))
        creation.set_scaleoffset(h5py.h5z.SO_FLOAT_DSCALE, 2)
        space = h5py.h5s.create_simple((4,))
        kernel = h5py.h5d.create(
            file.id, b"kernel", h5py.h5t.IEEE_F32LE, space, creation
        )
        kernel.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones(4, "f4"))

    with pytest.raises(WeightsFileError, match="unknown filter"):
        read_all(path)


def test_a_huge_attribute_is_refused(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["layer_names"] = np.zeros(2**18)

    with (
        open_h5(path) as file,
        pytest.raises(WeightsFileError, match="attribute 'layer_names'"),
    ):
        file.attribute("", "layer_names")


def test_a_file_cut_off_anywhere_is_refused(path):
    write(path, kernel=np.ones((50, 50)), bias=np.ones(50))
    whole = path.read_bytes()

    for share in (0.01, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: math.ceil(share * len(whole))])
        with pytest.raises(WeightsFileError, match=r"cut off|damaged"):
            read_all(path)


def test_damaged_structures_give_one_kind_of_error_or_are_harmless(path, rng):
    write(path, kernel=np.ones((5, 5)), bias=np.ones(5))
    whole = path.read_bytes()
    errors = []

    for _ in range(200):
        damaged = bytearray(whole)
        start = rng.integers(0, len(whole) - 64)
        damaged[start : start + 64] = rng.bytes(64)
        path.write_bytes(damaged)
        try:
            read_all(path)
        except WeightsFileError as error:
            errors.append(str(error))

    assert len(errors) > 20
    assert all(str(path) in error for error in errors)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "HTML page"),
        (b"", "empty"),
        (b"\x80\x02", "pickle"),
    ],
)
def test_another_kind_of_file_is_named(path, content, words):
    path.write_bytes(content)

    with pytest.raises(WeightsFileError, match=words):
        read_all(path)


def test_a_missing_file_and_a_folder_are_told_apart(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights file"):
        read_all(path)
    with pytest.raises(WeightsFileError, match="is a folder"):
        read_all(tmp_path)


def test_a_tensor_that_is_not_there_is_an_error(path):
    write(path, kernel=np.ones(2))

    with open_h5(path) as file, pytest.raises(WeightsFileError, match="does not hold"):
        file.tensor("conv1/bias")
