"""What a terminal can show: its answers to questions, time limits, and its settings afterwards."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from base64 import b64encode

import pytest

from cnnfx.cli.terminal import ATTRIBUTES_QUESTION, KITTY_ANSWER, KITTY_QUESTION, TIMEOUT
from tests.cli.commands import COMMAND, SEVEN, environment, on_a_terminal
from tests.render.sixel_decoder import decode_sixel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

SIXEL_ANSWER, OTHER_ANSWER = b"\x1b[?62;4;22c", b"\x1b[?62;22c"
ASK = """
import os, sys
from cnnfx.cli.terminal import picture_terminal
print("", picture_terminal(sys.stdout).graphics, sep="\\n", flush=True)
"""


class FakeTerminal:
    """A terminal that answers questions, and the process on it."""

    def __init__(self, code, answer, typed=b"", delay=0.0, when_asked=None, **variables):
        self.ours, theirs = pty.openpty()
        self.settings = termios.tcgetattr(theirs)
        os.write(self.ours, typed)
        self.shown = b""
        variables = environment(CNNFX_GRAPHICS="", **variables)
        command = [sys.executable, "-c", code] if isinstance(code, str) else [*COMMAND, *map(str, code)]
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables, preexec_fn=_make_controlling
        )
        self._serve(answer, delay, when_asked)
        self.code = self.process.wait(timeout=60)
        self.settings_after = termios.tcgetattr(theirs)
        os.set_blocking(theirs, False)
        self.left = self._left(theirs)
        os.close(theirs)
        os.close(self.ours)

    def _serve(self, answer, delay, when_asked):
        asked = False
        while self.process.poll() is None or select.select([self.ours], [], [], 0)[0]:
            if not select.select([self.ours], [], [], 0.05)[0]:
                continue
            self.shown += os.read(self.ours, 2**16)
            if not asked and ATTRIBUTES_QUESTION in self.shown:
                asked = True
                self.wait = time.monotonic()
                if when_asked:
                    when_asked(self.process)
                time.sleep(delay)
                os.write(self.ours, answer)

    def _left(self, theirs):
        """Return what the next program would read."""
        settings = termios.tcgetattr(theirs)
        settings[3] &= ~termios.ICANON
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        try:
            return os.read(theirs, 1024)
        except BlockingIOError:
            return b""

    @property
    def graphics(self):
        return self.shown.split()[-1].decode()


def _make_controlling():
    os.setsid()
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def asserted_clean(terminal):
    assert terminal.settings_after == terminal.settings
    assert terminal.left == b""


@pytest.mark.parametrize(
    ("answer", "graphics"), [(SIXEL_ANSWER, "sixel"), (OTHER_ANSWER, "none"), (b"\x1b[?6c", "none")]
)
def test_a_terminal_is_asked_for_sixel_graphics(answer, graphics):
    terminal = FakeTerminal(ASK, answer)
    assert terminal.graphics == graphics
    assert terminal.shown.count(ATTRIBUTES_QUESTION) == 1
    assert b"_G" not in terminal.shown
    asserted_clean(terminal)


def test_the_number_4_is_found_only_as_a_whole_attribute():
    assert FakeTerminal(ASK, b"\x1b[?64;14;42c").graphics == "none"


def test_a_terminal_inside_kitty_is_asked_for_its_protocol_too():
    terminal = FakeTerminal(ASK, KITTY_ANSWER + OTHER_ANSWER, KITTY_WINDOW_ID="1")
    assert terminal.graphics == "kitty"
    assert terminal.shown.startswith(KITTY_QUESTION + ATTRIBUTES_QUESTION)
    asserted_clean(terminal)
    assert FakeTerminal(ASK, OTHER_ANSWER, KITTY_WINDOW_ID="1").graphics == "none"


def test_an_incomplete_answer_is_no_answer():
    terminal = FakeTerminal(ASK, SIXEL_ANSWER[:4])
    assert terminal.graphics == "none"
    asserted_clean(terminal)


def test_a_terminal_that_does_not_answer_is_waited_for_a_limited_time():
    terminal = FakeTerminal(ASK, b"")
    assert terminal.graphics == "none"
    assert TIMEOUT <= time.monotonic() - terminal.wait < TIMEOUT + 5
    asserted_clean(terminal)


def test_a_slow_answer_is_waited_for():
    terminal = FakeTerminal(ASK, SIXEL_ANSWER, delay=0.4)
    assert terminal.graphics == "sixel"
    asserted_clean(terminal)


def test_what_was_typed_before_is_left_to_the_next_program():
    terminal = FakeTerminal(ASK, SIXEL_ANSWER, typed=b"ls")
    assert terminal.graphics == "none"
    assert ATTRIBUTES_QUESTION not in terminal.shown
    assert terminal.left == b"ls"
    assert terminal.settings_after == terminal.settings


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_meanwhile_ends_the_program_after_the_settings_are_restored(number):
    terminal = FakeTerminal(ASK, b"", when_asked=lambda process: process.send_signal(number))
    assert terminal.code in (-number, 1)  # Python ends with 1 after SIGINT
    assert b"none" not in terminal.shown
    assert terminal.settings_after == terminal.settings


def test_without_a_terminal_nothing_is_asked():
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, capture_output=True, env=environment(CNNFX_GRAPHICS=""), check=True)
    assert done.stdout == b"\nnone\n"


def test_a_terminal_that_standard_input_is_not_is_not_asked():
    code = f"import os\nos.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n{ASK}"
    terminal = FakeTerminal(code, SIXEL_ANSWER)
    assert terminal.shown.split() == [b"none"]


def test_a_process_in_the_background_does_not_ask():
    code = f"import os\nif os.fork():\n    os.wait()\n    os._exit(0)\nos.setpgid(0, 0)\n{ASK}"
    terminal = FakeTerminal(code, SIXEL_ANSWER)
    assert terminal.graphics == "none"
    assert ATTRIBUTES_QUESTION not in terminal.shown


# Commands


def test_show_filters_shows_sixel_graphics_where_the_terminal_has_them():
    terminal = FakeTerminal(["show-filters", "edges"], SIXEL_ANSWER)
    assert terminal.code == 0
    text = terminal.shown.decode().replace("\r\n", "\n").removeprefix(ATTRIBUTES_QUESTION.decode())
    heading, _, picture = text.partition("\n")
    assert heading == "edges: 4 filters of 3×3"
    assert {0, 50, 100} <= set(decode_sixel(picture.rstrip("\n")).ravel().tolist())
    asserted_clean(terminal)


def test_apply_shows_a_picture_in_kitty():
    code, shown = on_a_terminal("apply", SEVEN, "-f", "edges", TERM="xterm-kitty", CNNFX_GRAPHICS="")
    assert code == 0
    assert shown.startswith("\x1b_Ga=T,f=100,c=")
    assert shown.endswith("\x1b\\\nseven.edges.png: 4 channels of 26×26\n")


def test_show_filters_shows_a_picture_in_iterm2():
    _, shown = on_a_terminal("show-filters", "edges", TERM_PROGRAM="iTerm.app", CNNFX_GRAPHICS="")
    assert shown.partition("\n")[2].startswith("\x1b]1337;File=inline=1;size=")
    assert b64encode(b"\x89PNG")[:5].decode() in shown


def test_the_variable_chooses_the_protocol():
    assert "\x1b_G" in on_a_terminal("show-filters", "edges", CNNFX_GRAPHICS="kitty")[1]
    assert "▀" in on_a_terminal("show-filters", "edges", TERM="xterm-kitty", CNNFX_GRAPHICS="none")[1]


def test_the_variable_does_not_matter_without_a_terminal(monkeypatch):
    monkeypatch.setenv("CNNFX_GRAPHICS", "kitty")
    done = subprocess.run([*COMMAND, "show-filters", "edges"], capture_output=True, env=environment(), check=True)
    assert b"\x1b" not in done.stdout


def test_an_unknown_protocol_is_wrong_usage():
    assert on_a_terminal("show-filters", "edges", CNNFX_GRAPHICS="ascii") == (
        2,
        "cnnfx: The environment variable CNNFX_GRAPHICS is 'ascii'. Choose one of auto,\nkitty, iterm2, sixel, none.\n",
    )
