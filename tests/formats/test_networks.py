"""The shipped networks compute what PyTorch computes from the files that they were converted from."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data

import cnnfx
from cnnfx.formats import load_network
from cnnfx.nn.network import Network
from cnnfx.system.npz import write_npz

ROOT = Path(__file__).resolve().parents[2]
FILTERS = ROOT / "filters"
PHOTOS = ("chelsea", "coffee")
MEAN = np.array([103.939, 116.779, 123.68], np.float32)[:, np.newaxis, np.newaxis]
"""What was subtracted from the expected inputs of SqueezeNet, which are blue, green and red."""

pytestmark = pytest.mark.networks


@pytest.fixture(scope="module")
def expected(networks_folder):
    with np.load(networks_folder / "expected.npz") as arrays:
        return {name: arrays[name] for name in arrays if name.startswith(("squeezenet.", "pnet."))}


@pytest.fixture(scope="module")
def converter():
    spec = importlib.util.spec_from_file_location("make_networks", ROOT / "samples" / "make_networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def full_precision(networks_folder, converter, tmp_path_factory) -> Network:
    """Return SqueezeNet with the float32 tensors of the original file."""
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("float32")
    for name in ("squeezenet.toml", "imagenet.txt"):
        shutil.copy(FILTERS / name, folder)
    write_npz(folder / "squeezenet.npz", converter.squeezenet(networks_folder / "squeezenet1_1.h5", np.float32))
    return load_network(folder / "squeezenet.toml")


def photo(expected, name: str) -> np.ndarray:
    """Return the expected input of SqueezeNet as an RGB image (3, 227, 227) in 0..1."""
    return ((expected[f"squeezenet.{name}.input"] + MEAN) / 255)[::-1]


def check_squeezenet(network: Network, expected, name: str, layers: float, probabilities: float) -> None:
    image = photo(expected, name)
    for layer in ("conv1", "fire4", "fire9"):
        number, wanted = network.layer_number(layer), expected[f"squeezenet.{name}.{layer}"]
        found = network.forward(image, [number])[number]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=layers * np.abs(wanted).max(), err_msg=layer)
    found, wanted = network.probabilities(image), expected[f"squeezenet.{name}.prob"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=probabilities)
    assert np.argsort(-found)[:5].tolist() == np.argsort(-wanted)[:5].tolist()


@pytest.mark.parametrize("name", PHOTOS)
def test_squeezenet_in_single_precision_computes_what_pytorch_computes(full_precision, expected, name):
    check_squeezenet(full_precision, expected, name, layers=1e-4, probabilities=1e-4)


@pytest.mark.parametrize("name", PHOTOS)
def test_squeezenet_in_half_precision_computes_nearly_the_same(expected, name):
    check_squeezenet(load_network("squeezenet"), expected, name, layers=2e-3, probabilities=1e-3)


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("chelsea", {"Egyptian cat": 0.503, "tiger cat": 0.290, "tabby cat": 0.200}),
        ("coffee", {"espresso": 0.9995}),
    ],
)
def test_squeezenet_names_what_is_in_a_photograph(expected, name, classes):
    network = load_network("squeezenet")
    found = dict(zip(network.output_names, network.probabilities(photo(expected, name)).tolist(), strict=True))
    assert sorted(found, key=found.get, reverse=True)[: len(classes)] == list(classes)
    for one, probability in classes.items():
        assert found[one] == pytest.approx(probability, abs=1e-3)


def test_faces_computes_what_pytorch_computes(expected):
    network = load_network("faces")
    image = (expected["pnet.astronaut.input"] * 128 + 127.5) / 255
    names = ("conv1", "probability")
    numbers = {name: network.layer_number(name) for name in names}
    found = network.forward(image, numbers.values())
    wanted = {"conv1": expected["pnet.astronaut.conv1"], "probability": expected["pnet.astronaut.face"]}
    for name, number in numbers.items():
        atol = 1e-4 * np.abs(wanted[name]).max()
        np.testing.assert_allclose(found[number], wanted[name], rtol=0, atol=atol, err_msg=name)


@pytest.fixture(scope="module")
def mobilenet(networks_folder) -> Network:
    return load_network(networks_folder / "mobilenet_v2.pth")


@pytest.mark.parametrize("name", PHOTOS)
def test_the_file_of_mobilenet_computes_what_pytorch_computes(mobilenet, networks_folder, name):
    layers = ("features.0", "features.7", "features.18")
    with np.load(networks_folder / "expected.npz") as arrays:
        wanted = {key: arrays[f"mobilenet_v2.{name}.{key}"] for key in ("input", *layers, "prob")}
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (mobilenet.input.mean, mobilenet.input.std))
    image = wanted["input"] * std + mean
    for layer in layers:
        number = mobilenet.layer_number(layer)
        found = mobilenet.forward(image, [number])[number]
        atol = 1e-4 * np.abs(wanted[layer]).max()
        np.testing.assert_allclose(found, wanted[layer], rtol=0, atol=atol, err_msg=layer)
    np.testing.assert_allclose(mobilenet.probabilities(image), wanted["prob"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "number", "found", "probability"),
    [("chelsea", 285, "Egyptian cat", 0.714), ("coffee", 967, "espresso", 0.992)],
)
def test_mobilenet_names_what_is_in_a_photograph(mobilenet, networks_folder, name, number, found, probability):
    assert mobilenet.classes[number] == found
    with np.load(networks_folder / "expected.npz") as arrays:
        assert arrays[f"mobilenet_v2.{name}.prob"].argmax() == number
    picture = {"chelsea": skimage.data.chelsea, "coffee": skimage.data.coffee}[name]()
    best = cnnfx.predict(picture, mobilenet).top[0]
    assert (best.name, best.probability) == (found, pytest.approx(probability, abs=1e-3))


def test_the_file_of_p_net_computes_what_pytorch_computes(networks_folder, expected):
    network = load_network(networks_folder / "pnet.pt")
    image = (expected["pnet.astronaut.input"] * 128 + 127.5) / 255
    for layer, key in (("conv1", "conv1"), ("conv4_1", "face")):
        number, wanted = network.layer_number(layer), expected[f"pnet.astronaut.{key}"]
        found = network.forward(image, [number])[number]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max(), err_msg=layer)


@pytest.mark.parametrize("name", ["rnet", "onet"])
def test_the_later_networks_of_mtcnn_distinguish_a_face_from_a_wall(networks_folder, name):
    network = load_network(networks_folder / f"{name}.pt")
    astronaut = skimage.data.astronaut()
    face, wall = (cnnfx.predict(picture, network) for picture in (astronaut[65:195, 165:285], astronaut[:120, :120]))
    assert (face.name, wall.name) == ("face", "no face")
    assert min(face.probability, wall.probability) > 0.98


@pytest.mark.parametrize("name", PHOTOS)
def test_the_file_of_squeezenet_for_keras_computes_what_pytorch_computes(networks_folder, expected, name):
    pytest.importorskip("h5py")
    network = load_network(networks_folder / "squeezenet1_1.h5")
    check_squeezenet(network, expected, name, layers=1e-4, probabilities=1e-4)


def check_tensors(converted: dict[str, np.ndarray], file: Path) -> None:
    with np.load(file) as shipped:
        assert list(shipped) == list(converted)
        for name, array in converted.items():
            assert shipped[name].dtype == array.dtype
            np.testing.assert_array_equal(shipped[name], array, err_msg=name)


def test_the_script_in_samples_makes_the_shipped_tensors_of_squeezenet(networks_folder, converter):
    pytest.importorskip("h5py")
    check_tensors(converter.squeezenet(networks_folder / "squeezenet1_1.h5", np.float16), FILTERS / "squeezenet.npz")


def test_the_script_in_samples_makes_the_shipped_tensors_of_faces(networks_folder, converter):
    pytest.importorskip("torch")
    check_tensors(converter.faces(networks_folder / "pnet.pt"), FILTERS / "faces.npz")


def test_all_but_five_class_names_are_those_of_the_list(networks_folder, converter):
    path = networks_folder / "imagenet_classes.json"
    assert list(load_network("squeezenet").classes) == converter.class_names(path)
    given = json.loads(path.read_text("utf-8"))
    changed = {index for index, name in enumerate(load_network("squeezenet").classes) if name != given[index]}
    assert changed == {282, 285, 638, 744, 836}
