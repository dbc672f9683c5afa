"""Weights of Keras: names, orders of axes and values in the layouts of Keras 1, 2 and 3."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.keras.weights import KerasWeights
from cnnfx.formats.tensor_file import TensorError
from tests.formats.keras_files import write_keras, write_listed, write_numbered

pytest.importorskip("h5py")


def numbers(*shape: int) -> np.ndarray:
    """Return an array of the values 0, 1, 2 …"""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return write_listed(
        tmp_path / "a.h5",
        {
            "input": [],
            "conv": [("conv/kernel:0", numbers(3, 5, 2, 7)), ("conv/bias:0", numbers(7))],
            "inner": [("bn/gamma:0", numbers(7))],
            "old": [("old_W", numbers(3, 3, 7, 9))],
        },
        backend="tensorflow",
    )


def test_weights_that_are_listed_have_the_names_of_layers_and_arrays(listed: Path) -> None:
    with KerasWeights(listed) as file:
        assert list(file.names) == ["conv/kernel", "conv/bias", "inner/bn/gamma", "old_W"]
        assert file.layers["conv"] == ["conv/kernel", "conv/bias"]
        assert file.layers["input"] == []


def test_shape_type_and_values_are_those_that_were_written(listed: Path) -> None:
    with KerasWeights(listed) as file:
        assert file.info("conv/kernel") == ((3, 5, 2, 7), "float32", 840)
        np.testing.assert_array_equal(file.read("conv/kernel"), numbers(3, 5, 2, 7))


def test_numbers_that_tensorflow_adds_to_names_of_keras_1_are_left_out(tmp_path: Path) -> None:
    arrays = [("conv1_2_W_3:0", numbers(3, 3, 1, 4)), ("conv1_2_b_3:0", numbers(4))]
    with KerasWeights(write_listed(tmp_path / "a.h5", {"conv1_2": arrays})) as file:
        assert list(file.names) == ["conv1_2_W", "conv1_2_b"]


def test_kernels_are_in_the_order_of_keras(listed: Path) -> None:
    with KerasWeights(listed) as file:
        assert file.order == "keras"


def test_kernels_with_rows_and_columns_last_are_in_the_order_of_theano(tmp_path: Path) -> None:
    path = write_listed(tmp_path / "a.h5", {"conv": [("conv_W", numbers(16, 8, 3, 5))]})
    with KerasWeights(path) as file:
        assert file.order == "theano"


def test_kernels_that_theano_rotates_are_rotated_back(tmp_path: Path) -> None:
    kernel = numbers(3, 5, 6, 7)
    path = write_listed(tmp_path / "a.h5", {"conv": [("conv/kernel:0", kernel)]}, backend="theano")
    with KerasWeights(path) as file:
        np.testing.assert_array_equal(file.read("conv/kernel"), kernel[::-1, ::-1])


def test_a_whole_model_has_its_configuration_and_no_state_of_the_training(tmp_path: Path) -> None:
    import h5py

    path = write_listed(tmp_path / "a.h5", {"conv": [("conv/kernel:0", numbers(1, 1, 1, 2))]}, config={"a": 1})
    with h5py.File(path, "a") as file:
        file["optimizer_weights/conv/m"] = numbers(3)
    with KerasWeights(path) as weights:
        assert weights.metadata == {"model_config": '{"a": 1}'}
        assert list(weights.names) == ["conv/kernel"]


def test_long_lists_of_layers_are_divided_into_several_attributes(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names0"], file.attrs["layer_names1"] = ["a", "b"], ["c"]
        for name in "abc":
            file.create_group(name).attrs["weight_names"] = [f"{name}/kernel:0"]
            file[f"{name}/{name}/kernel:0"] = numbers(2)
    with KerasWeights(path) as weights:
        assert list(weights.names) == ["a/kernel", "b/kernel", "c/kernel"]


NUMBERED = {
    "layers/conv2d": ("first", [numbers(3, 3, 1, 4), numbers(4)]),
    "layers/conv2d_10": ("third", [numbers(3, 3, 4, 4)]),
    "layers/conv2d_9": ("second", [numbers(3, 3, 4, 4)]),
    "layers/batch_normalization": ("bn", [numbers(4)] * 4),
    "layers/batch_normalization_1": ("plain", [numbers(4)] * 2),
    "layers/batch_normalization_2": ("half", [numbers(4)] * 3),
    "layers/separable_conv2d": ("sep", [numbers(3, 3, 4, 1), numbers(1, 1, 4, 2), numbers(2)]),
    "layers/my_layer": ("own", [numbers(3)]),
    "layers/functional": ("inner", []),
    "layers/functional/layers/depthwise_conv2d": ("deep", [numbers(3, 3, 4, 2)]),
    "optimizer": ("adam", [numbers(2)]),
}


def test_numbered_weights_have_the_names_of_their_layers(tmp_path: Path) -> None:
    with KerasWeights(write_numbered(tmp_path / "a.weights.h5", NUMBERED)) as file:
        assert list(file.names) == [
            "bn/gamma",
            "bn/beta",
            "bn/moving_mean",
            "bn/moving_variance",
            "plain/moving_mean",
            "plain/moving_variance",
            "half/0",
            "half/moving_mean",
            "half/moving_variance",
            "first/kernel",
            "first/bias",
            "second/kernel",
            "third/kernel",
            "inner/deep/depthwise_kernel",
            "own/0",
            "sep/depthwise_kernel",
            "sep/pointwise_kernel",
            "sep/bias",
        ]
        assert file.layers["functional/depthwise_conv2d"] == ["inner/deep/depthwise_kernel"]
        assert file.numbered
        assert file.order == "keras"


def test_numbered_weights_without_names_have_those_of_their_groups(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["_layer_checkpoint_dependencies/conv2d_1/vars/0"] = numbers(3, 3, 1, 4)
    with KerasWeights(tmp_path / "a.weights.h5") as weights:
        assert list(weights.names) == ["conv2d_1/kernel"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_keras_file_has_configuration_and_weights(tmp_path: Path, compression: int) -> None:
    with KerasWeights(write_keras(tmp_path / "a.keras", NUMBERED, {"a": [1]}, compression)) as file:
        assert file.metadata["model_config"] == '{"a": [1]}'
        np.testing.assert_array_equal(file.read("first/kernel"), numbers(3, 3, 1, 4))


def test_other_files_have_the_paths_of_their_arrays_as_names(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/b"], file["c"] = numbers(2), numbers(3)
    with KerasWeights(tmp_path / "a.h5") as weights:
        assert list(weights.names) == ["a/b", "c"]
        assert weights.order is None


def test_where_short_names_are_not_unique_all_are_whole_paths(tmp_path: Path) -> None:
    path = write_listed(tmp_path / "a.h5", {"a": [("a/b", numbers(2)), ("b", numbers(3)), ("c", numbers(4))]})
    with KerasWeights(path) as file:
        assert [(name, file.info(name).shape) for name in file.names] == [("a/a/b", (2,)), ("a/b", (3,)), ("a/c", (4,))]


def test_a_keras_file_without_weights_is_an_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(TensorError, match=r"^it has no model.weights.h5; a .keras file has its weights in one file of"):
        KerasWeights(tmp_path / "a.keras")


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(FileError) as caught:
        load_network(listed)
    needed = "this needs the library h5py, which is not installed. Install it with pip install 'cnnfx[keras]'."
    assert str(caught.value) == f"{listed}: {needed}"


def test_a_layer_that_is_listed_twice_is_an_error(listed: Path) -> None:
    import h5py

    with h5py.File(listed, "r+") as file:
        names = list(file.attrs["layer_names"])
        file.attrs["layer_names"] = [*names, names[0]]
    with pytest.raises(TensorError, match=r"^two of its layers have the same name$"):
        KerasWeights(listed)


def test_layers_that_list_very_many_arrays_together_are_an_error(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        names = [f"c{number}" for number in range(11)]
        file.attrs["layer_names"] = [name.encode() for name in names]
        group = file.create_group(names[0])
        group.attrs["weight_names"] = np.full(5_000, b"k")
        for name in names[1:]:
            file[name] = group  # by a link, which takes few bytes
    with pytest.raises(TensorError, match=r"^it has 55,000 arrays in its layers; the limit is 50,000$"):
        KerasWeights(tmp_path / "a.h5")
