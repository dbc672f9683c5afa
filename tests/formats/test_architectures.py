"""Known architectures are recognized by the names and shapes of their tensors, and run as networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats import load_network
from cnnfx.formats.architectures import KERAS_ENDINGS, find_architecture, read_architecture, with_arch
from cnnfx.formats.presets import preset_names
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorError, TensorFile, TensorInfo
from cnnfx.formats.toml_text import read_toml
from cnnfx.formats.torchvision import NETWORKS
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from tests.formats.tensor_shapes import ARCHITECTURES, Shape, shapes_of, shapes_of_file

MALFORMED = (-1,)
NOT_LEARNED = ("running_mean", "running_var", "num_batches_tracked")
"""The ends of the names of tensors that are no parameters."""


class Tensors(TensorFile):
    """Tensors of given shapes, whose values are made where they are read; `reads` has the names of those."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes = dict(shapes)
        self.reads: list[str] = []

    @property
    def names(self) -> list[str]:
        return list(self.shapes)

    def info(self, name: str) -> TensorInfo:
        return TensorInfo(self.shapes[name], "float32", 4 * math.prod(self.shapes[name]))

    def read(self, name: str) -> np.ndarray:
        self.reads.append(name)
        return np.full(self.shapes[name], 0.5, np.float32)

    def close(self) -> None:
        pass


def read(shapes: Mapping[str, Shape], layer: str | int | None = None, arch: Path | None = None) -> Network:
    network = read_architecture(Path("net.pth"), Tensors(shapes), Reading(layer, arch=arch))
    assert network is not None
    return network


def layer_names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


def without(shapes: Mapping[str, Shape], start: str) -> dict[str, Shape]:
    return {name: shape for name, shape in shapes.items() if not name.startswith(start)}


# Recognition


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_torchvision_is_recognized(name):
    found = find_architecture(Tensors(shapes_of(name)))
    assert found is not None
    assert found["description"] == f"{name} of torchvision."
    assert [layer["name"] for layer in found["layer"]] == [layer["name"] for layer in NETWORKS[name]()]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ResNet-18", 11_689_512),
        ("ResNet-34", 21_797_672),
        ("ResNet-50", 25_557_032),
        ("ResNet-101", 44_549_160),
        ("ResNet-152", 60_192_808),
        ("VGG-11", 132_863_336),
        ("VGG-13", 133_047_848),
        ("VGG-16", 138_357_544),
        ("VGG-19", 143_667_240),
        ("VGG-11 with batch normalization", 132_868_840),
        ("VGG-13 with batch normalization", 133_053_736),
        ("VGG-16 with batch normalization", 138_365_992),
        ("VGG-19 with batch normalization", 143_678_248),
        ("MobileNetV2", 3_504_872),
        ("SqueezeNet 1.0", 1_248_424),
        ("SqueezeNet 1.1", 1_235_496),
    ],
)
def test_a_network_has_as_many_parameters_as_torchvision_documents(name, parameters):
    learned = {key: shape for key, shape in shapes_of(name).items() if not key.endswith(NOT_LEARNED)}
    assert sum(map(math.prod, learned.values())) == parameters


def test_a_recognized_network_has_the_input_and_the_classes_of_imagenet():
    network = read(shapes_of("ResNet-18"))
    assert network.input.size == (224, 224)
    assert (network.input.fit, network.input.resize, network.input.mean) == ("crop", 256, (0.485, 0.456, 0.406))
    assert network.classes[285] == "Egyptian cat"
    assert (network.name, network.description) == ("net", "ResNet-18 of torchvision.")


@pytest.mark.parametrize("name", ["alexnet", "mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"])
def test_a_network_of_a_file_is_recognized(name):
    shapes = shapes_of_file(name)
    network = read(shapes)
    assert network.description == read_toml(ARCHITECTURES / f"{name}.toml")["description"]
    assert sum(layer.conv.weights.size for layer in network.layers if layer.conv) == sum(
        math.prod(shape) for shape in shapes.values() if len(shape) > 1
    )


def test_the_files_of_architectures_are_no_presets():
    assert not {path.stem for path in ARCHITECTURES.glob("*.toml")} & {*preset_names()}


@pytest.mark.parametrize("prefix", ["module.", "model.", "backbone.", "state.module.net.", "0."])
def test_names_of_tensors_may_have_a_prefix(prefix):
    shapes = {f"{prefix}{name}": shape for name, shape in shapes_of("SqueezeNet 1.1").items()}
    assert layer_names(read(shapes)) == layer_names(read(shapes_of("SqueezeNet 1.1")))


def test_another_number_of_classes_is_numbered_from_0():
    network = read(shapes_of("MobileNetV2", classes=3))
    assert network.classes == ("class 0", "class 1", "class 2")
    assert network.layers[-1].channel_names == network.classes


def test_more_classes_than_the_limit_are_an_error():
    with pytest.raises(TensorError) as error:
        find_architecture(Tensors(shapes_of("ResNet-18", classes=10**12)))
    assert str(error.value) == "it has 1,000,000,000,000 classes; the limit is 65,536"


def test_a_list_of_classes_beside_the_weights_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("imagenet.txt").write_text("a\n" * 1000, "utf-8")
    assert read(shapes_of("SqueezeNet 1.1")).classes[0] == "tench"


@pytest.mark.parametrize(
    ("name", "start", "last"),
    [
        ("ResNet-18", "fc.", "layer4"),
        ("MobileNetV2", "classifier.", "features.18"),
        ("SqueezeNet 1.1", "classifier.", "features.12"),
        ("VGG-11", "classifier.", "features.20"),
        ("VGG-11", "classifier.6.", "classifier.3"),
    ],
)
def test_without_the_tensors_of_the_classifier_the_layers_before_it_are_read(name, start, last):
    found = find_architecture(Tensors(without(shapes_of(name), start)))
    assert found is not None
    assert found["layer"][-1]["name"] == last
    assert "classes" not in found


def test_a_classifier_of_another_kind_is_left_out():
    shapes = without(shapes_of("ResNet-18"), "fc.") | {"fc.0.weight": (64, 512), "fc.2.weight": (5, 64)}
    assert layer_names(read(shapes))[-1] == "layer4"
    shapes = shapes_of("VGG-11") | {"classifier.0.weight": (256, 512)}  # for a mean over all positions before it
    assert layer_names(read(shapes))[-1] == "features.20"


@pytest.mark.parametrize(("count", "kind"), [(1, "gray"), (4, "auto")])
def test_an_image_of_other_channels_is_not_normalized(count, kind):
    shapes = shapes_of("SqueezeNet 1.1", classes=10) | {"features.0.weight": (64, count, 3, 3)}
    network = read(shapes)
    assert (network.in_channels, network.input.channels, network.input.size) == (count, kind, (224, 224))
    assert not network.input.normalizes


@pytest.mark.parametrize(
    "changed",
    [
        {"conv1.weight": (64, 3, 3, 3)},  # for small images: its strides are others
        {"layer1.0.conv1.weight": (128, 64, 3, 3)},
        {"layer1.0.se.weight": (16, 64)},  # an attention that is between the layers
        {"layer3.2.conv1.weight": (256, 256, 3, 3)},
        {"classifier.0.weight": (256, 512, 3, 3)},  # of a segmentation, whose backbone is dilated
        {"other.conv1.weight": (64, 3, 7, 7)},
        {"conv1.bias": (64,)},
    ],
)
def test_a_file_with_other_tensors_among_the_layers_or_filters_of_its_own_is_not_recognized(changed):
    assert find_architecture(Tensors(shapes_of("ResNet-18") | changed)) is None


def test_a_file_that_lacks_a_tensor_of_a_layer_is_not_recognized():
    shapes = shapes_of("ResNet-18")
    assert find_architecture(Tensors(without(shapes, "layer2.1.bn2.running_var"))) is None
    assert find_architecture(Tensors({})) is None


def test_a_malformed_tensor_matters_only_if_it_is_needed():
    class Malformed(Tensors):
        def info(self, name: str) -> TensorInfo:
            if self.shapes[name] == MALFORMED:
                raise TensorError(f"the tensor {name} is cut off")
            return super().info(name)

    shapes = shapes_of("ResNet-18")
    assert find_architecture(Malformed(shapes | {"extra": MALFORMED})) is not None
    assert find_architecture(Malformed(shapes | {"layer2.0.conv1.weight": MALFORMED})) is None


@pytest.mark.parametrize("endings", KERAS_ENDINGS)
def test_squeezenet_in_a_file_of_keras_is_that_of_the_preset(endings):
    preset = load_network("squeezenet")
    shapes = {}
    for layer in preset.layers:
        if layer.conv is not None:
            name = layer.name.replace("squeeze", "squeeze1x1")
            shapes[f"{name}{endings[0]}"], shapes[f"{name}{endings[1]}"] = (
                layer.conv.weights.shape,
                layer.conv.bias.shape,
            )
    network = read(shapes)
    assert layer_names(network) == layer_names(preset)
    assert (network.input, network.classes) == (preset.input, preset.classes)


# Reading


@pytest.mark.parametrize("layer", ["layer1.0.conv1", 3, "1.0.conv1"])
def test_only_the_tensors_of_layers_up_to_the_needed_one_are_read(layer):
    tensors = Tensors(shapes_of("ResNet-18"))
    network = read_architecture(Path("net.pth"), tensors, Reading(layer))
    assert network is not None
    assert layer_names(network) == ["conv1", "maxpool", "layer1.0.conv1"]
    assert {name.split(".")[0] for name in tensors.reads} == {"conv1", "bn1", "layer1"}
    assert len(tensors.reads) == 10


def test_a_layer_with_the_names_of_the_classes_can_be_the_last_that_is_read():
    network = read(shapes_of("SqueezeNet 1.1"), "classifier.1")
    assert (len(network.layers[-1].channel_names), network.classes) == (1000, ())


def test_a_layer_that_does_not_exist_is_an_error_with_the_closest_name():
    with pytest.raises(ArgumentError) as error:
        read(shapes_of("ResNet-18"), "layer9")
    assert str(error.value) == "There is no layer 'layer9': net has 31 layers. Did you mean \"layer4\"?"


@pytest.mark.parametrize(("stem", "name"), [("a:b", "a_b"), ("*", "_"), ("a\nb", "a_b"), (" ", "network")])
def test_a_network_has_the_name_of_its_file_as_far_as_it_can_be_a_name(stem, name):
    network = read_architecture(Path(f"{stem}.pth"), Tensors(shapes_of("SqueezeNet 1.1")), Reading(1))
    assert network is not None
    assert network.name == name


# Arch files

ARCH = """
[input]
channels = "gray"
[[layer]]
name = "first"
weights = "a.weight"
bias = "a.bias"
activation = "relu"
[[layer]]
name = "second"
weights = "b.weight"
batch_norm = { running_mean = "n.mean", running_var = "n.var" }
"""
SMALL = {"a.weight": (4, 1, 3, 3), "a.bias": (4,), "b.weight": (2, 4, 1, 1), "n.mean": (2,), "n.var": (2,)}


@pytest.fixture
def arch(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "arch.toml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_arch_file_gives_the_layers_that_the_weights_are_for(arch, prefix):
    network = read({prefix + name: shape for name, shape in SMALL.items()}, arch=arch(ARCH))
    assert (layer_names(network), network.in_channels, network.input.channels) == (["first", "second"], 1, "gray")
    image = np.ones((1, 3, 3), np.float32)
    first, second = network.feature_maps(image)
    np.testing.assert_allclose(first, np.full((4, 1, 1), 5), rtol=1e-6)
    np.testing.assert_allclose(second, np.full((2, 1, 1), (4 * 0.5 * 5 - 0.5) / math.sqrt(0.5 + 1e-5)), rtol=1e-6)


def test_an_arch_file_can_be_of_one_layer(arch):
    network = read(SMALL, arch=arch('weights = "a.weight"\nstride = 2\n'))
    assert network.layers[0].conv is not None
    assert network.layers[0].conv.stride == 2


def test_an_arch_file_precedes_a_known_architecture(arch):
    network = read(shapes_of("ResNet-18"), arch=arch('[[layer]]\nname = "mine"\nweights = "conv1.weight"\n'))
    assert layer_names(network) == ["mine"]


def test_an_arch_file_without_layers_gives_input_and_classes_to_a_known_architecture(arch):
    path = arch('description = "Pets."\nclasses = ["cat", "dog"]\n[input]\nchannels = "rgb"\nsize = 96\n')
    network = read(shapes_of("MobileNetV2", classes=2), arch=path)
    assert (network.classes, network.input.size, network.description) == (("cat", "dog"), (96, 96), "Pets.")
    assert not network.input.normalizes


def test_an_arch_file_without_layers_for_an_unknown_network_is_an_error(arch):
    path = arch('classes = ["cat", "dog"]\n')
    with pytest.raises(FileError) as error:
        read(SMALL, arch=path)
    wanted = f"{path}: it has no layers, and those of net.pth are not known. Write [[layer]] for each."
    assert str(error.value) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tensors = "net.npz"\n' + ARCH, "tensors: the tensors are those of the file of weights. Remove this key."),
        (
            "[[layer]]\nfilters = 3\nsize = 3\n",
            'some filters have no weights. Write weights = "NAME", the name of a tensor, for each.',
        ),
        ("layer = 3\n", "layer: found the number 3; an array of tables, written [[layer]], is needed here."),
        ("layer = [3]\n", "layer: found an array of 1 value; an array of tables, written [[layer]], is needed here."),
        (
            '[[layer]]\nweights = "c.weight"\n',
            'layer 1, weights: net.pth has no tensor "c.weight". Did you mean "b.weight"?',
        ),
        (
            ARCH.replace('name = "second"', 'name = "second"\nfilters = 3'),
            'layer second, weights: the tensor "b.weight" has the shape (2, 4, 1, 1); (3, 4, any, any) is needed here.',
        ),
        ('classes = ["a"]\n' + ARCH, "classes: there are 1 classes for 2 output channels of the last layer."),
        ("stride = 2\n" + ARCH, "stride is outside the layers. Write it under its [[layer]]."),
        ("colour = 2\n" + ARCH, 'unknown key "colour".'),
    ],
)
def test_an_error_in_an_arch_file_is_reported_with_its_location(arch, text, message):
    path = arch(text)
    with pytest.raises(FileError) as error:
        read(SMALL, arch=path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("with_layers", [False, True])
def test_a_tensor_that_cannot_be_read_is_reported_with_its_file_and_layer(arch, with_layers):
    class CutOff(Tensors):
        def read(self, name: str) -> np.ndarray:
            raise TensorError(f"the tensor {name} is cut off")

    path = arch('[[layer]]\nname = "stem"\nweights = "conv1.weight"\n') if with_layers else None
    with pytest.raises(FileError) as error:
        read_architecture(Path("net.pth"), CutOff(shapes_of("ResNet-18")), Reading(arch=path))
    where = f"{path}: layer stem, weights: net.pth" if with_layers else "net.pth: layer conv1, weights"
    assert str(error.value) == f"{where}: the tensor conv1.weight is cut off."


def test_an_arch_file_that_does_not_exist_is_an_error():
    with pytest.raises(FileError) as error:
        read(SMALL, arch=Path("no.toml"))
    assert str(error.value) == "no.toml: there is no such file. Give the path of a TOML file with layers."


def test_a_file_of_weights_as_an_arch_file_is_an_error(tmp_path):
    path = tmp_path / "other.npy"
    np.save(path, np.ones(3))
    with pytest.raises(FileError) as error:
        read(SMALL, arch=path)
    assert str(error.value) == f"{path}: this is no TOML file. Give the path of one with layers."


def graph() -> Network:
    """Return a network of a file with layers of its own, which makes two scores."""
    weights = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1)
    return Network((Layer(Conv(weights, np.zeros(2, np.float32)), ("1", "2")),), "graph", "A graph.")


def test_a_network_with_layers_of_its_own_takes_input_and_classes_of_an_arch_file(arch):
    path = arch('classes = ["cat", "dog"]\n[input]\nchannels = "bgr"\nsize = [4, 6]\nmean = [1, 2, 3]\n')
    network = with_arch(graph(), path)
    assert (network.name, network.description, network.classes) == ("graph", "A graph.", ("cat", "dog"))
    assert (network.input.size, network.input.mean) == ((4, 6), (3, 2, 1))
    assert network.layers[0].conv is not None
    np.testing.assert_array_equal(network.layers[0].conv.weights.ravel(), [2, 1, 0, 5, 4, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ARCH, "graph has layers of its own. Write only [input] and classes in this file."),
        ('weights = "a"\n', "graph has layers of its own. Write only [input] and classes in this file."),
        ('classes = ["a", "b", "c"]\n', "classes: there are 3 classes for 2 scores of graph."),
        ("[input]\nsize = 0\n", "input, size: 0; whole numbers from 1 to 32768 are needed."),
    ],
)
def test_an_arch_file_that_does_not_fit_a_network_with_layers_of_its_own_is_an_error(arch, text, message):
    path = arch(text)
    with pytest.raises(FileError) as error:
        with_arch(graph(), path)
    assert str(error.value) == f"{path}: {message}"


# Dense filters


@pytest.mark.parametrize(("flatten", "axes"), [("chw", (0, 1, 2)), ("hwc", (1, 2, 0)), ("whc", (2, 1, 0))])
def test_dense_filters_read_maps_in_the_order_in_which_they_were_flattened(arch, flatten, axes):
    random = np.random.default_rng(4)
    image, weights = random.random((2, 3, 4), np.float32), random.random((5, 24), np.float32)

    class Dense(Tensors):
        def read(self, name: str) -> np.ndarray:
            return weights

    path = arch(f'weights = "fc"\ndense = true\nsize = [3, 4]\nflatten = "{flatten}"\n')
    network = read_architecture(Path("net.pth"), Dense({"fc": weights.shape}), Reading(arch=path))
    assert network is not None
    np.testing.assert_allclose(np.asarray(network(image)).ravel(), weights @ image.transpose(axes).ravel(), rtol=1e-5)
