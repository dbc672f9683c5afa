"""Networks that are written, computed by ONNX Runtime and PyTorch; these tests need these libraries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.formats import load_network, preset_names
from cnnfx.formats.image_channels import image_channels
from cnnfx.formats.save import save_network
from cnnfx.nn.network import Network
from tests.formats.saved_networks import NETWORKS, images_for, results
from tests.render.page.page_helpers import random_case
from tests.render.page.test_page_graphs import complete, random_graph

runtime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

RANDOM_NETWORKS = 5
"""How many random graphs and chains are compared. Five of the first 60 do not fit their images."""


def onnx_runtime_result(path, images: np.ndarray) -> np.ndarray:
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    (result,) = runtime.InferenceSession(str(path), options).run(None, {"image": images})
    return result


def assert_onnx_runtime_agrees(network: Network, images: np.ndarray, path, names=None) -> None:
    save_network(network, path)
    expected = network.scores(images) if network.is_classifier else network.feature_maps(images, names)[-1]
    found = onnx_runtime_result(path, images)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "probabilities"])
def test_onnx_runtime_computes_the_same(name, tmp_path) -> None:
    network = NETWORKS[name]
    names = ("red", "green", "blue") if "name" in name else None
    assert_onnx_runtime_agrees(network, images_for(network), tmp_path / "a.onnx", names)


@pytest.mark.parametrize("preset", preset_names())
def test_onnx_runtime_computes_the_same_of_a_preset(preset, tmp_path) -> None:
    from skimage import data

    network = load_network(preset)
    names = image_channels(network)
    photo = data.astronaut()[:140, 100:250].astype(np.float32).transpose(2, 0, 1)[np.newaxis] / 255
    images = np.ascontiguousarray(photo if len(names) == 3 else photo.mean(axis=1, keepdims=True))
    assert_onnx_runtime_agrees(network, images, tmp_path / "a.onnx", names)


@pytest.mark.parametrize("seed", range(RANDOM_NETWORKS))
def test_onnx_runtime_computes_the_same_of_random_networks(seed, tmp_path) -> None:
    graph, image = random_graph(seed)
    assert_onnx_runtime_agrees(complete(graph), image.floats()[np.newaxis], tmp_path / "a.onnx", image.channel_names)
    chain, image = random_case(seed)
    fixed = replace(chain, meta={"input": list(image.shape)})
    assert_onnx_runtime_agrees(fixed, image.floats()[np.newaxis], tmp_path / "a.onnx")


def test_pytorch_loads_the_tensors_of_a_model_as_they_are(tmp_path) -> None:
    from safetensors.torch import load_file

    network = NETWORKS["model"]
    save_network(network, tmp_path / "a.safetensors")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(3, 4, (2, 3)), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(network.head.weights.shape[1], 2),
    )  # fmt: skip
    places = {"layers.0": "0", "layers.1": "3", "layers.2": "6"}
    tensors = load_file(tmp_path / "a.safetensors")
    state = {f"{places[name[:8]]}{name[8:]}": each for name, each in tensors.items() if name.startswith("layers.")}
    module.load_state_dict(state)
    images = images_for(network)
    with torch.no_grad():
        scores = module(torch.from_numpy((images - 0.25) / 0.5)).numpy()
    np.testing.assert_allclose(scores, results(network, images), 1e-5, 1e-5)
