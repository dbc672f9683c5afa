"""`cnnfx train --watch`: the filters of the first layer while they change, on terminals of different kinds."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from io import StringIO

import numpy as np
import PIL.Image
import pytest
from rich.console import Console

from cnnfx.cli.training_display import TrainingDisplay
from cnnfx.formats.arch import default_arch
from cnnfx.training import BatchReport, Trainer
from tests.cli.commands import COMMAND, default_signals, done, environment, on_a_terminal, refused
from tests.render.text_pictures import columns, plain
from tests.training.bars import bars

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

TINY = ("train", "--data", "drawn:300", "--widths", "4,3", "--watch")
LONG = ("train", "--data", "drawn:1000", "--widths", "4,3", "--epochs", "400", "--watch")
CODE = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])")


def screen(text):
    """Return the lines that a terminal of any height shows at the end, without colors."""
    lines, row, column = [""], 0, 0
    for part in re.split(r"(\x1b\[[\d;?]*[A-Za-z]|\r|\n)", text):
        code = CODE.fullmatch(part)
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif code is None:
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
        elif code[2] == "A":
            row -= int(code[1])
        elif code[2] == "K":
            lines[row] = ""
    return lines


def frames(text):
    """Return what is written in each update of the display: the parts between movements of the cursor."""
    parts = re.split(r"\x1b\[\?25[lh]|\r(?:\x1b\[2K)?(?:\x1b\[1A\x1b\[2K)*", text)
    return [part.rstrip("\n") for part in parts if plain(part).startswith("epoch") and "(test" not in part]


class Resized:
    """A process on a terminal whose size changes while it runs; `COLUMNS` is not set."""

    def __init__(self, *args, size, **variables):
        self._ours, theirs = pty.openpty()
        self.resize(*size)
        with default_signals():
            self.process = subprocess.Popen(
                [*COMMAND, *args], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                env=environment(COLUMNS="", COLORTERM="truecolor", **variables),
            )  # fmt: skip
        os.close(theirs)
        self.shown = b""

    def resize(self, width, height):
        termios.tcsetwinsize(self._ours, (height, width))

    def read_until(self, pattern):
        """Read until what is written from now on contains a pattern, colors not counted; return it."""
        begin = len(self.shown)
        while not re.search(pattern, plain(text := self._text(begin))):
            self.shown += os.read(self._ours, 2**16)
        return text

    def _text(self, begin=0):
        return self.shown[begin:].decode(errors="replace").replace("\r\n", "\n")

    def interrupt(self):
        """Press Ctrl-C; return all that is written until the end."""
        self.process.send_signal(signal.SIGINT)
        with suppress(OSError):  # how Linux says that the other side is closed
            while data := os.read(self._ours, 2**16):
                self.shown += data
        os.close(self._ours)
        assert self.process.wait() == 130
        return self._text()


def test_the_filters_are_drawn_below_the_bar_and_change():
    code, shown = on_a_terminal(*TINY, "--epochs", "3", COLORTERM="truecolor")
    assert code == 0
    drawn = frames(shown[: shown.index("the first layer's filters before:")])
    assert len(drawn) > 3
    first, last = (frame.split("\n") for frame in (drawn[0], drawn[-1]))
    assert plain(first[0]).startswith("epoch 1/3 ")
    assert plain(first[2]).split() == ["1", "2", "3", "4"]
    assert "▀" in first[3]
    assert [columns(line) for line in first[2:]] == [columns(line) for line in last[2:]]
    assert first[3:] != last[3:]


def test_the_display_is_removed_at_the_end_and_the_filters_before_and_after_are_drawn():
    code, shown = on_a_terminal(*TINY, "--epochs", "2")
    assert code == 0
    lines = screen(shown)
    assert [line.split(" ")[0:2] for line in lines if line.startswith("epoch")] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert not [line for line in lines if "━" in line]
    assert sum(line.split() == ["1", "2", "3", "4"] for line in lines) == 2
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is visible


def test_the_filters_are_beside_the_bar_in_a_wide_terminal():
    _, shown = on_a_terminal(*TINY, "--epochs", "1", COLUMNS="100")
    lines = [plain(line) for line in frames(shown)[-1].split("\n")]
    assert lines[0].split() == ["epoch", "1/1", "1", "2", "3", "4"]
    assert re.fullmatch(r"[━╸]+ +▀.*", lines[1])
    assert re.fullmatch(r"cross-entropy \d\.\d{3} +.*", lines[2])
    assert lines[3].startswith("accuracy ")
    assert "images/s" in lines[4]
    assert max(map(len, lines)) <= 97  # the terminal writes ^C after the last line


@pytest.mark.parametrize("width", ["40", "60", "100"])
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_the_display_fits_the_width(width, variables):
    _, shown = on_a_terminal(*TINY, "--widths", "24,2", "--epochs", "1", COLUMNS=width, **variables)
    lines = [columns(line) for line in frames(shown)[-1].split("\n")]
    assert max(lines) <= int(width) - 2


def test_without_color_the_weights_are_signs():
    _, shown = on_a_terminal(*TINY, "--epochs", "1", NO_COLOR="1")
    frame = frames(shown)[-1]
    assert "▀" not in frame
    assert re.search(r"[+−·] [+−·] [+−·] [+−·] [+−·]  [+−·]", frame)


def test_filters_on_red_green_and_blue_are_drawn_in_color():
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        os.makedirs(f"pictures/{name}")
        for number in range(12):
            pixels = random.integers(0, 256, (9, 9, 3)).astype(np.uint8)
            PIL.Image.fromarray(pixels).save(f"pictures/{name}/{number}.png")
    code, shown = on_a_terminal(
        "train", "--data", "pictures", "--channels", "rgb", "--widths", "4", "--kernel-size", "3", "--epochs", "2",
        "--watch", COLORTERM="truecolor",
    )  # fmt: skip
    assert code == 0
    before = shown[shown.index("the first layer's filters before:") :]
    for text in (frames(shown)[0], before):
        colors = {tuple(map(int, color)) for color in re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", text)}
        assert any(max(color) - min(color) > 100 for color in colors - {(95, 135, 175)})


def test_a_terminal_that_is_too_low_shows_some_of_the_filters_and_their_number():
    _, shown = on_a_terminal(*TINY, "--widths", "40,2", "--epochs", "1", LINES="12")
    lines = [plain(line) for line in frames(shown)[-1].split("\n")]
    assert len(lines) <= 11
    assert lines[-1] == "… 8 of 40 are shown"
    _, shown = on_a_terminal(*TINY, "--epochs", "1", LINES="5")
    assert plain(frames(shown)[-1]).endswith("\nthe terminal is too small for the filters")


def test_ctrl_c_leaves_the_last_picture_and_a_clean_terminal():
    terminal = Resized(*LONG, size=(60, 30))
    terminal.read_until("epoch 2/400")
    text = terminal.interrupt()
    lines = screen(text)
    assert not [line for line in lines if "━" in line]
    begin = lines.index("the first layer's filters when the run ended:")
    assert lines[begin + 1].split() == ["1", "2", "3", "4"]
    assert lines[-2] == "cnnfx: interrupted."
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_the_display_follows_the_width_of_the_terminal():
    terminal = Resized(*LONG, size=(100, 30))
    terminal.read_until("epoch 1/400")
    terminal.resize(50, 30)
    terminal.read_until(r"epoch \d+/400 [━╸]+")
    below = terminal.read_until(r"epoch \d+/400 [━╸]+")
    terminal.resize(100, 30)
    terminal.read_until(r"epoch \d+/400 +1 +2 +3 +4")
    terminal.interrupt()
    assert max(columns(line) for frame in frames(below) for line in frame.split("\n")) <= 50


def test_lines_that_a_narrower_terminal_wraps_are_erased():
    display, written = TrainingDisplay(Trainer.begin(default_arch((4,), 5), bars()), watch=True), StringIO()
    display._console = Console(file=written, force_terminal=True, width=100, height=40, legacy_windows=False)
    try:
        display.update(BatchReport(1, 1, 1, 2, 128, 1.0, 0.5, 0.01))
        widths = [columns(line) for line in written.getvalue().split("\n")]
        written.truncate(0)
        display._console.size = (30, 40)
        display.update(BatchReport(1, 1, 2, 2, 256, 1.0, 0.5, 0.01))
        rows = sum(-(-width // 30) for width in widths)
        assert rows > len(widths)
        assert written.getvalue().count("\x1b[1A") == rows - 1
    finally:
        display.hide()


def test_a_resumed_run_can_be_watched(interrupted):
    code, shown = on_a_terminal("train", "--resume", interrupted, "--watch")
    assert code == 0
    assert plain(frames(shown)[0]).startswith("epoch 2/2 ")


def test_json_goes_to_a_file_while_the_filters_are_on_the_terminal():
    with open("out.jsonl", "w") as file:
        code, shown = on_a_terminal(*TINY, "--epochs", "2", "--json", stdout=file.fileno())
    assert code == 0
    assert "▀" in frames(shown)[0]
    with open("out.jsonl") as file:
        assert [json.loads(line)["epoch"] for line in file] == [1, 2]


def test_watching_does_not_change_the_model():
    on_a_terminal(*TINY, "--epochs", "2", "-o", "watched.npz")
    done(*TINY[:-1], "--epochs", "2", "-o", "plain.npz", "-q")
    with open("watched.npz", "rb") as watched, open("plain.npz", "rb") as other:
        assert watched.read() == other.read()


def test_quiet_and_watch_exclude_each_other():
    assert refused(*TINY, "-q", code=2) == (
        "cnnfx: --watch draws on standard error, where --quiet prints nothing. Give one of the two."
    )


def test_a_note_says_that_watch_has_no_effect_without_a_terminal():
    note = "cnnfx: --watch has no effect where standard error is not a terminal that can redraw lines.\n"
    text = done(*TINY, "--epochs", "1").stderr
    assert text.startswith(note)
    assert "\x1b" not in text
    code, text = on_a_terminal(*TINY, "--epochs", "1", TERM="dumb", COLUMNS="200")
    assert code == 0
    assert text.startswith(note)
    assert "\x1b" not in text
