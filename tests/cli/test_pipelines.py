"""Pipes in a real shell: standard output is for data, standard error for messages."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import IO

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import (
    COMMAND,
    SAMPLES,
    SEVEN,
    default_signals,
    done,
    environment,
    on_a_terminal,
    refused,
    shell,
    wait_until,
)

TERMINAL = "cnnfx: Binary data is not written to a terminal. Give -o FILE, or send the\noutput into a pipe or file.\n"


def test_a_picture_passes_through():
    result = shell(f"cat '{SEVEN}' | cnnfx apply - -f edges --no-legend > piped.png")
    assert (result.returncode, result.stderr) == (0, b"")
    done("apply", SEVEN, "-f", "edges", "--no-legend", "-o", "direct.png")
    assert Path("piped.png").read_bytes() == Path("direct.png").read_bytes()


def test_a_picture_goes_to_the_next_program():
    result = shell(f"cnnfx apply '{SEVEN}' -f sobel -o - | cat")
    assert (result.returncode, result.stderr) == (0, b"")
    with PIL.Image.open(io.BytesIO(result.stdout)) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize("ending", ["npz", "npy"])
@pytest.mark.parametrize("sample", ["seven.png", "still-life.png"])
def test_float_channels_pass_between_processes_as_in_a_stacked_network(ending, sample):
    image = SAMPLES / sample
    result = shell(
        f"cnnfx apply '{image}' -f sobel -o - --format {ending} | cnnfx apply - -f gaussian -o piped.{ending}"
    )
    assert result.returncode == 0
    done("apply", image, "-f", "sobel", "--then", "gaussian", "-o", f"stacked.{ending}")
    piped, stacked = np.load(f"piped.{ending}"), np.load(f"stacked.{ending}")
    if ending == "npz":
        with piped, stacked:
            np.testing.assert_array_equal(piped["maps"], stacked["maps"])
    else:
        np.testing.assert_array_equal(piped, stacked)


def test_the_names_of_channels_pass_between_processes(tmp_path):
    (tmp_path / "named.toml").write_text("[[filter]]\ninputs = { x = [[1]], y = [[-1]] }\n")
    result = shell(f"cnnfx apply '{SEVEN}' -f sobel -o - --format npz | cnnfx apply - -f named.toml -o a.npy")
    assert result.returncode == 0
    done("apply", SEVEN, "-f", "sobel", "--then", "named.toml", "-o", "b.npy")
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))


def test_three_processes_pass_on_maps():
    result = shell(
        f"cnnfx apply '{SEVEN}' -f box -o - --format npz | cnnfx apply - -f box --format npz"
        " | cnnfx apply - -f box -o a.npy"
    )
    assert result.returncode == 0
    assert np.load("a.npy").shape == (1, 22, 22)


def test_json_passes_to_the_next_program():
    result = shell(f"cnnfx apply '{SAMPLES}' -f edges -q -o '{{stem}}.maps.png' --json | head -n 1")
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout)["channels"][0]["name"] == "top"


@pytest.mark.parametrize(
    "command",
    [
        f"cnnfx apply '{SAMPLES}/still-life.png' -f edges -o -",
        f"cnnfx apply '{SAMPLES}/still-life.png' -f edges -o - --format npz",
        f"cnnfx apply '{SAMPLES}/still-life.png' -f edges -o - --format npy",
        f"cnnfx apply '{SAMPLES}/still-life.png' -f edges -o - --format jpg",
        f"cnnfx apply '{SAMPLES}' -f edges -q -o '{{stem}}.maps.png' --json",
        "cnnfx list-filters",
        "cnnfx list-filters --json",
        "cnnfx show-filters edges --values",
        "cnnfx apply --help",
    ],
)
def test_a_command_ends_quietly_when_its_reader_exits(command):
    result = shell(f"{command} | head -c 10")
    assert len(result.stdout) == 10
    assert result.stderr == b""


def test_a_reader_that_exits_is_no_error():
    result = shell(f"cnnfx apply '{SAMPLES}/still-life.png' -f edges -o - --format npy | head -c 10 > start")
    assert result.returncode == 0


def test_a_file_that_is_appended_to_keeps_its_start():
    for name in ("-", "/dev/stdout"):
        Path("all").write_bytes(b"start")
        assert shell(f"cnnfx apply '{SEVEN}' -f box -o {name} >> all").returncode == 0
        assert Path("all").read_bytes().startswith(b"start\x89PNG")


def test_a_shells_substitution_can_be_read():
    assert shell(f"cnnfx apply <(cat '{SEVEN}') -f box -o a.npy").returncode == 0
    assert np.load("a.npy").shape == (1, 26, 26)


def test_a_table_can_be_read_from_a_pipe():
    result = shell("printf '1,2,4\\n' | cnnfx apply - -k '-1 1' -o a.npy")
    assert result.returncode == 0
    np.testing.assert_array_equal(np.load("a.npy"), [[[1, 2]]])


# --- what standard input and output cannot be


def test_an_empty_standard_input_is_reported():
    result = shell("true | cnnfx apply - -f edges > out")
    assert result.returncode == 1
    assert result.stderr == b"cnnfx: standard input: it is empty. The command before the pipe may have failed.\n"
    assert Path("out").read_bytes() == b""


def test_a_closed_standard_input_is_reported():
    result = shell("cnnfx apply - -f edges -o a.png <&-")
    assert result.returncode == 1
    assert result.stderr == b"cnnfx: standard input: it is closed. Send an image into it, or name a file.\n"


def test_a_closed_standard_output_does_not_matter_to_a_command_that_writes_a_file():
    result = shell(f"cnnfx apply '{SEVEN}' -f edges -o a.png >&-")
    assert (result.returncode, result.stderr.decode()) == (0, "a.png: 4 channels of 26×26\n")


def test_standard_input_is_read_only_once():
    assert refused("apply", "-", "-", "-f", "box", "-o", "{stem}.png", code=2) == (
        "cnnfx: Standard input (-) can be read only once."
    )


def test_a_terminal_as_standard_input_is_refused(tmp_path):
    code, shown = on_a_terminal("apply", "-", "-f", "edges", "-o", "a.png")
    assert code == 2
    assert shown == (
        "cnnfx: Standard input is a terminal. Send an image into it: cat photo.png |\n"
        "cnnfx apply - -f edges > maps.png\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_a_picture_is_not_written_to_a_terminal(name):
    assert on_a_terminal("apply", SEVEN, "-f", "edges", "-o", name) == (2, TERMINAL)


def test_a_picture_is_not_written_to_the_terminals_device():
    assert on_a_terminal("apply", SEVEN, "-f", "edges", "-o", "/dev/fd/1", "--format", "png") == (2, TERMINAL)


def test_filters_are_not_written_to_a_terminal_as_a_picture():
    assert on_a_terminal("show-filters", "edges", "-o", "-") == (2, TERMINAL)


FULL = "cnnfx: standard output cannot be written: No space left on device.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize(
    "command",
    [
        f"apply '{SEVEN}' -f edges -o -",
        f"apply '{SEVEN}' -f edges -o - --format npz",
        f"apply '{SEVEN}' -f edges -o a.png --json",
        "list-filters",
        "show-filters edges",
        "--help",
        "apply --help",
    ],
)
def test_a_full_standard_output_is_reported(command):
    result = shell(f"cnnfx {command} > /dev/full")
    assert (result.returncode, result.stderr.decode()) == (1, FULL)


# --- interruption


def interrupted(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=30), process.stderr.read() if process.stderr else b""


def unread(pipe: IO[bytes]) -> int:
    """The bytes in a pipe that its other side has not read yet."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def test_ctrl_c_while_a_file_is_written_leaves_nothing(tmp_path):
    np.save("large.npy", np.random.default_rng(0).random((1, 3000, 4000), np.float32))
    with (
        default_signals(),
        subprocess.Popen(
            [*COMMAND, "apply", *["large.npy"], "-f", "edges", "--scale", "2", "-o", "a.png"],
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process,
    ):
        wait_until(lambda: any(name.endswith(".part") for name in os.listdir()))
        assert interrupted(process) == (130, b"cnnfx: interrupted.\n")
    assert os.listdir() == ["large.npy"]


def test_ctrl_c_works_while_standard_input_is_awaited():
    with (
        default_signals(),
        subprocess.Popen(
            [*COMMAND, "apply", "-", "-f", "edges"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(b"the first of many bytes")
        process.stdin.flush()
        wait_until(lambda: unread(process.stdin) == 0)
        assert interrupted(process) == (130, b"cnnfx: interrupted.\n")


def test_ctrl_c_in_a_terminal_ends_with_130():
    np.save("large.npy", np.random.default_rng(0).random((1, 3000, 4000), np.float32))

    def interrupt(process: int) -> None:
        wait_until(lambda: any(name.endswith(".part") for name in os.listdir()))
        os.killpg(process, signal.SIGINT)

    code, shown = on_a_terminal("apply", "large.npy", "-f", "edges", "--scale", "2", "-o", "a.png", started=interrupt)
    assert (code, shown) == (130, "cnnfx: interrupted.\n")


# --- the end

BEFORE = "import atexit; atexit.register(print, 'done at the end'); from cnnfx.__main__ import main; main()"
MEANWHILE = """
import atexit
from cnnfx import cli
from cnnfx.__main__ import main
app = cli.app
def first_register(**options):
    atexit.register(print, 'done at the end')
    app(**options)
cli.app = first_register
main()
"""


@pytest.mark.parametrize("code", [BEFORE, MEANWHILE])
@pytest.mark.parametrize(
    ("args", "status"), [(["list-filters"], 0), (["apply", "no.png", "-f", "edges"], 1), (["-x"], 2)]
)
def test_exit_functions_of_others_are_called(code, args, status):
    result = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, env=environment(), check=False)
    assert (result.returncode, result.stdout[-16:]) == (status, b"done at the end\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_succeeds_without_standard_streams(closed):
    assert shell(f"cnnfx apply '{SEVEN}' -f edges -o a.png {closed}").returncode == 0
    assert shell(f"cnnfx apply no.png -f edges -o a.png {closed}").returncode == 1
