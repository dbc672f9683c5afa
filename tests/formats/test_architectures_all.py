"""Networks that PyTorch saves, layer by layer against what it computes; these tests need PyTorch or torchvision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats import load_network
from cnnfx.nn.network import Network

torch = pytest.importorskip("torch")

NETWORKS = ("resnet152", "vgg13_bn", "vgg19_bn", "alexnet", "vgg16", "resnet50")
"""The networks of torchvision that are compared. All of `ALL_NETWORKS` take minutes: run them by hand after changes."""
ALL_NETWORKS = (
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
    *("alexnet", "squeezenet1_0", "squeezenet1_1", "mobilenet_v2"),
)
MODULES_AFTER_FILTERS = 3
"""How many modules after that of a layer's filters the layer has at most: normalization, activation."""

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch warns about its own formats


@pytest.fixture
def models():
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:  # a RuntimeError if it is for another version of PyTorch
        pytest.skip(f"torchvision cannot be imported: {error}")
    return torchvision.models


def with_random_statistics(model):
    """Return a model whose batch normalizations do something, ready for inference."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
    return model.eval()


def normalized(network: Network, image: np.ndarray):
    """Return an image as a batch that the model reads."""
    return torch.from_numpy(network.normalize(image)[np.newaxis].astype(np.float32))


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the largest difference, relative to the largest magnitude; infinite if the sizes differ."""
    if found.size != wanted.size:
        return float("inf")
    return float(np.abs(found.ravel() - wanted.ravel()).max() / np.abs(wanted).max())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_layer_computes_what_torchvision_computes(models, tmp_path: Path, name: str, legacy: bool) -> None:
    torch.manual_seed(1)
    model = with_random_statistics(getattr(models, name)(weights=None))
    path = tmp_path / f"{name}.pth"
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    network = load_network(path)

    outputs: dict[str, np.ndarray] = {}
    for key, module in model.named_modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
        module.register_forward_hook(lambda _, __, result, key=key: outputs.update({key: result.numpy().copy()}))
    image = np.random.default_rng(2).random((3, 224, 224), np.float32)
    with torch.no_grad():
        scores = model(normalized(network, image))[0].numpy()

    maps = network.forward(image, range(1, len(network.layers) + 1))
    assert difference(network.scores(image), scores) < 1e-4
    keys = [key for key, _ in model.named_modules()]
    for number, layer in enumerate(network.layers, 1):
        if layer.name not in keys:
            assert layer.name == "mean"
            continue
        first = keys.index(layer.name)
        after = [outputs[key] for key in keys[first : first + 1 + MODULES_AFTER_FILTERS] if key in outputs]
        after += [np.maximum(each, 0) for each in after]  # ResNet calls one module of ReLU several times
        assert min(difference(maps[number], each) for each in after) < 1e-4, layer.name


def mtcnn(shapes: dict[str, tuple[int, int, int]], pools: tuple[tuple[int, int], ...], dense: tuple[int, int]):
    """Return modules of R-Net or O-Net by their names in the authors' order: filters with PReLU, and dense layers."""
    modules = {}
    for index, (name, (count, channels, size)) in enumerate(shapes.items(), 1):
        modules[name] = torch.nn.Conv2d(channels, count, size)
        modules[f"prelu{index}"] = torch.nn.PReLU(count)
    number = len(shapes) + 1
    modules[f"dense{number}"] = torch.nn.Linear(*dense)
    modules[f"prelu{number}"] = torch.nn.PReLU(dense[1])
    for index, count in enumerate((2, 4) if number == 4 else (2, 4, 10), 1):
        modules[f"dense{number + 1}_{index}"] = torch.nn.Linear(dense[1], count)
    for name, module in modules.items():
        if name.startswith("prelu"):
            torch.nn.init.uniform_(module.weight, -0.5, 0.5)
    return torch.nn.ModuleDict(modules), pools


@pytest.mark.parametrize(
    ("side", "arguments"),
    [
        (24, ({"conv1": (28, 3, 3), "conv2": (48, 28, 3), "conv3": (64, 48, 2)}, ((3, 2), (3, 2)), (576, 128))),
        (
            48,
            (
                {"conv1": (32, 3, 3), "conv2": (64, 32, 3), "conv3": (64, 64, 3), "conv4": (128, 64, 2)},
                ((3, 2), (3, 2), (2, 2)),
                (1152, 256),
            ),
        ),
    ],
)
def test_the_dense_layers_of_mtcnn_read_maps_column_by_column(tmp_path: Path, side: int, arguments) -> None:
    torch.manual_seed(3)
    modules, pools = mtcnn(*arguments)
    path = tmp_path / "net.pt"
    torch.save(modules.state_dict(), path)
    network = load_network(path)
    assert network.input.size == (side, side)
    image = np.random.default_rng(4).random((3, side, side), np.float32)
    with torch.no_grad():
        maps = normalized(network, image)
        for index in range(1, len(arguments[0]) + 1):
            maps = modules[f"prelu{index}"](modules[f"conv{index}"](maps))
            if index <= len(pools):
                maps = torch.nn.functional.max_pool2d(maps, *pools[index - 1], ceil_mode=True)
        number = len(arguments[0]) + 1
        flat = maps.permute(0, 3, 2, 1).reshape(1, -1)
        features = modules[f"prelu{number}"](modules[f"dense{number}"](flat))
        wanted = {key: module(features) for key, module in modules.items() if key.startswith(f"dense{number + 1}")}
    found = network.forward(image, range(1, len(network.layers) + 1))
    for key, values in wanted.items():
        own = found[network.layer_number(key)].ravel()
        values = values.softmax(dim=1) if key.endswith("_1") else values
        np.testing.assert_allclose(own, values[0].numpy(), rtol=0, atol=1e-4, err_msg=key)
