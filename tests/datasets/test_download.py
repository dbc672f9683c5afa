"""Downloads, from mirrors that misbehave in every way they can."""

from __future__ import annotations

import gzip
import hashlib
import socket

import pytest

from cnnfx.datasets import download
from cnnfx.datasets.download import Remote, fetch
from cnnfx.errors import FileError
from tests.datasets.misbehaving import send

CONTENT = bytes(range(256)) * 400
DATA = gzip.compress(CONTENT, 0)
FILE = Remote("digits.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
BOMB = gzip.compress(bytes(10**7))
HALF = len(DATA) // 2


def good(handler, _times):
    send(handler, DATA)


def drops_half_way(handler, times):
    """Half of it; what is asked for from there on, the second time."""
    start = handler.headers.get("Range")
    if start:
        first = int(start.removeprefix("bytes=").removesuffix("-"))
        send(handler, DATA[first:], status=206, headers=[("Content-Range", f"bytes {first}-/{len(DATA)}")])
    else:
        send(handler, DATA[:HALF], length=len(DATA))


def drops_and_begins_again(handler, times):
    """Half of it; the whole the second time, whatever is asked for."""
    send(handler, DATA if times > 1 else DATA[:HALF], length=len(DATA))


def resumes_with_other_data(handler, times):
    if times == 2:
        send(handler, b"x" * (len(DATA) - HALF), status=206)
    else:
        drops_and_begins_again(handler, times)


def busy_at_first(handler, times):
    good(handler, times) if times > 1 else handler.send_error(503)


def cannot_resume(handler, times):
    if handler.headers.get("Range"):
        handler.send_error(416)
    else:
        drops_and_begins_again(handler, times)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", 0.3)


@pytest.fixture
def mirrors(server):
    """Two mirrors: the first answers as the test says, the second is good."""
    server.answers["/good/digits.gz"] = good
    return [f"{server.url}/bad", f"{server.url}/good/"]


def fault(server, answer):
    """What is said of a mirror."""
    server.answers["/bad/digits.gz"] = answer
    with pytest.raises(FileError) as caught:
        fetch(FILE, [f"{server.url}/bad"])
    start = f"digits.gz cannot be downloaded. {server.url}/bad/digits.gz: "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda handler, _: send(handler, b"\n<!doctype html><p>Log in"), "it sent a web page in place of the file."),
        (lambda handler, _: send(handler, b"MNIST"), "it sent something else in place of the file."),
        (lambda handler, _: send(handler, DATA[:HALF]), "it sent a part of the file only."),
        (lambda handler, _: send(handler, DATA[:HALF], length=False), "it sent a part of the file only."),
        (lambda handler, _: send(handler, b""), "it sent nothing."),
        (
            lambda handler, _: send(handler, gzip.compress(CONTENT[::-1])),
            "it sent a file of other content (its SHA-256 is not the published one).",
        ),
        (
            lambda handler, _: send(handler, BOMB),
            "it sent a file of other content (its SHA-256 is not the published one).",
        ),
        (
            lambda handler, _: send(handler, DATA[:-8] + bytes(8)),
            "it sent damaged data (Error -3 while decompressing data: incorrect data check).",
        ),
        (lambda handler, _: send(handler, bytes(10**6)), "it sends more than the file has."),
        (lambda handler, _: handler.send_error(404), "it answers 404 Not Found."),
        (lambda handler, _: handler.send_error(503), "it answers 503 Service Unavailable."),
        (
            lambda handler, _: (
                send(handler, DATA[:HALF], length=len(DATA)) if not handler.headers.get("Range") else None
            ),
            "the connection broke (Remote end closed connection without response).",
        ),
        (lambda handler, _: handler.server.stopping.wait(2), "it sent nothing for 0.3 seconds."),
        (lambda handler, _: handler.wfile.write(b"SSH-2.0-hello\r\n\r\n"), "the connection broke (SSH-2.0-hello)."),
    ],
)
def test_a_mirror_that_misbehaves_is_told_of_and_the_next_one_asked(server, mirrors, answer, message):
    assert fault(server, answer) == message
    assert fetch(FILE, mirrors) == DATA


@pytest.mark.parametrize(
    "answer", [drops_half_way, drops_and_begins_again, busy_at_first, resumes_with_other_data, cannot_resume]
)
def test_a_mirror_that_fails_at_first_is_asked_again(server, answer):
    server.answers["/digits.gz"] = answer
    assert fetch(FILE, [server.url]) == DATA


def test_a_broken_transfer_is_resumed_where_it_broke(server):
    server.answers["/digits.gz"] = drops_half_way
    fetch(FILE, [server.url])
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_mirror_that_drips_is_left(server, monkeypatch):
    def drip(handler, _times):
        send(handler, DATA[:10], length=len(DATA))
        while not handler.server.stopping.wait(0.05):
            handler.wfile.write(b"x")

    monkeypatch.setattr(download, "PATIENCE", 0.2)
    assert fault(server, drip).startswith("it sent only ")


def test_a_mirror_that_stalls_half_way_is_asked_to_go_on(server):
    def stall(handler, times):
        if times > 1:
            drops_half_way(handler, times)
        else:
            send(handler, DATA[:HALF], length=len(DATA))
            handler.wfile.flush()
            handler.server.stopping.wait(1)

    server.answers["/digits.gz"] = stall
    assert fetch(FILE, [server.url]) == DATA


def test_progress_is_told_up_to_the_end(server, mirrors):
    told = []
    fetch(FILE, mirrors[1:], lambda *done: told.append(done))
    assert told[-1] == ("digits.gz", len(DATA), len(DATA))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_mirror_that_is_not_there_is_told_of():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FileError) as caught:
        fetch(FILE, [f"http://127.0.0.1:{port}", "ftp://example.org", "http://a b"])
    assert str(caught.value) == (
        f"digits.gz cannot be downloaded. http://127.0.0.1:{port}/digits.gz: "
        "it cannot be reached (Connection refused); "
        "ftp://example.org/digits.gz: it is not an address that begins with https://; "
        "http://a b/digits.gz: it is not an address (URL can't contain control characters. 'a b' (found at least ' '))."
    )


def test_without_mirrors_that_is_said():
    with pytest.raises(FileError, match=r"^digits\.gz cannot be downloaded\. No mirror is given\.$"):
        fetch(FILE, [])
