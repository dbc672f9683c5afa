"""Files of PyTorch: both containers, types, strides, the dictionaries and modules around the tensors."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.formats import load_network
from cnnfx.formats.pytorch.file import PyTorchFile
from cnnfx.formats.tensor_file import TensorError, TensorInfo
from tests.formats.pytorch_files import (
    call,
    dictionary,
    group,
    name,
    new,
    number,
    of_array,
    ordered,
    storage,
    tensor,
    text,
    write_archive,
    write_arrays,
    write_stream,
)

COUNTING = np.arange(24, dtype=np.float32)


def read_all(path: Path) -> dict[str, np.ndarray]:
    with PyTorchFile(path) as file:
        return {name: file.read(name) for name in file.names}


def read_one(folder: Path, value: bytes, data: bytes) -> np.ndarray:
    """Return a tensor, a view of the storage "0", read from an archive."""
    found = read_all(write_archive(folder / "a.pt", ordered({"w": value}), {"0": data}))["w"]
    assert found.flags.c_contiguous
    return found


# Containers


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_state_dict_is_read_from_both_containers(tmp_path: Path, is_stream: bool) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "conv.weight": random.normal(size=(4, 3, 5, 2)).astype(np.float32),
        "conv.bias": random.normal(size=4),
        "bn.num_batches_tracked": np.array(7),
        "half": random.normal(size=(2, 3)).astype(np.float16),
        "mask": np.array([True, False, True]),
        "image": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "empty": np.zeros((0, 3), np.float32),
    }
    found = read_all(write_arrays(tmp_path / "a.pt", arrays, is_stream=is_stream))
    assert list(found) == list(arrays)
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype
        np.testing.assert_array_equal(found[key], array)


@pytest.mark.parametrize("is_stream", [False, True])
def test_shapes_and_types_are_known_before_values_are_read(tmp_path: Path, is_stream: bool) -> None:
    arrays = {"w": np.zeros((2, 3), np.float32), "n": np.array(1)}
    with PyTorchFile(write_arrays(tmp_path / "a.pt", arrays, is_stream=is_stream)) as file:
        assert file.names == ("w", "n")
        assert file.info("w") == TensorInfo((2, 3), "float32", 24)
        assert file.info("n") == TensorInfo((), "int64", 8)
        assert file.order == "pytorch"


def test_the_ending_of_the_name_does_not_matter(tmp_path: Path) -> None:
    for is_stream in (False, True):
        path = write_arrays(tmp_path / "model.pth.tar", {"w": COUNTING}, is_stream=is_stream)
        np.testing.assert_array_equal(read_all(path)["w"], COUNTING)


def test_storages_of_a_stream_may_stand_in_any_order(tmp_path: Path) -> None:
    first, second = np.float32([1, 2]), np.float32([3, 4, 5])
    value = ordered({"a": of_array("x", first, b"N"), "b": of_array("y", second, b"N")})
    path = write_stream(tmp_path / "a.pt", value, {"y": (3, second.tobytes()), "x": (2, first.tobytes())})
    found = read_all(path)
    assert found["a"].tolist() == [1, 2]
    assert found["b"].tolist() == [3, 4, 5]


def test_storages_of_every_type_have_their_place_in_a_stream(tmp_path: Path) -> None:
    sizes = {
        "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1,
        "Bool": 1, "ComplexDouble": 16, "ComplexFloat": 8, "QInt32": 4, "QInt8": 1, "QUInt8": 1,
    }  # fmt: skip
    tensors = {kind: tensor(storage(kind, kind, 3, b"N"), (3,)) for kind in sizes}
    blocks = {kind: (3, bytes(3 * size)) for kind, size in sizes.items()}
    last = {"last": tensor(storage("last", "Float", 2, b"N"), (2,))}
    path = write_stream(
        tmp_path / "a.pt", ordered({**tensors, **last}), {**blocks, "last": (2, np.float32([3, 4]).tobytes())}
    )
    with PyTorchFile(path) as file:
        assert file.read("last").tolist() == [3, 4]


def test_a_storage_of_a_stream_may_be_a_part_of_another(tmp_path: Path) -> None:
    part = group(text("part"), number(5), number(6))
    value = ordered({"w": tensor(storage("0", "Float", 24, part), (2, 2), (3, 1), offset=1)})
    found = read_all(write_stream(tmp_path / "a.pt", value, {"0": (24, COUNTING.tobytes())}))
    assert found["w"].tolist() == [[6, 7], [9, 10]]


def test_a_view_beyond_the_part_of_a_storage_is_refused(tmp_path: Path) -> None:
    part = group(text("part"), number(5), number(4))
    value = ordered({"w": tensor(storage("0", "Float", 24, part), (2, 2), (3, 1), offset=1)})
    path = write_stream(tmp_path / "a.pt", value, {"0": (24, COUNTING.tobytes())})
    with pytest.raises(TensorError, match=r"^the tensor w: it reaches beyond the 16 bytes of its storage$"):
        read_all(path)


def test_only_the_part_of_a_storage_that_a_tensor_uses_is_read(tmp_path: Path) -> None:
    of = storage("0", "Float", 24)
    path = write_archive(tmp_path / "a.pt", ordered({"w": tensor(of, (2,), offset=20)}), {"0": COUNTING.tobytes()})
    with PyTorchFile(path) as file:
        sizes = []
        read = file._file.readinto
        file._file = type("Counting", (), {"readinto": lambda _, data: sizes.append(len(data)) or read(data),
                                           "seek": file._file.seek, "read": file._file.read,
                                           "close": file._file.close})()  # fmt: skip
        assert file.read("w").tolist() == [20, 21]
    assert sizes == [8]


# Strides


def test_a_tensor_that_is_not_contiguous_is_read_by_its_strides(tmp_path: Path) -> None:
    # MTCNN's weights have the strides of (kw, kh, C, K) in memory.
    stored = COUNTING.reshape(2, 3, 2, 2)  # kw, kh, C, K
    found = read_one(tmp_path, tensor(storage("0", "Float", 24), (2, 2, 3, 2), (1, 2, 4, 12)), COUNTING.tobytes())
    np.testing.assert_array_equal(found, stored.transpose(3, 2, 1, 0))


def test_a_slice_is_read_from_its_offset(tmp_path: Path) -> None:
    found = read_one(tmp_path, tensor(storage("0", "Float", 24), (3, 2), (6, 2), 7), COUNTING.tobytes())
    np.testing.assert_array_equal(found, COUNTING.reshape(4, 6)[1:, 1:5:2])


def test_an_expanded_tensor_repeats_its_values(tmp_path: Path) -> None:
    found = read_one(tmp_path, tensor(storage("0", "Float", 2), (3, 2), (0, 1)), COUNTING[:2].tobytes())
    assert found.tolist() == [[0, 1]] * 3


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=4), st.integers(0, 5))
def test_any_shape_and_strides_inside_a_storage_are_read(axes: list[tuple[int, int]], offset: int) -> None:
    shape, strides = tuple(size for size, _ in axes), tuple(stride for _, stride in axes)
    last = offset + sum((size - 1) * stride for size, stride in axes) if all(shape) else 0
    value = ordered({"w": tensor(storage("0", "Int", 60), shape, strides, offset)})
    stored = np.arange(60, dtype="<i4")
    with TemporaryDirectory() as folder:
        path = write_archive(Path(folder) / "a.pt", value, {"0": stored.tobytes()})
        if last >= 60:
            with pytest.raises(TensorError, match="it reaches beyond the 240 bytes of its storage"):
                read_all(path)
        else:
            found = read_all(path)["w"]
            assert found.shape == shape
            for place in np.ndindex(shape):
                assert found[place] == offset + sum(map(int.__mul__, place, strides))


def test_views_of_a_diagonal_overlap(tmp_path: Path) -> None:
    found = read_one(tmp_path, tensor(storage("0", "Float", 9), (2, 2), (4, 4)), COUNTING[:9].tobytes())
    assert found.tolist() == [[0, 4], [4, 8]]


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((4, 6), (6, 1), 1), ((4, 7), (6, 1), 0), ((25,), (1,), 0), ((2,), (24,), 0), ((2,), (1 << 61,), 0), ((), (), 24)],
)
def test_a_view_beyond_its_storage_is_refused(tmp_path: Path, shape, strides, offset) -> None:
    path = write_archive(
        tmp_path / "a.pt",
        ordered(
            {
                "w": tensor(storage("0", "Float", 24), shape, strides, offset),
                "v": tensor(storage("0", "Float", 24), (24,)),
            }
        ),
        {"0": COUNTING.tobytes()},
    )
    with PyTorchFile(path) as file:
        with pytest.raises(TensorError, match=r"^the tensor w: it reaches beyond the 96 bytes of its storage$"):
            file.info("w")
        np.testing.assert_array_equal(file.read("v"), COUNTING)


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((-1,), (1,), 0),
        ((2,), (-1,), 1),
        ((2,), (1,), -1),
        ((2,), (1, 1), 0),
        ((1 << 62,), (0,), 0),
        ((1,) * 33, (0,) * 33, 0),
    ],
)
def test_a_shape_that_no_tensor_has_is_refused(tmp_path: Path, shape, strides, offset) -> None:
    value = ordered({"w": tensor(storage("0", "Float", 24), shape, strides, offset)})
    with (
        PyTorchFile(write_archive(tmp_path / "a.pt", value, {"0": COUNTING.tobytes()})) as file,
        pytest.raises(TensorError, match=r"^the tensor w: its shape is malformed$"),
    ):
        file.info("w")


def test_a_tensor_may_have_as_many_axes_as_a_limit(tmp_path: Path) -> None:
    found = read_one(tmp_path, tensor(storage("0", "Float", 1), (1,) * 32, (7,) * 32), bytes(4))
    assert found.shape == (1,) * 32


def test_the_memory_of_an_expanded_tensor_is_known_before_it_is_read(tmp_path: Path) -> None:
    value = ordered({"w": tensor(storage("0", "Float", 1), (1 << 11, 1 << 11), (0, 0))})
    with PyTorchFile(write_archive(tmp_path / "a.pt", value, {"0": bytes(4)})) as file:
        assert file.info("w").nbytes == 4 << 22


def test_an_expanded_tensor_that_is_far_larger_than_its_file_is_an_error(tmp_path: Path) -> None:
    value = ordered({"w": tensor(storage("0", "Float", 1), (1 << 40, 1 << 40), (0, 0))})
    message = r"^the tensor w: it has over 10\^18 bytes; the limit is 16,777,216 for a file of this size$"
    with PyTorchFile(write_archive(tmp_path / "a.pt", value, {"0": bytes(4)})) as file:
        with pytest.raises(TensorError, match=message):
            file.info("w")
        with pytest.raises(TensorError, match=message):
            file.read("w")


def test_a_shape_that_numpy_does_not_have_is_an_error(tmp_path: Path) -> None:
    value = ordered({"w": tensor(storage("0", "Float", 1), (0, 1 << 40, 1 << 40), (0, 0, 0))})
    with (
        PyTorchFile(write_archive(tmp_path / "a.pt", value, {"0": bytes(4)})) as file,
        pytest.raises(TensorError, match=r"^the tensor w is too large"),
    ):
        file.read("w")


# Types


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("Double", "f8"), ("Float", "f4"), ("Half", "f2"), ("Long", "i8"), ("Int", "i4"), ("Short", "i2"), ("Char", "i1"),
     ("Byte", "u1")],
)  # fmt: skip
def test_each_class_of_storages_has_its_type(tmp_path: Path, kind: str, dtype: str) -> None:
    array = np.array([0, 1, 100, 7]).astype(f"<{dtype}")
    found = read_one(tmp_path, tensor(storage("0", kind, 4), (4,)), array.tobytes())
    assert found.dtype == array.dtype
    assert found.tolist() == [0, 1, 100, 7]


def test_every_byte_but_zero_is_true(tmp_path: Path) -> None:
    found = read_one(tmp_path, tensor(storage("0", "Bool", 4), (4,)), bytes([0, 1, 2, 255]))
    assert found.dtype == np.bool_
    assert found.view(np.uint8).tolist() == [0, 1, 1, 1]


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    bits = np.array([0x3F80, 0xC020, 0x7F80, 0x0001], "<u2")
    found = read_one(tmp_path, tensor(storage("0", "BFloat16", 4), (2, 2)), bits.tobytes())
    assert found.dtype == np.float32
    assert found.tolist() == [[1, -2.5], [np.inf, 2.0**-133]]
    with PyTorchFile(tmp_path / "a.pt") as file:
        assert file.info("w") == TensorInfo((2, 2), "bfloat16", 16)


def typed(dtype: str, count: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    """Return a tensor whose type is not that of its storage of bytes, as newer types are saved."""
    sizes = group(*map(number, shape)), group(*map(number, strides))
    of = storage("0", "Untyped", count).replace(b"torch\nUntyped", b"torch.storage\nUntyped")
    hooks = call("collections.OrderedDict")
    return call("torch._utils._rebuild_tensor_v3", of, number(offset), *sizes, b"\x89", hooks, name(f"torch.{dtype}"))


@pytest.mark.parametrize("ending", ["pt", "pth", "ckpt", "bin"])
def test_a_name_with_an_ending_of_pytorch_is_a_path(ending: str) -> None:
    with pytest.raises(FileError, match=f"^missing.{ending}: there is no such file"):
        load_network(f"missing.{ending}")


def test_float8_becomes_float32(tmp_path: Path) -> None:
    found = read_one(tmp_path, typed("float8_e4m3fn", 4, (2, 2), (1, 2)), bytes([0x38, 0xC0, 0x7E, 0x01]))
    assert found.tolist() == [[1, 448], [-2, 2.0**-9]]
    found = read_one(tmp_path, typed("float8_e5m2", 2, (2,), (1,)), bytes([0x3C, 0x7B]))
    assert found.tolist() == [1, 57344]


def test_unsigned_integers_are_read(tmp_path: Path) -> None:
    data = np.array([1, 65535, 3], "<u2")
    assert read_one(tmp_path, typed("uint16", 6, (2,), (1,), 1), data.tobytes()).tolist() == [65535, 3]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (tensor(storage("0", "ComplexFloat", 2), (2,)), "has complex values (complex64), which are not read"),
        (tensor(storage("0", "QInt8", 2), (2,)), "has quantized values (qint8), which are not read"),
    ],
)
def test_complex_and_quantized_values_are_refused_by_name(tmp_path: Path, value: bytes, reason: str) -> None:
    path = write_archive(tmp_path / "a.pt", ordered({"w": value}), {"0": bytes(16)})
    with PyTorchFile(path) as file:
        assert not file.info("w").has_numbers
        with pytest.raises(TensorError) as caught:
            file.read("w")
    assert str(caught.value) == f"the tensor w {reason}"


def test_an_unknown_type_is_refused_by_name(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.pt", ordered({"w": typed("int3", 2, (2,), (1,))}), {"0": bytes(16)})
    with PyTorchFile(path) as file, pytest.raises(TensorError, match=r"^the tensor w: its type int3 is not read$"):
        file.info("w")


def test_an_unknown_class_of_storages_is_refused_by_name(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.pt", ordered({"w": tensor(storage("0", "Ternary", 2), (2,))}), {"0": bytes(16)})
    with pytest.raises(TensorError, match=r'^it has a storage of the class "torch.TernaryStorage", which is not read$'):
        PyTorchFile(path)


def test_a_negated_view_has_the_negatives_of_its_storage(tmp_path: Path) -> None:
    value = tensor(storage("0", "Float", 2), (2,))
    assert value.endswith(b"tR")
    negated = value[:-2] + dictionary({"neg": b"\x88"}) + b"tR"
    assert read_one(tmp_path, negated, np.float32([1, -2]).tobytes()).tolist() == [-1, 2]
    negated = typed("float32", 8, (2,), (1,))[:-2] + dictionary({"neg": b"\x88"}) + b"tR"
    assert read_one(tmp_path, negated, np.float32([1, -2]).tobytes()).tolist() == [-1, 2]


# What is around the tensors


def names_of(folder: Path, value: bytes) -> list[str]:
    data = {key: bytes(4096) for key in "01234"}
    with PyTorchFile(write_archive(folder / "a.pt", value, data)) as file:
        return list(file.names)


WEIGHT = tensor(storage("0", "Float", 24), (2, 3, 2, 2))
BIAS = tensor(storage("1", "Float", 2), (2,))
STATE = ordered({"conv.weight": WEIGHT, "conv.bias": BIAS})
NAMES = ["conv.weight", "conv.bias"]
OPTIMIZER = dictionary(
    {"state": b"}" + number(0) + dictionary({"exp_avg": WEIGHT, "step": BIAS}) + b"s", "param_groups": b"]"}
)
NAMESPACE = new("argparse.Namespace", dictionary({"lr": number(1)}))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net", "ema", "anything"])
def test_the_key_of_a_wrapped_state_dict_is_not_part_of_the_names(tmp_path: Path, key: str) -> None:
    assert names_of(tmp_path, dictionary({"epoch": number(3), key: STATE})) == NAMES


def test_the_state_of_an_optimizer_is_left_out(tmp_path: Path) -> None:
    assert names_of(tmp_path, dictionary({"optimizer": OPTIMIZER, "weights_of_my_net": STATE})) == NAMES
    assert names_of(tmp_path, dictionary({"optimizers": b"](" + OPTIMIZER + b"e", "my_net": STATE})) == NAMES


def test_the_state_of_a_random_generator_is_left_out(tmp_path: Path) -> None:
    rng = tensor(storage("2", "Byte", 100), (100,))
    assert names_of(tmp_path, dictionary({"rng_state": rng, "model": STATE})) == NAMES
    assert names_of(tmp_path, dictionary({"rng_state": rng, "my_net": STATE})) == NAMES


def test_the_model_precedes_its_moving_average(tmp_path: Path) -> None:
    average = ordered({"average.weight": WEIGHT})
    assert names_of(tmp_path, dictionary({"ema": average, "model": STATE})) == NAMES


def test_names_of_several_networks_keep_their_keys(tmp_path: Path) -> None:
    value = dictionary({"generator": STATE, "discriminator": STATE})
    assert names_of(tmp_path, value) == [f"{key}.{name}" for key in ("generator", "discriminator") for name in NAMES]


def test_wrappers_inside_each_other_are_left_out(tmp_path: Path) -> None:
    assert names_of(tmp_path, dictionary({"checkpoint": dictionary({"state_dict": STATE})})) == NAMES


def test_names_in_nested_dictionaries_are_joined(tmp_path: Path) -> None:
    layer = dictionary({"weight": WEIGHT, "bias": BIAS})
    value = dictionary({"conv1": layer, "block": dictionary({"conv2": layer})})
    assert names_of(tmp_path, value) == ["conv1.weight", "conv1.bias", "block.conv2.weight", "block.conv2.bias"]


def test_a_list_of_tensors_has_numbers_as_names(tmp_path: Path) -> None:
    assert names_of(tmp_path, b"](" + WEIGHT + BIAS + b"e") == ["0", "1"]
    assert names_of(tmp_path, b"}" + number(7) + WEIGHT + b"s") == ["7"]


def test_a_single_tensor_has_a_name(tmp_path: Path) -> None:
    assert names_of(tmp_path, WEIGHT) == ["tensor"]


def test_parameters_are_their_tensors(tmp_path: Path) -> None:
    hooks = call("collections.OrderedDict")
    value = ordered(
        {
            "a": call("torch._utils._rebuild_parameter", WEIGHT, b"\x88", hooks),
            "b": call("torch.nn.parameter.Parameter", BIAS, b"\x88"),
            "c": call(
                "torch._tensor._rebuild_from_type_v2",
                name("torch._utils._rebuild_tensor_v2"),
                name("my.Tensor"),
                group(storage("0", "Float", 24), number(0), group(number(2)), group(number(1))),
                b"}",
            ),
        }
    )
    assert names_of(tmp_path, value) == ["a", "b", "c"]


def test_tensors_that_share_a_storage_are_read_under_each_name(tmp_path: Path) -> None:
    shared = WEIGHT + b"q\x05"
    found = read_all(
        write_archive(tmp_path / "a.pt", dictionary({"a": shared, "b": b"h\x05"}), {"0": COUNTING.tobytes()})
    )
    np.testing.assert_array_equal(found["a"], found["b"])


def test_a_dictionary_of_python_2_is_read(tmp_path: Path) -> None:
    # Its text is strings of bytes, and an OrderedDict is called with a list of pairs.
    pairs = b"](](U\x06weight" + WEIGHT + b"e](U\x04bias" + BIAS + b"ee"
    assert names_of(tmp_path, call("collections.OrderedDict", pairs)) == ["weight", "bias"]


def test_settings_of_unknown_classes_beside_a_state_dict_do_not_matter(tmp_path: Path) -> None:
    accuracy = call("numpy.core.multiarray.scalar", call("numpy.dtype", text("f8")), b"C\x08" + bytes(8))
    settings = new("my_project.config.Config", dictionary({"seed": number(1)}))
    value = dictionary({"args": NAMESPACE, "best": accuracy, "model": STATE, "config": settings})
    assert names_of(tmp_path, value) == NAMES


def module(path: str, tensors: dict[str, bytes], modules: dict[str, bytes]) -> bytes:
    state = {
        "training": b"\x88",
        "_parameters": ordered(tensors),
        "_buffers": ordered({}),
        "_forward_hooks": ordered({}),
        "_modules": ordered(modules),
    }
    return new(path, dictionary(state))


CONV = module("torch.nn.modules.conv.Conv2d", {"weight": WEIGHT, "bias": BIAS}, {})


def test_a_pickled_module_has_the_names_of_its_state_dict(tmp_path: Path) -> None:
    block = module("my.Block", {"scale": BIAS, "bias": b"N"}, {"conv": CONV})
    net = module("my.Net", {}, {"features": block, "head": CONV})
    wanted = ["features.scale", "features.conv.weight", "features.conv.bias", "head.weight", "head.bias"]
    assert names_of(tmp_path, net) == wanted
    assert names_of(tmp_path, dictionary({"epoch": number(1), "model": net})) == wanted


def test_a_module_that_python_2_pickled_is_read(tmp_path: Path) -> None:
    made = call("copy_reg._reconstructor", name("my.Net"), name("__builtin__.object"), b"N")
    state = dictionary({"_modules": ordered({"conv": CONV}), "_parameters": ordered({}), "layers": b"]"})
    assert names_of(tmp_path, made + state + b"b") == NAMES
    with pytest.raises(TensorError, match=r'an object of the class "my.Other"'):
        names_of(tmp_path, call("copy_reg._reconstructor", name("my.Other"), name("__builtin__.object"), b"N") + b"}b")


def test_the_name_of_the_only_module_in_a_module_stays(tmp_path: Path) -> None:
    assert names_of(tmp_path, module("my.Net", {}, {"model": CONV})) == ["model.weight", "model.bias"]


def test_a_pickled_module_in_a_stream_is_read(tmp_path: Path) -> None:
    # The stream has the class of a module as a persistent identifier, with its source.
    source = group(text("module"), name("my.Net"), text("net.py"), text("class Net: ...")) + b"Q"
    of = storage("0", "Float", 24, b"N")
    state = dictionary({"_modules": ordered({}), "_parameters": ordered({"weight": tensor(of, (24,))})})
    path = write_stream(tmp_path / "a.pt", source + b")\x81" + state + b"b", {"0": (24, COUNTING.tobytes())})
    np.testing.assert_array_equal(read_all(path)["weight"], COUNTING)


def test_a_torchscript_archive_has_the_attributes_of_its_modules(tmp_path: Path) -> None:
    conv = new(
        "__torch__.torch.nn.modules.conv.Conv2d", dictionary({"training": b"\x88", "weight": WEIGHT, "bias": BIAS})
    )
    padding = call("torch.jit._pickle.build_intlist", b"](" + number(1) + b"e")
    net = new("__torch__.Net", dictionary({"training": b"\x88", "padding": padding, "conv": conv}))
    assert names_of(tmp_path, net) == NAMES


@pytest.mark.parametrize(
    "value",
    [
        new("my.Net", dictionary({"layers": number(3)})),
        call("my.Net", WEIGHT),
        call("my.Net", call("_codecs.encode", text("b"), text("latin1"))),
    ],
)
def test_an_object_without_readable_tensors_is_refused_by_its_class(tmp_path: Path, value: bytes) -> None:
    with pytest.raises(TensorError) as caught:
        names_of(tmp_path, value)
    assert str(caught.value) == (
        'it has no tensors, but an object of the class "my.Net"; save the tensors with '
        "torch.save(model.state_dict(), …)"
    )


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TensorError) as caught:
        names_of(tmp_path, dictionary({"epoch": number(3)}))
    assert str(caught.value) == "it has no tensors; save the tensors with torch.save(model.state_dict(), …)"


def test_names_are_made_printable(tmp_path: Path) -> None:
    assert names_of(tmp_path, dictionary({"a\x1b[2J": WEIGHT})) == ["a\\x1b[2J"]


def test_two_tensors_with_the_same_name_are_refused(tmp_path: Path) -> None:
    value = dictionary({"a.b": WEIGHT, "a": dictionary({"b": BIAS})})
    with pytest.raises(TensorError, match=r'^it has two tensors with the name "a.b"$'):
        names_of(tmp_path, value)
