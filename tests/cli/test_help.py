"""The help: every command and option is documented, with examples, in 80 columns."""

from __future__ import annotations

import json
import subprocess
import sys
import typing

import pytest
import typer.main

import cnnfx
from cnnfx.cli import app, options, parsers
from cnnfx.features.search import METHODS
from cnnfx.formats.arch import DEFAULT_WIDTHS, FIRST_KERNEL_SIZE, KERNEL_SIZE
from cnnfx.images import MAX_PIXELS
from cnnfx.nn.layers import ACTIVATIONS
from cnnfx.pipeline.pipeline import CHANNELS
from cnnfx.render.color import COLORMAPS, NORMALIZATIONS, Scope
from cnnfx.training.predict import DEFAULT_MODEL
from tests.cli.commands import COMMAND, done, environment, refused, run, shell

COMMANDS = typer.main.get_command(app).commands
PARAMETERS = [(name, parameter) for name, command in COMMANDS.items() for parameter in command.params]


def test_the_commands_are_listed_in_their_order():
    assert list(COMMANDS) == [
        "list-filters", "show-filters", "apply", "animate", "explain", "train", "summary", "evaluate", "predict",
        "show-patterns", "convert",
    ]  # fmt: skip


def test_the_list_of_commands_shortens_no_summary():
    text = done("--help").stdout
    assert "..." not in text[text.index("Commands:") :]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_examples(name):
    text = done(name, "--help").stdout
    assert text.startswith(f"Usage: cnnfx {name}")
    assert f"\n    cnnfx {name} " in text or f"\n    cnnfx {name}\n" in text


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_line_of_help_fits_80_columns(name):
    text = done(*([name] if name else []), "--help").stdout
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("columns", [40, 60])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_on_a_narrow_terminal_no_word_of_the_help_is_broken(name, columns, monkeypatch):
    args = (*([name] if name else []), "--help")
    monkeypatch.setenv("COLUMNS", "200")
    words = done(*args).stdout.split()
    monkeypatch.setenv("COLUMNS", str(columns))
    text = done(*args).stdout
    assert text.replace(" \\\n", "\n").split() == words
    too_long = [line for line in text.splitlines() if len(line) > columns]
    # One word; or the choices of an option, or an argument in quotes.
    assert all(" " not in line.strip() or "<" in line or "'" in line for line in too_long)


def test_a_long_example_is_continued_between_arguments(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert (
        "    cnnfx apply photo.png -k '0 -1 0; -1 5 -1; 0 -1 0' \\\n        --normalize none\n"
        in done("apply", "--help").stdout
    )


def test_on_a_narrow_terminal_what_a_command_does_stands_below_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert "\n    cnnfx list-filters\n        list the presets\n" in done("--help").stdout


def test_each_commands_summary_is_one_line_of_80_columns():
    lines = done("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS, ids=lambda value: getattr(value, "name", value))
def test_every_parameter_is_documented(command, parameter):
    assert parameter.help


def test_a_repeatable_argument_is_shown_with_dots():
    assert done("apply", "--help").stdout.startswith("Usage: cnnfx apply [OPTIONS] IMAGE...\n")


def test_an_optional_argument_is_shown_in_brackets():
    assert done("show-filters", "--help").stdout.startswith("Usage: cnnfx show-filters [OPTIONS] [SPEC]\n")


def test_the_options_of_apply_have_headings():
    lines = done("apply", "--help").stdout.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "Arguments:", "Filters:", "The last layer:", "Images:", "Output:", "The colors:", "The picture:",
        "Messages:", "Options:",
    ]  # fmt: skip


def test_the_short_option_gives_the_same_help():
    assert done("apply", "-h").stdout == done("apply", "--help").stdout


def test_without_a_command_the_help_is_an_error():
    assert refused(code=2) == done("--help").stdout.removesuffix("\n")


def test_the_version_is_that_of_the_package():
    assert done("--version").stdout == f"cnnfx {cnnfx.__version__}\n"


def test_python_m_cnnfx_is_called_cnnfx():
    shown = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, env=environment(), check=True).stdout
    assert shown.startswith("Usage: cnnfx [OPTIONS] COMMAND [ARGS]...\n")


def test_the_closest_command_is_suggested():
    assert refused("aply", code=2) == (
        "cnnfx: No such command 'aply'. Did you mean 'apply'?\nTry 'cnnfx --help' for help."
    )


def test_the_closest_option_is_suggested():
    text = refused("apply", "a.png", "--strid", "2", code=2)
    assert text.startswith("cnnfx: No such option: --strid")
    assert "--stride" in text
    assert text.endswith("\nTry 'cnnfx apply --help' for help.")


@pytest.mark.parametrize(
    ("choices", "known"),
    [
        (options.Normalize, NORMALIZATIONS),
        (options.Colormap, COLORMAPS),
        (options.Activation, [kind for kind in ACTIVATIONS if kind != "prelu"]),  # prelu has slopes
        (options.Channels, CHANNELS),
        (options.Scope, typing.get_args(Scope)),
    ],
    ids=["normalize", "colormap", "activation", "channels", "scope"],
)
def test_the_choices_of_an_option_equal_those_of_the_library(choices, known):
    assert list(typing.get_args(choices)) == list(known)


def test_names_that_the_command_line_repeats_equal_those_of_the_library():
    assert parsers.METHODS == METHODS
    assert options.DEFAULT_MODEL == DEFAULT_MODEL
    assert f"[default: {','.join(map(str, DEFAULT_WIDTHS))}]" in done("train", "--help").stdout
    sizes = f"[default: {FIRST_KERNEL_SIZE} in the first layer, {KERNEL_SIZE} in the others]"
    assert sizes in " ".join(done("train", "--help").stdout.split())


def test_the_help_shows_the_default_limit_of_pixels():
    assert f"Refuse images with more pixels. [default: {MAX_PIXELS}]" in " ".join(
        done("apply", "--help").stdout.split()
    )


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_loads_no_numpy(name):
    code = (
        f"import sys\nfrom cnnfx.cli import app\n"
        f"try:\n    app({[name, '--help'] if name else ['--help']})\n"
        f"finally:\n    print('numpy' in sys.modules, 'PIL' in sys.modules, 'rich' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert shown.stdout.splitlines()[-1] == "False False False"


def completed(line: str) -> list[str]:
    variables = environment(_CNNFX_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1))
    return subprocess.run(COMMAND, capture_output=True, text=True, env=variables, check=False).stdout.split()


def test_the_shell_completes_commands():
    assert completed("cnnfx sh") == ["show-filters", "show-patterns"]


def test_the_shell_completes_options():
    assert completed("cnnfx apply --str") == ["--stride"]


def test_the_shell_completes_choices():
    assert completed("cnnfx apply a.png --normalize m") == ["minmax"]


@pytest.mark.parametrize("line", ["cnnfx apply a.png -f s", "cnnfx show-filters s", "cnnfx apply a.png --then s"])
def test_the_shell_completes_presets(line):
    assert completed(line) == ["sobel", "scharr", "sharpen", "squares", "spots", "squeezenet"]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("cnnfx explain a.png -f sobel --only m", ["magnitude"]),
        ("cnnfx explain a.png --at 1,1 -f edges --only ", ["top", "left", "bottom", "right"]),
        ("cnnfx apply a.png -f edges --only top,b", ["top,bottom"]),
        ("cnnfx animate a.png -k '1' --only ", ["kernel"]),
        ("cnnfx show-filters sobel --only ", ["x", "y"]),
        ("cnnfx show-patterns sobel --only ", ["x", "y", "magnitude"]),
        ("cnnfx explain a.png --only ", []),
        ("cnnfx explain a.png -f nosuch --only ", []),
    ],
)
def test_the_shell_completes_the_channels_of_the_filters(line, names):
    assert completed(line) == names


def test_completion_can_be_installed():
    shown = shell("cnnfx --show-completion; true")  # what follows keeps bash there, to be found as the parent process
    assert b"_CNNFX_COMPLETE=complete_bash" in shown.stdout


def test_json_is_one_object_per_line():
    lines = run("list-filters", "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines][:2] == ["edges", "sobel"]
