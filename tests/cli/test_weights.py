"""Files of weights on the command line: the tensors that can be filters, one of them as a layer, and an arch file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import cnnfx
from cnnfx.cli.options import OrderName
from cnnfx.formats.filter_order import ORDERS
from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused, run, shell
from tests.cli.test_help import completed

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "features.0.weight": RANDOM.normal(size=(4, 3, 5, 5)).astype(np.float32),
    "features.0.bias": RANDOM.normal(size=4).astype(np.float32),
    "features.3.weight": RANDOM.normal(size=(6, 4, 3, 3)).astype(np.float32),
    "classifier.weight": RANDOM.normal(size=(5, 6)).astype(np.float32),
}
UNKNOWN = "the layers of its network are not known"
CAN_BE = "2 tensors can be filters: features.0.weight, features.3.weight."
ARCH = """
classes = ["a", "b", "c", "d", "e", "f"]

[[layer]]
name = "first"
weights = "features.0.weight"
activation = "relu"

[[layer]]
name = "second"
weights = "features.3.weight"
pool = "mean:all"
"""


@pytest.fixture(autouse=True)
def weights(in_a_folder: Path) -> None:
    """Write weights of PyTorch and of Keras, and an arch file, into the folder of the test."""
    np.savez("weights.npz", **WEIGHTS)
    np.savez(
        "keras.npz",
        **{"conv/kernel:0": RANDOM.normal(size=(7, 5, 3, 8)), "dw/depthwise_kernel:0": np.ones((3, 3, 8, 1))},
    )
    Path("arch.toml").write_text(ARCH)
    shutil.copy(SAMPLES / "colors.png", "colors.png")


def test_the_option_has_the_orders_of_the_library() -> None:
    assert OrderName.__args__ == tuple(ORDERS)


# The list of tensors


def test_without_a_layer_the_tensors_that_can_be_filters_are_listed() -> None:
    result = done("show-filters", "weights.npz")
    assert result.stdout == (
        "tensor             filters             shape\n"
        "features.0.weight  4 filters of 3×5×5  4×3×5×5\n"
        "features.3.weight  6 filters of 4×3×3  6×4×3×3\n"
    )
    assert result.stderr == f"weights.npz: {UNKNOWN}. --layer NAME draws one of these tensors.\n"


def test_the_list_says_the_order_of_the_axes_if_it_is_not_that_of_pytorch() -> None:
    result = done("show-filters", "keras.npz", "--order", "keras")
    assert "conv/kernel:0          8 filters of 3×5×7  7×5×3×8\n" in result.stdout
    assert "dw/depthwise_kernel:0  8 filters of 1×3×3  3×3×8×1\n" in result.stdout
    assert result.stderr.startswith(
        "The order of the axes is keras: (kh, kw, C, K), of Keras, TensorFlow and JAX; depthwise: (kh, kw, C, m), "
    )


def test_a_quiet_list_has_no_messages() -> None:
    assert done("show-filters", "keras.npz", "-q").stderr == ""


def test_the_list_as_json_has_an_object_for_each_tensor() -> None:
    first, second = map(json.loads, done("show-filters", "weights.npz", "--json", "-q").stdout.splitlines())
    assert first == {
        "file": "weights.npz",
        "tensor": "features.0.weight",
        "layer_name": "features.0.weight",
        "shape": [4, 3, 5, 5],
        "type": "float32",
        "order": "pytorch",
        "filters": 4,
        "size": {"channels": 3, "width": 5, "height": 5},
    }
    assert second["tensor"] == "features.3.weight"


def test_the_list_of_kernels_has_no_order_in_json() -> None:
    np.savez("kernels.npz", x=np.ones((2, 3)), y=np.ones((3, 2)))
    found = [json.loads(line) for line in done("show-filters", "kernels.npz", "--json").stdout.splitlines()]
    assert [one["order"] for one in found] == [None, None]
    assert found[0]["size"] == {"channels": 1, "width": 3, "height": 2}


@pytest.mark.parametrize("columns", [30, 60])
def test_on_a_terminal_the_list_fits_its_columns(columns: int) -> None:
    code, text = on_a_terminal("show-filters", "weights.npz", COLUMNS=str(columns))
    assert code == 0
    assert max(map(len, text.splitlines())) <= columns
    assert ("tensor             filters" in text) == (columns == 60)
    assert ("features.0.weight: 4 filters" in text) == (columns == 30)


def test_in_a_pipe_the_list_is_one_line_for_each_tensor() -> None:
    found = shell("cnnfx show-filters weights.npz 2>/dev/null | tail -n 1 | cut -d ' ' -f 1")
    assert found.stdout == b"features.3.weight\n"


# One tensor as a layer


def test_a_part_of_a_name_chooses_a_tensor() -> None:
    text = done("show-filters", "weights.npz", "--layer", "features.0", "--only", "1", "--values").stdout
    assert text.startswith("features.0.weight: 4 filters of 5×5\n1 on red:\n")
    assert f"bias {WEIGHTS['features.0.bias'][0]:.4g}\n" in text


@pytest.mark.parametrize("output", ["filters.png", "-"])
def test_the_filters_of_a_tensor_are_drawn_into_a_picture(output: str) -> None:
    result = done("show-filters", "weights.npz", "--layer", "features.0", "-o", output, "--format", "png")
    content = result.stdout_bytes if output == "-" else Path(output).read_bytes()
    assert content.startswith(b"\x89PNG")


def test_the_settings_of_the_last_layer_are_those_of_the_tensor() -> None:
    options = ("--layer", "features.0", "--stride", "2", "--padding", "1", "--activation", "relu")
    done("apply", "colors.png", "-f", "weights.npz", *options, "-o", "maps.npy")
    image = cnnfx.load_image("colors.png", channels="rgb").pixels() / np.float32(255)
    expected = cnnfx.correlate(image, WEIGHTS["features.0.weight"], WEIGHTS["features.0.bias"], stride=2, padding=1)
    np.testing.assert_allclose(np.load("maps.npy"), np.maximum(expected, 0), atol=1e-5)


def test_maps_are_named_after_the_file() -> None:
    assert done("apply", "colors.png", "-f", "weights.npz", "--layer", "features.0").stderr.startswith(
        "colors.weights.png: 4 channels of "
    )


def test_an_interactive_page_shows_a_tensor() -> None:
    done("apply", "colors.png", "-f", "weights.npz", "--layer", "features.0", "-o", "page.html")
    assert b"features.0.weight" in Path("page.html").read_bytes()


def test_a_tensor_can_be_combined_with_other_filters_and_followed_by_some() -> None:
    np.save("kernel.npy", np.ones((3, 3)))
    done("apply", SEVEN, "-f", "kernel.npy", "-f", "edges", "-o", "five.npy")
    assert np.load("five.npy").shape == (5, 26, 26)
    done("apply", "colors.png", "-f", "weights.npz", "--then", "box", "--layer", "features.0", "-o", "one.npy")
    assert np.load("one.npy").shape[0] == 4


def test_other_commands_take_a_tensor_too() -> None:
    np.save("kernel.npy", np.array([[0, 1], [2, 3]]))
    assert "0 1" in done("explain", SEVEN, "-f", "kernel.npy", "--at", "12,5").stdout
    done("animate", SEVEN, "-f", "kernel.npy", "--size", "6", "-o", "slide.gif")
    assert "kernel  1 map of 27×27           5  1 filter of 2×2" in done("summary", "kernel.npy").stdout


# Messages


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("apply", "colors.png", "-f"), "Choose one with --layer; cnnfx show-filters lists them all."),
        (
            ("apply", "colors.png", "--layer", "all", "-f"),
            "Choose one with --layer; cnnfx show-filters lists them all.",
        ),
        (("explain", "colors.png", "-f"), "Choose one with --layer; cnnfx show-filters lists them all."),
        (("animate", "colors.png", "-f"), "Choose one with --layer; cnnfx show-filters lists them all."),
        (("show-patterns", "--method", "maximization"), "Choose one with --layer; cnnfx show-filters lists them all."),
        (("show-filters", "-o", "filters.png"), "Choose one with --layer; cnnfx show-filters lists them all."),
        (("show-filters", "--layer", "all"), "Choose one with --layer; cnnfx show-filters lists them all."),
        (("summary",), "Describe the layers in a TOML file, and give it with --arch."),
        (("evaluate", "--data", "drawn"), "Describe the layers in a TOML file, and give it with --arch."),
        (("predict", "colors.png", "-m"), "Describe the layers in a TOML file, and give it with --arch."),
    ],
)
def test_without_a_layer_other_commands_name_some_tensors(command: tuple[str, ...], advice: str) -> None:
    message = refused(*command, "weights.npz", code=2)
    assert message == f"cnnfx: weights.npz: {UNKNOWN}, but {CAN_BE} {advice}"


@pytest.mark.parametrize("command", [("show-filters",), ("apply", "colors.png", "-f")])
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("features", "'features' is part of the names of 2 tensors: features.0.weight, features.3.weight. Write more "
         "of the name."),
        ("featurs.0", "there is no tensor 'featurs.0' of filters. Did you mean \"features.0.weight\"?"),
        ("7", "its tensors have names, no numbers. These can be filters: features.0.weight, features.3.weight."),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_exist_is_wrong_usage(command: tuple[str, ...], layer: str, message: str) -> None:
    assert refused(*command, "weights.npz", "--layer", layer, code=2) == f"cnnfx: weights.npz: {message}"


def test_filters_of_other_channels_than_the_image_has_are_refused() -> None:
    message = refused("apply", "colors.png", "-f", "weights.npz", "--layer", "features.3", "-o", "maps.npy")
    assert message == (
        "cnnfx: colors.png: layer features.3.weight of weights: its filters have 4 input channels, its input has 1 "
        "(gray). Filters of a deeper layer read the maps of the layer before it: apply that layer first with -o "
        "MAPS.npy, and this one to MAPS.npy. Or describe all layers in a TOML file; for weights, give it with --arch."
    )


def test_filters_of_a_deeper_layer_are_applied_to_maps() -> None:
    done("apply", "colors.png", "-f", "weights.npz", "--layer", "features.0", "-o", "first.npy")
    done("apply", "first.npy", "-f", "weights.npz", "--layer", "features.3", "-o", "second.npy")
    expected = cnnfx.correlate(np.load("first.npy"), WEIGHTS["features.3.weight"])
    np.testing.assert_allclose(np.load("second.npy"), expected, atol=1e-4)


@pytest.mark.parametrize("number", ["0", "3"])
def test_the_number_of_a_module_in_a_sequential_names_its_tensor(number: str) -> None:
    np.savez("sequential.npz", **{name.removeprefix("features."): value for name, value in WEIGHTS.items()})
    done("show-filters", "sequential.npz", "--layer", number, "-o", "filters.png")
    shown = json.loads(done("show-filters", "sequential.npz", "--layer", number, "--json").stdout)
    assert shown["layer_name"] == f"{number}.weight"


def test_a_number_that_no_module_has_is_wrong_usage() -> None:
    np.savez("sequential.npz", **{"0.weight": WEIGHTS["features.0.weight"], "10.weight": np.ones((6, 4, 3, 3))})
    message = refused("show-filters", "sequential.npz", "--layer", "1", code=2)
    assert message == (
        "cnnfx: sequential.npz: its tensors have names, no numbers. These can be filters: 0.weight, 10.weight."
    )
    assert not Path("maps.npy").exists()


def test_damaged_files_are_refused_without_output() -> None:
    Path("cut.npz").write_bytes(Path("weights.npz").read_bytes()[:-40])
    for command in (("show-filters", "cut.npz"), ("apply", "colors.png", "-f", "cut.npz", "-o", "maps.npy")):
        assert refused(*command).startswith("cnnfx: cut.npz: this is not an .npz file, or only a part of one.")
    assert not Path("maps.npy").exists()


@pytest.mark.parametrize("command", ["apply", "explain", "animate"])
def test_a_network_in_place_of_an_image_is_named_as_one(command: str) -> None:
    Path("net.pth").write_bytes(b"")
    assert (
        refused(command, "net.pth", code=2) == "cnnfx: net.pth is a network, not an image. Name it with -f: -f net.pth."
    )


def test_a_network_among_images_does_not_keep_the_others_from_being_processed() -> None:
    result = run("apply", "weights.npz", "arch.toml", "colors.png", "-f", "edges", "-o", "maps/")
    assert result.exit_code == 1
    assert Path("maps/colors.top.png").exists()


def test_an_unknown_order_is_wrong_usage() -> None:
    message = refused("show-filters", "weights.npz", "--order", "caffe", code=2)
    assert "'--order': 'caffe' is not one of 'pytorch', 'keras', 'depthwise', 'mlx', 'theano'." in message


@pytest.mark.parametrize(
    "command",
    [
        ("show-filters",),
        ("summary",),
        ("apply", SEVEN, "-o", "maps.npy", "-f"),
        ("explain", SEVEN, "-f"),
        ("animate", SEVEN, "--size", "4", "-f"),
        ("predict", SEVEN, "-m"),
        ("evaluate",),
        ("show-patterns", "--data", "nowhere"),
    ],
)
def test_options_for_files_of_weights_have_no_effect_on_others(command: tuple[str, ...]) -> None:
    note = "cnnfx: --order and --arch have no effect on presets, filter files and models of cnnfx, only on files of "
    result = run(*command, "edges", "--order", "keras", "--arch", "arch.toml")
    assert result.stderr.startswith(note)


def test_a_filter_file_in_a_pipe_is_read_once() -> None:
    Path("box.toml").write_text("[[filter]]\nname = 'box'\nweights = [[1]]\n")
    result = shell("cat box.toml | cnnfx show-filters /dev/stdin > filters.txt")
    assert result.returncode == 0
    assert Path("filters.txt").read_text().startswith("stdin: 1 filter of 1×1")


# Arch files


def test_a_layer_of_an_arch_file_is_meant_before_a_tensor_of_its_name() -> None:
    np.savez("named.npz", first=WEIGHTS["features.0.weight"])
    Path("named.toml").write_text('[[layer]]\nname = "first"\nweights = "first"\nstride = 2\n')
    done("apply", "colors.png", "-f", "named.npz", "--arch", "named.toml", "--layer", "first", "-o", "maps.npy")
    image = cnnfx.load_image("colors.png", channels="rgb").pixels() / np.float32(255)
    expected = cnnfx.correlate(image, WEIGHTS["features.0.weight"], stride=2)
    np.testing.assert_allclose(np.load("maps.npy"), expected, atol=1e-4)


def test_an_arch_file_describes_the_layers() -> None:
    done("apply", "colors.png", "-f", "weights.npz", "--arch", "arch.toml", "--layer", "first", "-o", "maps.npy")
    image = cnnfx.load_image("colors.png", channels="rgb").pixels() / np.float32(255)
    expected = np.maximum(cnnfx.correlate(image, WEIGHTS["features.0.weight"]), 0)
    np.testing.assert_allclose(np.load("maps.npy"), expected, atol=1e-5)


def test_an_arch_file_gives_classes() -> None:
    result = done("predict", "colors.png", "-m", "weights.npz", "--arch", "arch.toml", "--top", "1", "--json")
    assert json.loads(result.stdout)["class"] in "abcdef"


def test_the_summary_of_weights_has_the_layers_of_the_arch_file() -> None:
    layers = json.loads(done("summary", "weights.npz", "--arch", "arch.toml", "--json").stdout)["layers"]
    assert {layer["layer_name"] for layer in layers} == {"first", "second"}


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("apply", "colors.png", "-f", "weights.npz", "--format", "npz"), "-o"),
        (("animate", "colors.png", "-f", "weights.npz", "--format", "gif"), "-o"),
        (("show-filters", "weights.npz", "--layer", "first", "--format", "png"), "-o"),
        (("predict", "colors.png", "-m", "weights.npz", "--format", "png"), "-o"),
        (("show-patterns", "weights.npz", "--method", "maximization", "--format", "png"), "-o"),
    ],
)
def test_an_arch_file_is_an_input_which_no_output_overwrites(command: tuple[str, ...], option: str) -> None:
    message = refused(*command, "--arch", "arch.toml", option, "arch.toml", code=2)
    assert "arch.toml: the output (-o) is also an input (--arch): it would be overwritten." in message
    assert Path("arch.toml").read_text() == ARCH


# Completion


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("cnnfx show-filters weights.npz --layer f", ["features.0.weight", "features.3.weight"]),
        ("cnnfx apply a.png -f weights.npz --layer features.3", ["features.3.weight"]),
        ("cnnfx show-filters keras.npz --layer ", ["conv/kernel:0", "dw/depthwise_kernel:0", "all"]),
        ("cnnfx show-filters weights.npz --arch arch.toml --layer ", ["first", "second", "all"]),
        ("cnnfx apply a.png -f weights.npz --layer features.3 --only ", ["1", "2", "3", "4", "5", "6"]),
        ("cnnfx show-filters weights.npz --order ", list(ORDERS)),
    ],
)
def test_the_shell_completes_names_of_tensors_and_orders(line: str, names: list[str]) -> None:
    assert completed(line) == names
