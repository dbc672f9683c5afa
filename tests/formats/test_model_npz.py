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


def test_a_file_of_format_1_is_read(saved, path) -> None:
    def to_format_1(meta) -> None:
        meta["format"], meta["deviation"] = 1, meta.pop("std")

    rewrite(path, to_format_1)
    assert load_model(path).input.std == saved.input.std == (0.5,)
    assert "deviation" not in load_model(path).meta


def test_numpy_reads_it_without_pickles(saved, path) -> None:
    arrays = parts(path)
    names = [f"layers.{number}.{kind}" for number in range(3) for kind in ("weight", "bias")]
    training = ["training.mean", "training.state"]
    assert sorted(arrays) == sorted(["meta", *names, *(f"start.{name}" for name in names), *training])
    assert arrays["layers.0.weight"].shape == (2, 1, 3, 5)
    assert arrays["layers.2.weight"].shape == (2, 24)
    meta = json.loads(str(arrays["meta"]))
    assert (meta["format"], meta["mean"], meta["classes"], meta["epochs"]) == (2, 0.25, ["no", "yes"], 2)


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
    rewrite(path, lambda meta: meta.update(format=3))
    assert refusal(path) == f"{path}: it was made by a newer cnnfx (format 3, this one reads 2). Upgrade cnnfx."


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
    replace_entry(path, name, bytes(300_000_000), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    assert f"the array {name} cannot be read" in refusal(path)


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


def first_layer(**values):
    return lambda meta: meta["layers"][0].update(values)


def dense(**values):
    return lambda meta: meta["layers"][2].update(values)


@pytest.mark.parametrize(
    "meta",
    [
        dropped("layers"), dropped("classes"), dropped("mean"),
        changed(layers=[]), changed(layers=3), changed(mean="x"), changed(mean=float("nan")), changed(std=0),
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
