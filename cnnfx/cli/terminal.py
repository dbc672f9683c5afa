"""What the terminal that a stream is can show: its size, colors and graphics, which it is asked for if need be.

A terminal answers on standard input, as if the answer were typed. Meanwhile it does not show what is typed, and signals
wait, so that its settings are restored in every case. There is a time limit.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from cnnfx.cli.console import terminal_width
from cnnfx.errors import ArgumentError, UsageError
from cnnfx.render.terminal import Graphics, Terminal, color_depth

TIMEOUT = 1.0
"""Seconds to wait for the answer. Nearly all terminals answer at once; a connection may be slow."""
ATTRIBUTES_QUESTION = b"\x1b[c"
"""DA1, "primary device attributes", which every terminal since the VT100 answers."""
ATTRIBUTES_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
SIXEL_ATTRIBUTE = b"4"
"""The attribute of terminals with sixel graphics."""
KITTY_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
"""Whether the terminal could show a picture of one pixel, in kitty's protocol."""
KITTY_ANSWER = b"\x1b_Gi=31;OK\x1b\\"


def text_terminal(stream: TextIO) -> Terminal:
    """Return the width, colors and characters of the terminal that a stream is."""
    return Terminal(terminal_width(stream), color_depth(stream, os.environ), stream.encoding)


def picture_terminal(stream: TextIO) -> Terminal:
    """Return what the terminal that a stream is can show, with its graphics.

    Raises
    ------
    UsageError
        If `$CNNFX_GRAPHICS` is not a graphics protocol.
    """
    terminal = text_terminal(stream)
    if not stream.isatty():
        return terminal
    from cnnfx.render.graphics import declared_graphics

    try:
        graphics = declared_graphics(os.environ)
    except ArgumentError as error:
        raise UsageError(str(error)) from error
    if graphics is None:
        graphics = ask_graphics(stream, os.environ)
    return terminal._replace(graphics=graphics, cell_width=_cell_width(stream) or terminal.cell_width)


def _cell_width(stream: TextIO) -> int:
    """Return the width of a character of a terminal in pixels; 0 if it is unknown."""
    try:
        import fcntl
        import struct
        import termios

        _, columns, width, _ = struct.unpack("4H", fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8)))
    except (ImportError, OSError, ValueError):  # Windows, or a stream without a file
        return 0
    return int(width // columns) if columns else 0


def ask_graphics(stream: TextIO, environ: Mapping[str, str]) -> Graphics:
    """Return the graphics of the terminal that standard input and a stream are, by asking it.

    It is asked only if standard input is the same user's terminal and this process may read from it. A terminal that
    does not answer in time, or into which something has been typed already, has none.
    """
    try:
        import termios
    except ImportError:  # Windows
        return "none"
    if not _can_ask(stream):
        return "none"
    # Other programs inherit this variable from kitty, so it does not mean that they show pictures.
    question = (KITTY_QUESTION if environ.get("KITTY_WINDOW_ID") else b"") + ATTRIBUTES_QUESTION
    try:
        answer = _answer(sys.stdin.fileno(), stream.fileno(), question, termios)
    except (OSError, ValueError, termios.error):  # the terminal was closed, or a stream has no file
        return "none"
    attributes = ATTRIBUTES_ANSWER.search(answer)
    if KITTY_ANSWER in answer:
        return "kitty"
    return "sixel" if attributes and SIXEL_ATTRIBUTE in attributes[1].split(b";") else "none"


def _can_ask(stream: TextIO) -> bool:
    """Return whether standard input is the terminal that a stream is, and may be read.

    A process in the background is stopped if it reads. Signals can be made to wait in the main thread only.
    """
    try:
        source, target = sys.stdin.fileno(), stream.fileno()
        is_terminal = os.isatty(source) and os.fstat(source).st_rdev == os.fstat(target).st_rdev
        is_foreground = is_terminal and os.tcgetpgrp(source) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # no standard input, or one without a file
        return False
    return is_foreground and threading.current_thread() is threading.main_thread()


def _answer(source: int, target: int, question: bytes, termios: Any) -> bytes:
    """Return what a terminal answers to a question, up to its device attributes; empty if it is not asked."""
    import select

    settings = termios.tcgetattr(source)
    silent = [*settings[:3], settings[3] & ~(termios.ICANON | termios.ECHO), *settings[4:6], list(settings[6])]
    silent[6][termios.VMIN], silent[6][termios.VTIME] = 0, 0
    answer = b""
    with _signals_wait():
        termios.tcsetattr(source, termios.TCSANOW, silent)
        try:
            if select.select([source], [], [], 0)[0]:
                return b""  # what has been typed is for the next program
            os.write(target, question)
            end = time.monotonic() + TIMEOUT
            while not ATTRIBUTES_ANSWER.search(answer):
                if not select.select([source], [], [], max(0, end - time.monotonic()))[0]:
                    termios.tcflush(source, termios.TCIFLUSH)  # the rest of an incomplete answer
                    return b""
                received = os.read(source, 1024)
                if not received:
                    return b""
                answer += received
        finally:
            termios.tcsetattr(source, termios.TCSANOW, settings)
    return answer


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let signals that end or stop the process wait until the end."""
    import signal

    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, lambda signum, _: received.append(signum))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for signum in received:
            signal.raise_signal(signum)
