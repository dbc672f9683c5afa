"""Files of weights without a graph: one tensor as a layer, and which tensors can be filters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

import cnnfx
from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.filter_order import ORDERS
from cnnfx.formats.reading import FilterTensor, LayerNeededError
from cnnfx.system.limits import MAX_CHANNELS, MAX_FILTERS
from tests.formats.pytorch_files import write_arrays as write_pytorch
from tests.formats.safetensors_files import write_arrays as write_safetensors

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "features.0.weight": RANDOM.normal(size=(4, 3, 5, 5)).astype(np.float32),
    "features.0.bias": RANDOM.normal(size=4).astype(np.float32),
    "features.1.weight": RANDOM.normal(size=4).astype(np.float32),
    "features.1.running_var": np.ones(4, np.float32),
    "features.3.weight": RANDOM.normal(size=(6, 4, 3, 3)).astype(np.float32),
    "features.10.weight": RANDOM.normal(size=(2, 6, 1, 1)).astype(np.float32),
    "classifier.weight": RANDOM.normal(size=(5, 6)).astype(np.float32),
    "counter": np.array(3),
}
"""The weights of a network that nobody knows: three layers of filters, a batch normalization and a dense layer."""


@pytest.fixture(params=["weights.npz", "weights.pt", "weights.safetensors"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    if path.suffix == ".npz":
        np.savez(path, **WEIGHTS)
        return path
    if path.suffix == ".pt":
        return write_pytorch(path, WEIGHTS, is_stream=False)
    pytest.importorskip("safetensors")
    return write_safetensors(path, WEIGHTS)


def refusal(path: Path, layer: str | int | None = None, **options: str) -> str:
    """Return the message of the error that a layer cannot be read."""
    with pytest.raises(FileError) as caught:
        cnnfx.load_network(path, layer=layer, **options)
    return str(caught.value)


def savez(path: Path, **arrays: object) -> Path:
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    return path


# One tensor as a layer


@pytest.mark.parametrize("layer", ["features.0.weight", "features.0", "s.0"])
def test_a_layer_is_named_by_the_whole_name_of_a_tensor_or_a_part_that_no_other_has(weights: Path, layer: str) -> None:
    network = cnnfx.load_network(weights, layer=layer)
    (found,) = network.layers
    assert network.name == "weights"
    assert found.name == "features.0.weight"
    assert network.layer_number(layer) == 1
    np.testing.assert_array_equal(found.conv.weights, WEIGHTS["features.0.weight"], strict=True)
    np.testing.assert_array_equal(found.conv.bias, WEIGHTS["features.0.bias"], strict=True)


def test_a_layer_computes_the_cross_correlation_with_its_filters_plus_the_bias(weights: Path) -> None:
    network = cnnfx.load_network(weights, layer="features.0")
    image = np.random.default_rng(1).random((3, 12, 9), np.float32)
    (maps,) = network.feature_maps(image)
    for number, (filters, bias) in enumerate(
        zip(WEIGHTS["features.0.weight"], WEIGHTS["features.0.bias"], strict=True)
    ):
        np.testing.assert_allclose(maps[number], correlate(image, filters, "valid")[0] + bias, rtol=1e-4, atol=1e-5)


def test_filters_without_a_bias_beside_them_have_none(weights: Path) -> None:
    np.testing.assert_array_equal(cnnfx.load_network(weights, layer="features.3").layers[0].conv.bias, np.zeros(6))


@pytest.mark.parametrize(
    ("weight", "bias"),
    [
        ("conv.weight", "conv.bias"),
        ("weight", "bias"),
        ("conv0_weight", "conv0_bias"),
        ("conv1/kernel:0", "conv1/bias:0"),
        ("conv1_W", "conv1_b"),
        ("conv1/weights", "conv1/biases"),
        ("params/conv/kernel", "params/conv/bias"),
        ("conv/~/w", "conv/~/b"),
        ("separable/pointwise_kernel", "separable/bias"),
    ],
)
def test_the_bias_has_the_name_that_its_program_gives_it(tmp_path: Path, weight: str, bias: str) -> None:
    path = savez(tmp_path / "a.npz", **{weight: np.ones((2, 3, 4, 4)), bias: [5, 6]})
    np.testing.assert_array_equal(cnnfx.load_network(path, order="pytorch").layers[0].conv.bias, [5, 6])


@pytest.mark.parametrize("bias", [[5, 6, 7], [[5, 6]], ["a", "b"], 5])
def test_what_is_not_one_number_for_each_filter_is_no_bias(tmp_path: Path, bias: object) -> None:
    path = savez(tmp_path / "a.npz", **{"conv.weight": np.ones((2, 3, 4, 4)), "conv.bias": bias})
    np.testing.assert_array_equal(cnnfx.load_network(path).layers[0].conv.bias, [0, 0])


def test_the_bias_of_a_separable_layer_follows_its_second_step(tmp_path: Path) -> None:
    arrays = {
        "s/depthwise_kernel": np.ones((3, 3, 2, 1)),
        "s/pointwise_kernel": np.ones((1, 1, 2, 2)),
        "s/bias": [5, 6],
    }
    path = savez(tmp_path / "a.npz", **arrays)
    np.testing.assert_array_equal(cnnfx.load_network(path, layer="depthwise").layers[0].conv.bias, [0, 0])
    np.testing.assert_array_equal(cnnfx.load_network(path, layer="pointwise").layers[0].conv.bias, [5, 6])


def test_the_only_tensor_that_can_be_filters_need_not_be_named(tmp_path: Path) -> None:
    path = savez(tmp_path / "a.npz", w=np.ones((2, 3, 4, 4)), matrix=np.ones((3, 3)))
    for layer in (None, 1, "1", "w"):
        assert cnnfx.load_network(path, layer=layer).layers[0].name == "w"


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_the_axes_can_be_given(tmp_path: Path, order: str) -> None:
    stored = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    layer = cnnfx.load_network(savez(tmp_path / "a.npz", w=stored), order=order).layers[0]
    np.testing.assert_array_equal(layer.conv.weights, ORDERS[order].to_filters(stored))


def test_the_order_of_the_axes_is_recognized_by_all_filters_of_a_file(tmp_path: Path) -> None:
    first = RANDOM.normal(size=(16, 3, 3, 3))  # of PyTorch, or with channels last
    path = savez(tmp_path / "a.npz", first=first, second=np.ones((32, 3, 3, 16)))
    found = cnnfx.load_network(path, layer="first").layers[0].conv.weights
    np.testing.assert_array_equal(found, first.transpose(0, 3, 1, 2).astype(np.float32))


def test_weights_of_layers_determine_the_order_rather_than_other_tensors(tmp_path: Path) -> None:
    arrays = {
        "conv.weight": np.ones((8, 3, 4, 4)),
        "table_a": np.ones((1, 15, 15, 2)),
        "table_b": np.ones((1, 7, 7, 2)),
    }
    path = savez(tmp_path / "a.npz", **arrays)
    assert cnnfx.load_network(path, layer="conv").layers[0].conv.weights.shape == (8, 3, 4, 4)


# The tensors that can be filters


def test_without_a_layer_the_error_has_the_tensors_that_can_be_filters(weights: Path) -> None:
    with pytest.raises(LayerNeededError) as caught:
        cnnfx.load_network(weights)
    assert str(caught.value) == (
        f"{weights}: the layers of its network are not known, but 3 tensors can be filters: features.0.weight, "
        "features.3.weight, features.10.weight."
    )
    assert caught.value.tensors == [
        FilterTensor(name, name, WEIGHTS[name].shape, "float32", "pytorch", WEIGHTS[name].shape)
        for name in ("features.0.weight", "features.3.weight", "features.10.weight")
    ]
    assert caught.value.tensors[0].describe() == "4 filters of 3×5×5"


def test_the_number_of_a_tensor_that_is_called_by_it_is_not_its_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"7": np.ones((4, 3, 5, 5)), "8": np.ones((4, 3, 5, 5))})
    message = "its tensors have names, no numbers. These can be filters: tensor 7, tensor 8."
    with pytest.raises(FileError, match=f"{message}$"):
        cnnfx.load_network(tmp_path / "a.npz", layer="7")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("features", "'features' is part of the names of 3 tensors: features.0.weight, features.3.weight, "
         "features.10.weight. Write more of the name."),
        ("features.2", "there is no tensor 'features.2' of filters. Did you mean \"features.3.weight\"?"),
        ("classifier.weight", "classifier.weight cannot be filters: it is float32 of shape (5, 6); numbers with 4 axes "
         "are needed. These can be filters: features.0.weight, features.3.weight, features.10.weight."),
        ("10", "its tensors have names, no numbers. These can be filters: features.0.weight, features.3.weight, "
         "features.10.weight."),
        (1, "the layers of its network are not known, but 3 tensors can be filters: features.0.weight, "
         "features.3.weight, features.10.weight."),
    ],
)  # fmt: skip
def test_a_layer_that_is_no_tensor_of_filters_is_refused(weights: Path, layer: str | int, message: str) -> None:
    assert refusal(weights, layer) == f"{weights}: {message}"


def test_names_that_a_layer_cannot_have_are_changed(tmp_path: Path) -> None:
    names = ["0", "input", "all", "\x1b[2J", "\\x1b[2J", "n" * 2000]
    path = savez(tmp_path / "a.npz", **{name: np.full((1, 1, 3, 3), number) for number, name in enumerate(names)})
    titles = ["tensor 0", "tensor input", "tensor all", "\\x1b[2J", "\\x1b[2J (2)", "n" * 999 + "…"]
    with pytest.raises(LayerNeededError) as caught:
        cnnfx.load_network(path)
    assert [tensor.title for tensor in caught.value.tensors] == titles
    for number, title in enumerate(titles):
        layer = cnnfx.load_network(path, layer=title).layers[0]
        assert layer.name == title
        assert layer.conv.weights[0, 0, 0, 0] == number


def test_matrices_are_kernels_only_where_nothing_has_four_axes(tmp_path: Path) -> None:
    path = savez(tmp_path / "a.npz", x=np.ones((3, 3)), several=np.ones((4, 3, 3)), vector=np.ones(3))
    with pytest.raises(LayerNeededError) as caught:
        cnnfx.load_network(path)
    assert [tensor.describe() for tensor in caught.value.tensors] == ["1 filter of 1×3×3", "4 filters of 1×3×3"]
    for order in (None, *ORDERS):
        assert cnnfx.load_network(path, layer="several", order=order).layers[0].conv.weights.shape == (4, 1, 3, 3)


def test_matrices_of_pytorch_are_dense_layers_not_kernels(tmp_path: Path) -> None:
    path = write_pytorch(tmp_path / "a.pt", {"fc.weight": np.ones((3, 3), np.float32)}, is_stream=False)
    assert refusal(path) == (
        f"{path}: none of its tensors can be filters: filters are numbers with 4 axes, and fc.weight is float32 of "
        "shape (3, 3)."
    )


def test_a_file_without_tensors_has_no_filters(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    path = write_safetensors(tmp_path / "a.safetensors", {})
    assert refusal(path).endswith(
        "none of its tensors can be filters: filters are numbers with 4 axes, and there are no tensors."
    )


# Bad values


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("name", ["conv.weight", "conv.bias"])
def test_values_that_are_not_finite_are_refused_by_the_name_of_the_tensor(
    tmp_path: Path, name: str, value: float
) -> None:
    arrays = {"conv.weight": np.ones((2, 3, 3, 3)), "conv.bias": np.ones(2)}
    arrays[name][-1] = value
    path = savez(tmp_path / "a.npz", **arrays)
    assert refusal(path) == f'{path}: the tensor "{name}" has values that are NaN, infinite or too large for float32.'


def test_other_tensors_may_have_values_that_are_not_finite(tmp_path: Path) -> None:
    path = savez(tmp_path / "a.npz", good=np.ones((2, 3, 3, 3)), bad=np.full((2, 3, 3, 3), np.nan))
    assert cnnfx.load_network(path, layer="good").layers[0].conv.weights.all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((MAX_FILTERS + 1, 1, 1, 1), "it has 10,001 filters in w; the limit is 10,000."),
        ((1, MAX_CHANNELS + 1, 1, 1), "it has 65,537 channels in w; the limit is 65,536."),
    ],
)
def test_more_filters_or_channels_than_the_limit_are_refused(
    tmp_path: Path, shape: tuple[int, ...], message: str
) -> None:
    path = savez(tmp_path / "a.npz", w=np.ones(shape, np.float32))
    assert refusal(path) == f"{path}: {message}"


def test_a_name_that_two_arrays_have_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = savez(tmp_path / "a.npz", w=np.ones((1, 1, 3, 3)))
    with zipfile.ZipFile(path) as archive:
        content = archive.read("w.npy")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("w.npy", content)
    assert refusal(path) == f"{path}: two of its members are called w.npy."


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.pth").mkdir()
    assert refusal(tmp_path / "folder.pth") == f"{tmp_path / 'folder.pth'}: it is a folder."
    missing = tmp_path / "missing.safetensors"
    assert refusal(missing) == f"{missing}: there is no such file. Check the path, or name a preset."


def test_a_binary_file_of_another_kind_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"TFL3\0\0\0\0")
    assert (
        refusal(path) == f"{path}: this is neither text nor a network of a known format, such as ONNX or safetensors."
    )


# The layers of an arch file

ARCH = """
[[layer]]
name = "first"
weights = "features.0.weight"
bias = "features.0.bias"
activation = "relu"
pool = "max:2"

[[layer]]
name = "second"
weights = "features.3.weight"
padding = 1
"""


def test_an_arch_file_has_the_layers_that_the_weights_are_for(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "arch.toml").write_text(ARCH)
    network = cnnfx.load_network(weights, arch=tmp_path / "arch.toml")
    assert [layer.name for layer in network.layers] == ["first", "second"]
    np.testing.assert_array_equal(network.layers[1].conv.weights, WEIGHTS["features.3.weight"])
    assert len(cnnfx.load_network(weights, arch=tmp_path / "arch.toml", layer="first").layers) == 1


def test_an_arch_file_fits_weights_of_any_order(tmp_path: Path) -> None:
    (tmp_path / "arch.toml").write_text(ARCH)
    stored = {name: array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for name, array in WEIGHTS.items()}
    path = savez(tmp_path / "keras.npz", **stored)
    for order in (None, "keras"):
        network = cnnfx.load_network(path, arch=tmp_path / "arch.toml", order=order)
        np.testing.assert_array_equal(network.layers[1].conv.weights, WEIGHTS["features.3.weight"])


def test_the_whole_name_of_a_tensor_is_this_tensor_alone_whatever_the_architecture(
    weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "arch.toml").write_text(ARCH)
    network = cnnfx.load_network(weights, arch=tmp_path / "arch.toml", layer="features.0.weight")
    assert network.layers[0].activation.kind == "none"
    with pytest.raises(ArgumentError, match=r"There is no layer 'features\.0'"):
        cnnfx.load_network(weights, arch=tmp_path / "arch.toml", layer="features.0")
