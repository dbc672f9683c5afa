"""Model files: saved and loaded, read by NumPy, and refused when damaged."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.model_npz import load_checkpoint, load_model, save_model
from cnnfx.nn.classifier import Dense
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse

RANDOM = np.random.default_rng(5)


def floats(*shape: int):
    return RANDOM.normal(size=shape).astype(np.float32)


def model() -> Network:
    """Return a network of two layers with many settings, and a head."""
    first = Layer(
        Conv(floats(2, 1, 3, 5), floats(2), stride=(1, 2), padding=((1, 0), (2, 2)), border="edge"),
        ("a", "b"),
        (
            Combination("a", "take", (0,)),
            Combination("size", "norm", (0, 1)),
            Combination("less", "difference", (1, 0)),
        ),
        Activation("abs"),
    )
    second = Layer(
        Conv(floats(4, 3, 2, 2), floats(4), dilation=2, padding="same"),
        tuple("cdef"),
        (),
        Activation("relu"),
        Pool("mean", 2),
    )
    network = Network(
        (first, second), "net", "what", "where", Input(mean=0.25, std=0.5), ("no", "yes"),
        Dense(floats(2, 24), floats(2), (4, 2, 3)),
        meta={"dataset": "drawn", "epochs": 2, "accuracy": [0.5, None]},
    )  # fmt: skip
    assert network.output_shapes((1, 6, 12))[-1] == (4, 2, 3)
    return replace(network, start=replace(network, head=Dense(floats(2, 24), floats(2), (4, 2, 3)), start=None))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


@pytest.fixture
def saved(path):
    network = model()
    save_model(path, network, {"mean": floats(7), "state": np.array("{}")})
    return network


def parts(path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def rewrite(path, meta=None, **changes) -> None:
    """Write the file again, with its meta changed by a function and arrays replaced, or removed if None."""
    arrays = parts(path)
    if meta is not None:
        data = json.loads(str(arrays["meta"]))
        data = meta(data) or data
        arrays["meta"] = np.array(json.dumps(data))
    for name, array in changes.items():
        arrays.pop(name, None)
        if array is not None:
            arrays[name] = array
    np.savez(path, **arrays)


def refusal(path) -> str:
    with pytest.raises(FileError) as caught:
        load_checkpoint(path)
    return str(caught.value)


def test_a_saved_network_is_loaded_unchanged(saved, path) -> None:
    loaded, images = load_model(path), floats(3, 1, 6, 12)
    np.testing.assert_array_equal(loaded.scores(images), saved.scores(images))
    np.testing.assert_array_equal(loaded.start.scores(images), saved.start.scores(images))
    assert not np.array_equal(loaded.scores(images), loaded.start.scores(images))
    assert loaded.layers[0].channel_names == ("a", "size", "less")
    assert (loaded.name, loaded.description, loaded.source) == ("net", "what", "where")
    assert (loaded.input.mean, loaded.input.std, loaded.classes) == ((0.25,), (0.5,), ("no", "yes"))
    assert loaded.meta["accuracy"] == [0.5, None]


def test_a_loaded_network_is_saved_with_the_same_bytes(saved, path, tmp_path) -> None:
    network, training = load_checkpoint(path)
    save_model(tmp_path / "again.npz", network, training)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def to_format(version: int, mean: float = 0.25, std: float = 0.5):
    """Return a function that changes the meta of a model to that of an earlier format."""

    def change(meta) -> None:
        del meta["preprocessing"]
        meta.update({"format": version, "mean": mean, "deviation" if version == 1 else "std": std})

    return change


@pytest.mark.parametrize("version", [1, 2])
def test_files_of_earlier_formats_are_read(saved, path, version) -> None:
    rewrite(path, to_format(version))
    loaded, images = load_model(path), floats(3, 1, 6, 12)
    assert loaded.input == saved.input == Input(mean=(0.25,), std=(0.5,), fit="squash")
    assert not {"mean", "std", "deviation"} & loaded.meta.keys()
    np.testing.assert_array_equal(loaded.scores(images), saved.scores(images))


@pytest.mark.parametrize(("mean", "std"), [("x", 1), (float("nan"), 1), (True, 1), ([0.5], 1), (0, 0), (0, -1)])
def test_a_wrong_normalization_in_a_file_of_an_earlier_format_is_refused(saved, path, mean, std) -> None:
    rewrite(path, to_format(2, mean, std))
    assert refusal(path).startswith(f"{path}: its meta does not describe a network: ")


@pytest.mark.parametrize(
    ("classes", "side", "mean", "fit"),
    [
        ("0123456789", 28, 0.13, "digit"),
        ("0123456789", 28, 0.9, "squash"),  # dark on light
        ("0123456789", 27, 0.13, "squash"),
        ("abcdefghij", 28, 0.13, "squash"),
    ],
)
def test_models_of_digits_are_recognized_in_files_of_earlier_formats_only(path, classes, side, mean, fit) -> None:
    layer = Layer(Conv(floats(1, 1, side, side), floats(1)), ("a",))
    network = Network(
        (layer,), classes=tuple(classes), head=Dense(floats(10, 1), floats(10), (1, 1, 1)),
        meta={"input": [1, side, side]},
    )  # fmt: skip
    save_model(path, network)
    assert load_model(path).input.fit == "squash"
    rewrite(path, to_format(2, mean))
    assert load_model(path).input.fit == fit


def test_numpy_reads_it_without_pickles(saved, path) -> None:
    arrays = parts(path)
    names = [f"layers.{number}.{kind}" for number in range(3) for kind in ("weight", "bias")]
    training = ["training.mean", "training.state"]
    assert sorted(arrays) == sorted(["meta", *names, *(f"start.{name}" for name in names), *training])
    assert arrays["layers.0.weight"].shape == (2, 1, 3, 5)
    assert arrays["layers.2.weight"].shape == (2, 24)
    meta = json.loads(str(arrays["meta"]))
    assert (meta["format"], meta["classes"], meta["epochs"]) == (3, ["no", "yes"], 2)
    assert meta["preprocessing"] == {
        "channels": "auto", "size": None, "fit": "squash", "resize": None, "resample": "bilinear",
        "scale": 1, "mean": [0.25], "std": [0.5],
    }  # fmt: skip


def test_a_model_is_loaded_like_a_filter_file(saved, path) -> None:
    image = floats(1, 30, 40)
    np.testing.assert_array_equal(load_network(str(path)).feature_maps(image)[1], saved.feature_maps(image)[1])


def test_a_model_without_a_name_is_named_by_its_file(saved, path) -> None:
    assert load_network(path).name == "net"
    save_model(path, replace(saved, name="network"))
    assert load_network(path).name == "model"


def test_a_network_without_head_and_start_can_be_saved(path) -> None:
    save_model(path, replace(model(), head=None, start=None, classes=()))
    assert load_model(path).head is None
    assert load_checkpoint(path)[1] == {}


def test_a_file_that_cannot_be_written_is_reported(tmp_path) -> None:
    with pytest.raises(FileError, match="it cannot be written: its folder does not exist"):
        save_model(tmp_path / "none" / "model.npz", model())


def test_missing_files_and_folders_are_reported(tmp_path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.npz")
    assert "this is a folder" in refusal(tmp_path)


def test_a_newer_format_is_refused(saved, path) -> None:
    rewrite(path, lambda meta: meta.update(format=4))
    assert refusal(path) == f"{path}: it was made by a newer cnnfx (format 4, this one reads 3). Upgrade cnnfx."


def test_arrays_of_another_program_are_refused(path) -> None:
    np.savez(path, a=floats(3))
    assert refusal(path) == f"{path}: it has no meta, so it is not a model made by cnnfx train."


@pytest.mark.parametrize("name", ["layers.0.weight", "layers.1.bias", "layers.2.weight", "start.layers.1.weight"])
def test_a_missing_array_is_named(saved, path, name) -> None:
    rewrite(path, **{name: None})
    assert refusal(path) == f"{path}: the array {name} is missing. The file is damaged."


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("layers.0.weight", floats(3, 1, 3, 5)),
        ("layers.0.weight", floats(2, 1, 3)),
        ("layers.1.weight", floats(4, 2, 2, 2)),
        ("layers.1.weight", floats(4, 3, 2, 2).astype(np.float64)),
        ("layers.1.weight", floats(4, 3, 0, 2)),
        ("layers.1.bias", floats(5)),
        ("layers.1.bias", np.array(["a"] * 4)),
        ("layers.2.weight", floats(2, 25)),
        ("start.layers.2.weight", floats(3, 24)),
    ],
)
def test_an_array_of_another_shape_or_type_is_named(saved, path, name, array) -> None:
    rewrite(path, **{name: array})
    assert f"the array {name} is {array.dtype} of shape {array.shape}; float32 of shape (" in refusal(path)


def test_values_that_are_not_finite_are_refused(saved, path) -> None:
    rewrite(path, **{"layers.0.bias": np.array([1, np.nan], np.float32)})
    assert "the array layers.0.bias has values that are not finite" in refusal(path)


@pytest.mark.parametrize("name", ["layers.0.weight", "meta", "training.mean"])
def test_pickles_are_never_opened(saved, path, name) -> None:
    class Trap:
        def __reduce__(self):
            return print, ("opened",)

    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()], dtype=object), allow_pickle=True)
    for data in (buffer.getvalue(), pickle.dumps(Trap())):
        replace_entry(path, name, data)
        assert f"the array {name} cannot be read" in refusal(path)


def replace_entry(path, name: str, data: bytes, compression=zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as old:
        entries = {entry: old.read(entry) for entry in old.namelist()}
    entries[f"{name}.npy"] = data
    with zipfile.ZipFile(path, "w", compression) as new:
        for entry, content in entries.items():
            new.writestr(entry, content)


@pytest.mark.parametrize("name", ["layers.0.weight", "meta", "training.mean", "training.more"])
def test_a_zip_bomb_is_not_unpacked(saved, path, name) -> None:
    replace_entry(path, name, bytes(40_000_000), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    if name == "layers.0.weight":  # its header is read first, to compare the shape
        assert f"the array {name} cannot be read" in refusal(path)
    else:
        assert re.search(rf"the array {name} is 39,990,000 bytes large; the limit is [\d,]+\.$", refusal(path))


@pytest.mark.parametrize(
    ("name", "shape"), [("meta", (10**9,)), ("training.mean", (10**9,)), ("layers.0.weight", (2, 1, 10**5, 10**5))]
)
def test_an_array_whose_header_gives_a_huge_size_is_not_allocated(saved, path, name, shape) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    replace_entry(path, name, buffer.getvalue() + bytes(1000))
    assert re.search(rf"the array {name} is [\d,]+ bytes large; the limit is [\d,]+", refusal(path))


def test_arrays_in_column_major_order_are_read(saved, path) -> None:
    weights = parts(path)["layers.1.weight"]
    rewrite(path, **{"layers.1.weight": np.asfortranarray(weights)})
    np.testing.assert_array_equal(load_model(path).layers[1].conv.weights, weights)


def dropped(key):
    return lambda meta: meta.pop(key) and None


def changed(**values):
    return lambda meta: meta.update(values)


def preprocessing(**values):
    return lambda meta: meta["preprocessing"].update(values)


def first_layer(**values):
    return lambda meta: meta["layers"][0].update(values)


def dense(**values):
    return lambda meta: meta["layers"][2].update(values)


@pytest.mark.parametrize(
    "meta",
    [
        dropped("layers"), dropped("classes"), dropped("preprocessing"), changed(preprocessing=[]),
        changed(layers=[]), changed(layers=3),
        preprocessing(mean="x"), preprocessing(mean=[float("nan")]), preprocessing(std=[0]), preprocessing(std=[]),
        preprocessing(fit="cut"), preprocessing(fit=[]), preprocessing(size=3), preprocessing(size=[0, 3]),
        preprocessing(size=[1, 2, 3]), preprocessing(channels="rgba"), preprocessing(channels="bgr"),
        preprocessing(scale=0), preprocessing(scale=10**400), preprocessing(resample="nearest"),
        preprocessing(resize=-1), preprocessing(color="rgb"),
        changed(classes=["one"]), changed(classes="ab"), changed(format="1"), changed(format=True), changed(format=0),
        first_layer(filters=["a"]), first_layer(filters=[1, 2]), first_layer(kind="other"),
        first_layer(activation="tan"), first_layer(pool="max"), first_layer(pool=3), first_layer(stride=0),
        first_layer(stride=[1, 2, 3]), first_layer(groups=0), first_layer(groups="x"), first_layer(border="none"),
        first_layer(padding={}), first_layer(combine=[{}]),
        first_layer(combine=[{"name": "x", "kind": "norm", "of": [7]}]),
        dense(input=[4, 2]), dense(input=[3, 2, 4]), dense(input=None), dense(input=[4, -2, -3]),
        lambda meta: [meta], lambda meta: meta["layers"].reverse(),
        lambda meta: meta["layers"].append(meta["layers"][2]),
    ],
)  # fmt: skip
def test_a_meta_that_does_not_describe_a_network_is_refused(saved, path, meta) -> None:
    rewrite(path, meta)
    assert refusal(path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"input": "x"}, 'input is "x"'),
        ({"input": [1, 6]}, "input is [1, 6]"),
        ({"input": [1, 6, 0]}, "input is [1, 6, 0]"),
        ({"accuracy": ["y"]}, 'accuracy is ["y"]'),
        ({"accuracy": 0.5}, "accuracy is 0.5"),
        ({"epochs": None}, "epochs is null"),
        ({"seed": -1}, "seed is -1"),
        ({"dataset": 3}, "dataset is 3"),
        ({"input": [1, 6, 13]}, None),
        ({"input": [1, 12, 12]},
         "from an input of 1 channel of 12×12 the layers make 4 channels of 3×5; "
         "the dense layer takes 4 channels of 3×2"),
        ({"input": [2, 6, 12]}, "layer 1 of net: "),
        ({"input": [1, 1, 1]}, "layer 1 of net: "),
    ],
)  # fmt: skip
def test_the_description_of_the_run_is_checked(saved, path, run, message) -> None:
    rewrite(path, meta=changed(**run))
    if message is None:
        assert load_model(path).meta["input"] == run["input"]
    else:
        assert refusal(path).startswith(f"{path}: its meta does not describe a network: {message}")
        assert refusal(path).endswith("The file is damaged, or not a model.")
        assert ".." not in refusal(path)


def test_a_layer_above_the_dense_one_is_refused(saved, path) -> None:
    rewrite(path, lambda meta: meta["layers"].append({**meta["layers"][0], "kind": "maps", "filters": []}))
    assert refusal(path) == (
        f"{path}: its meta does not describe a network: a layer follows the dense one. The file is damaged, or not a "
        "model."
    )


def test_a_background_is_kept_and_checked(saved, path) -> None:
    rewrite(path, preprocessing(background="#123456"))
    network = load_model(path)
    assert network.input.background == "#123456"
    save_model(path, network)
    assert load_model(path).input == network.input
    rewrite(path, preprocessing(background=3))
    assert "background of the input: 3; the name of a color is needed" in refusal(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"format": 1}', "null", '{"format": 1' + "0" * 5000 + "}"])
def test_a_meta_that_is_not_json_is_refused(saved, path, text) -> None:
    np.savez(path, **{**parts(path), "meta": np.array(text)})
    assert refusal(path).startswith(f"{path}: ")


def test_a_file_truncated_anywhere_is_refused(saved, path) -> None:
    data = path.read_bytes()
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        assert refusal(path) == f"{path}: this is not an .npz file, or only a part of one."


def test_a_file_with_a_damaged_byte_is_loaded_or_refused(saved, path) -> None:
    data = path.read_bytes()
    for offset in range(0, len(data), 23):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 0x55]) + data[offset + 1 :])
        with suppress(FileError):
            load_checkpoint(path)


# Graphs


def graph() -> Network:
    """Return a network of named layers that uses every part of a layer."""
    depthwise = Conv(floats(4, 1, 3, 3), floats(4), padding=1, groups=4)
    layers = (
        Layer(Conv(floats(4, 3, 3, 3), floats(4), stride=2), tuple("abcd"), (),
              Activation("prelu", (0.1, 0.2, 0.3, 0.4)), Pool("max", 3, 2, ((0, 1), (1, 0)), ceil=True), name="first"),
        Layer(depthwise, tuple("efgh"), (), Activation("leaky_relu", 0.25), name="left",
              local_response=LocalResponse(3, 0.5, 0.75, 2.0)),
        Layer(Conv(floats(4, 4, 1, 1), floats(4)), tuple("ijkl"), (), Activation("hard_swish"), name="right",
              sources=("first",)),
        Layer(filter_names=tuple("efgh"), name="gate", sources=("left", "right"), join="multiply"),
        Layer(filter_names=(*"efgh", *"ijkl"), name="both", sources=("gate", "right"), pool=Pool("mean", None)),
        Layer(Conv(floats(2, 8, 1, 1), floats(2)), ("cat", "dog"), name="classes"),
    )  # fmt: skip
    network_input = Input("rgb", (20, 24), "crop", 30, "bicubic", 255.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    return Network(layers, "graph", input=network_input, classes=("cat", "dog"))


@pytest.fixture
def saved_graph(path):
    network = graph()
    save_model(path, network)
    return network


def test_a_saved_graph_is_loaded_unchanged(saved_graph, path) -> None:
    loaded, images = load_model(path), floats(2, 3, 20, 24)
    for own, other in zip(loaded.feature_maps(images), saved_graph.feature_maps(images), strict=True):
        np.testing.assert_array_equal(own, other)
    np.testing.assert_array_equal(loaded.probabilities(images), saved_graph.probabilities(images))
    assert loaded.input == saved_graph.input
    assert [loaded.sources(number) for number in range(1, 7)] == [(0,), (1,), (1,), (2, 3), (4, 3), (5,)]
    assert [(layer.name, layer.join) for layer in loaded.layers[3:5]] == [("gate", "multiply"), ("both", "concat")]
    assert [name for name in parts(path) if name != "meta"] == [
        f"layers.{number}.{kind}" for number in (0, 1, 2, 5) for kind in ("weight", "bias")
    ]


def test_a_loaded_graph_is_saved_with_the_same_bytes(saved_graph, path, tmp_path) -> None:
    save_model(tmp_path / "again.npz", load_model(path))
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_a_shipped_network_is_saved_and_loaded(path) -> None:
    faces = load_network("faces").bind(("red", "green", "blue"))
    save_model(path, faces)
    image = floats(3, 104, 120)
    np.testing.assert_array_equal(load_network(path).feature_maps(image)[-1], faces.feature_maps(image)[-1])


def layer_of_graph(number: int, **values):
    return lambda meta: meta["layers"][number].update(values)


IN_META = "its meta does not describe a network: "


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (layer_of_graph(1, name="first"), IN_META + "layer 2 is called 'first', which is the name of layer 1, too"),
        (layer_of_graph(1, name="input"), IN_META + "layer 2 is called 'input', which is the name of the image"),
        (layer_of_graph(2, **{"from": ["frst"]}), IN_META + "layer right reads 'frst', which does not exist"),
        (layer_of_graph(2, **{"from": ["gate"]}), IN_META + "layer right is part of a cycle: "),
        (layer_of_graph(1, **{"from": ["right"]}), IN_META + "layer left reads 'right', which comes after it"),
        (layer_of_graph(2, **{"from": 3}), IN_META),
        (layer_of_graph(2, name=[3]), IN_META),
        (layer_of_graph(3, join="subtract"), IN_META + "join 'subtract' is not known"),
        (layer_of_graph(4, join="multiply"), IN_META + "8 names for 4 channels"),
        (layer_of_graph(3, filters=["e", "f"]), IN_META + "2 names for 4 channels"),
        (layer_of_graph(3, **{"from": ["left", "input"]}), None),
        (layer_of_graph(3, kind="conv"), IN_META),
        (layer_of_graph(1, kind="maps"), None),
        (layer_of_graph(1, groups=3), IN_META + "4 input channels in 3 groups"),
        (layer_of_graph(1, groups=0), IN_META),
        (layer_of_graph(1, groups=2), "the array layers.1.weight is float32 of shape (4, 1, 3, 3); float32 of shape"),
        (layer_of_graph(0, slope=[0.1]), IN_META + "1 slopes for 4 channels"),
        (layer_of_graph(0, slope=None), IN_META),
        (layer_of_graph(0, slope=["x", 1, 2, 3]), IN_META),
        (layer_of_graph(1, slope="x"), IN_META),
        (layer_of_graph(1, local_response={"size": 3}), IN_META),
        (layer_of_graph(1, local_response=3), IN_META),
        (layer_of_graph(0, pool={"kind": "max"}), IN_META),
        (layer_of_graph(0, pool={"kind": "max", "size": 3, "stride": 0}), IN_META),
        (lambda meta: meta.update(classes=["one"]), IN_META + "1 classes for 2 scores"),
        (preprocessing(mean=[1, 2]), IN_META + "mean of the input: 2 numbers"),
    ],
)
def test_a_meta_that_does_not_describe_a_graph_is_refused(saved_graph, path, change, message) -> None:
    rewrite(path, change)
    if message is None:  # another network, which needs other images
        load_network(path)
    else:
        assert refusal(path).startswith(f"{path}: {message}")


# Hostile values of the meta


def nested(depth: int):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(input=[10**9, 6, 12]), IN_META + "input is [1000000000, 6, 12]"),
        (changed(input=[1, 6, 1 << 16]), IN_META + "input is [1, 6, 65536]"),
        (changed(input=[10**30, 6, 12]), "its meta is not JSON (it has 31 digits in a whole number; the limit is 19)"),
        (changed(x=-(10**400)), "its meta is not JSON (it has 401 digits in a whole number; the limit is 19)"),
        (
            changed(x=nested(32)),
            "its meta is not JSON (it has 33 arrays and objects inside each other; the limit is 32)",
        ),
        (changed(seed="s" * 100), IN_META + f'seed is "{"s" * 58}…'),
        (changed(name=["net"]), IN_META + "name is ['net'], not a text"),
        (changed(name="n" * 1001), IN_META + "name: it has 1,001 characters; the limit is 1,000"),
        (changed(source="n" * 100_001), IN_META + "source: it has 100,001 characters; the limit is 100,000"),
        (
            changed(classes=["no", "y" * 1001]),
            IN_META + "classes: it has 1,001 characters in a name; the limit is 1,000",
        ),
        (changed(classes=[""] * 65_537), IN_META + "classes: it has 65,537 names; the limit is 65,536"),
        (
            first_layer(filters=["a", "b" * 1001]),
            IN_META + "a layer: it has 1,001 characters in a name; the limit is 1,000",
        ),
        (
            lambda meta: meta["layers"].extend([{}] * 2_000),
            IN_META + "the network: it has 2,003 layers; the limit is 2,001",
        ),
        (first_layer(activation="t" * 1000), IN_META + f"activation '{'t' * 287}…"),
        (preprocessing(mean=[float("nan")]), IN_META + "mean of the input: None is not a finite number"),
    ],
)
def test_a_hostile_meta_is_refused_in_a_short_message(saved, path, change, message) -> None:
    rewrite(path, change)
    assert refusal(path) == f"{path}: {message}. The file is damaged{', or not a model' if IN_META in message else ''}."


def test_numbers_of_the_run_that_are_not_finite_are_read_as_unknown(saved, path) -> None:
    rewrite(path, changed(accuracy=[0.5, float("nan"), float("inf")]))
    assert load_model(path).meta["accuracy"] == [0.5, None, None]


def test_a_lone_surrogate_in_a_name_is_escaped(saved, path) -> None:
    rewrite(path, changed(name="n\udfff"))
    assert load_model(path).name == r"n\udfff"
