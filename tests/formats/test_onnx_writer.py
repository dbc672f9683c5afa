"""ONNX models that are written: checked by the library, and computed by its reference evaluator."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from cnnfx.errors import ArgumentError
from cnnfx.formats import load_network
from cnnfx.formats.image_channels import image_channels
from cnnfx.formats.onnx.writer import onnx_model
from cnnfx.formats.save import save_network
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Layer
from cnnfx.nn.network import Network
from cnnfx.nn.pooling import Pool
from tests.formats.saved_networks import NETWORKS, SIZE, conv, images_for, names, one_layer, results


def computed(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    (result,) = ReferenceEvaluator(model).run(None, {"image": images})
    return result


def sizes(value: onnx.ValueInfoProto) -> list[int | str | None]:
    """Return the sizes of the input or output of a model, names of free ones, None for unknown ones."""
    return [
        getattr(dim, dim.WhichOneof("value")) if dim.WhichOneof("value") else None
        for dim in value.type.tensor_type.shape.dim
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_model_passes_the_checker_and_computes_the_same(name) -> None:
    network = NETWORKS[name]
    # The evaluator normalizes only as many channels as there are images.
    images, model = images_for(network, 6), onnx_model(network)
    onnx.checker.check_model(model, full_check=True)
    expected = network.probabilities(images) if name == "probabilities" else results(network, images)
    found = computed(model, images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@pytest.mark.parametrize("preset", ["edges", "sobel", "corners", "textures", "colors"])
def test_a_preset_computes_the_same(preset) -> None:
    network = load_network(preset)
    channels = image_channels(network)
    images = np.random.default_rng(3).random((1, len(channels), 30, 33)).astype(np.float32)
    expected = network.feature_maps(images, channels)[-1]
    np.testing.assert_allclose(computed(onnx_model(network), images), expected, 1e-4, 1e-5)


@pytest.mark.parametrize("border", ["edge", "reflect", "symmetric", "wrap"])
def test_each_side_of_a_border_has_the_pixels_of_numpy(border) -> None:
    layer = Layer(
        replace(conv(1, 1, 1, 1, padding=((2, 1), (0, 3)), border=border), weights=np.ones((1, 1, 1, 1))), ("a",)
    )
    image = np.arange(20, dtype=np.float32).reshape(1, 1, 4, 5)
    layer = replace(layer, conv=replace(layer.conv, bias=np.zeros(1)))
    expected = np.pad(image, ((0, 0), (0, 0), (2, 1), (0, 3)), mode=border)
    np.testing.assert_array_equal(computed(onnx_model(one_layer(layer)), image), expected)


@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 2), (0, 1)), ((2, 0), (1, 1))])
@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize(("kind", "counts"), [("max", False), ("mean", False), ("mean", True)])
def test_pooling_with_ceil_has_the_same_windows_for_all_sizes(kind, counts, stride, padding) -> None:
    pool = Pool(kind, 3, stride, padding, ceil=True, count_padding=counts)
    network = one_layer(Layer(pool=pool, filter_names=("gray",)), input=Input("gray"))
    model = ReferenceEvaluator(onnx_model(network))
    for height in range(3, 10):
        images = np.random.default_rng(height).random((1, 1, height, 12 - height)).astype(np.float32)
        if 12 - height >= 3:
            (found,) = model.run(None, {"image": images})
            np.testing.assert_allclose(found, pool.forward(images), 1e-6)


def test_values_are_called_after_layers_and_weights_as_in_model_files() -> None:
    graph = onnx_model(NETWORKS["graph"]).graph
    outputs = [node.output[0] for node in graph.node]
    assert [node.name for node in graph.node[:5]] == [
        "input/Mul", "input/Sub", "input/Div", "first/Conv", "first/Relu",
    ]  # fmt: skip
    assert {layer.name for layer in NETWORKS["graph"].layers} <= set(outputs)
    assert len(set(outputs)) == len(outputs)
    assert {"layers.0.weight", "layers.0.bias", "layers.7.weight"} <= {each.name for each in graph.initializer}
    assert graph.output[0].name == "both"


def test_layers_without_names_are_called_by_number() -> None:
    assert onnx_model(NETWORKS["relu"]).graph.node[-1].output[0] == "layer1"


@pytest.mark.parametrize("name", ["image", "scores", "layers.0.weight", "image/Conv"])
def test_a_layer_with_the_name_of_another_value_gets_a_number(name) -> None:
    layer = replace(NETWORKS["relu"].layers[0], name=name)
    model = onnx_model(one_layer(layer))
    onnx.checker.check_model(model, full_check=True)
    images = images_for(NETWORKS["relu"])
    np.testing.assert_allclose(computed(model, images), results(NETWORKS["relu"], images), 1e-5, 1e-6)


def test_sizes_are_free_except_for_a_head() -> None:
    free, fixed = onnx_model(NETWORKS["classes"]).graph, onnx_model(NETWORKS["model"]).graph
    assert sizes(free.input[0]) == ["batch", 3, "height", "width"]
    assert sizes(fixed.input[0]) == ["batch", 1, *SIZE]
    assert sizes(free.output[0]) == sizes(fixed.output[0]) == ["batch", 2]
    assert sizes(onnx_model(NETWORKS["graph"]).graph.output[0]) == ["batch", 2, None, None]


def test_scores_are_the_means_of_maps_of_larger_images() -> None:
    layer = Layer(conv(2, 1, 3, 3), ("cat", "dog"))
    network = Network((layer,), "net", input=Input("gray", (3, 3)), classes=("cat", "dog"))
    images = images_for(network)
    np.testing.assert_allclose(computed(onnx_model(network), images), network.scores(images), 1e-5, 1e-6)


def test_the_versions_are_those_of_2022_and_the_producer_is_named() -> None:
    model = onnx_model(NETWORKS["graph"])
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert (model.ir_version, model.producer_name) == (8, "cnnfx")
    assert model.doc_string == "Joins of each kind.\na test"


def test_metadata_has_the_names_of_classes_or_channels() -> None:
    classes, channels = (
        {entry.key: entry.value for entry in onnx_model(NETWORKS[name]).metadata_props} for name in ("model", "graph")
    )
    assert json.loads(classes["classes"]) == ["no", "yes"]
    assert json.loads(channels["channels"]) == ["a", "b"]
    assert classes.keys() - channels.keys() == {"classes"}
    assert onnx_model(NETWORKS["filters by name"]).graph.input[0].doc_string == "red, green, blue, 0..1"


def test_layers_that_the_last_one_does_not_need_are_left_out(tmp_path) -> None:
    layers = (
        Layer(conv(2, 1, 1, 1), names(2), name="a"),
        Layer(conv(3, 2, 1, 1), names(3), name="unneeded"),
        Layer(conv(1, 2, 1, 1), names(1), sources=("a",), name="b"),
    )
    network = Network(layers, "net")
    save_network(network, tmp_path / "a.onnx")
    again = load_network(tmp_path / "a.onnx")
    assert [layer.name for layer in again.layers] == ["a", "b"]
    images = images_for(network)
    np.testing.assert_array_equal(results(again, images), results(network, images))


@pytest.mark.parametrize("change", ["node", "weight", "description", "missing weight"])
def test_a_model_that_another_program_changed_is_read_by_its_graph(change, tmp_path) -> None:
    layer = Layer(conv(2, 3, 1, 1), ("left", "right"), name="one")
    network = one_layer(layer)
    model = onnx_model(network)
    images, factor = images_for(network), 1.0
    if change == "node":
        model.graph.node[0].output[0] = "sums"
        model.graph.node.append(onnx.helper.make_node("Relu", ["sums"], ["one"], "relu"))
    elif change == "weight":
        factor = 2.0
        for each in model.graph.initializer:
            doubled = onnx.numpy_helper.from_array(2 * onnx.numpy_helper.to_array(each), each.name)
            each.CopyFrom(doubled)
    elif change == "description":
        entry = next(entry for entry in model.metadata_props if entry.key == "cnnfx")
        entry.value = entry.value[:-5]
    else:
        for each in model.graph.initializer:
            each.name = each.name.replace("layers.0", "first")
        for name in range(1, 3):
            model.graph.node[0].input[name] = model.graph.node[0].input[name].replace("layers.0", "first")
    onnx.checker.check_model(model)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    again = load_network(tmp_path / "a.onnx")
    expected = results(network, images) * factor
    if change == "node":
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(results(again, images), expected, 1e-5, 1e-6)
    # Weights alone may be trained further: the description is still right.
    assert (again.layers[0].channel_names == ("left", "right")) == (change == "weight")


def test_a_border_that_depends_on_the_size_needs_a_fixed_size() -> None:
    layer = Layer(conv(1, 1, 3, 3, padding="same", stride=2, border="reflect"), ("a",))
    with pytest.raises(ArgumentError) as caught:
        onnx_model(one_layer(layer))
    assert str(caught.value) == (
        'layer 1 of net: the padding "same" with a stride and the border "reflect" depends on the size of the image, '
        "which ONNX cannot express for any size. Give the network's input a size"
    )
    network = one_layer(layer, input=Input("gray", SIZE))
    images = images_for(network)
    assert sizes(onnx_model(network).graph.input[0]) == ["batch", 1, *SIZE]
    np.testing.assert_allclose(computed(onnx_model(network), images), results(network, images), 1e-5, 1e-6)


def test_weights_that_a_file_of_onnx_cannot_hold_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("cnnfx.formats.onnx.writer.MAX_BYTES", 20)
    with pytest.raises(ArgumentError, match=r"^it has 24 bytes of weights; the limit is 20 of ONNX files$"):
        onnx_model(one_layer(Layer(conv(1, 1, 1, 5), ("a",))))
