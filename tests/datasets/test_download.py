"""Tests of downloads from mirrors that fail in different ways."""

from __future__ import annotations

import gzip
import hashlib
import socket
import time

import pytest

from cnnfx.datasets import download
from cnnfx.datasets.download import RemoteFile, fetch
from cnnfx.errors import FileError
from tests.datasets.web_server import send

CONTENT = bytes(range(256)) * 400
DATA = gzip.compress(CONTENT, 0)
FILE = RemoteFile("digits.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
BOMB = gzip.compress(bytes(10**7))
HALF = len(DATA) // 2


def send_file(handler, _times):
    send(handler, DATA)


def stall_half_way(handler, _times):
    send(handler, DATA[:HALF], length=len(DATA))
    handler.wfile.flush()
    handler.server.stopping.wait(2)


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.3)


@pytest.fixture
def mirrors(server):
    """Return two mirrors: the test sets the answer of the first, the second sends the file."""
    server.answers["/good/digits.gz"] = send_file
    return [f"{server.url}/bad", f"{server.url}/good/"]


def failure(server, answer):
    """Return the reason that `fetch` gives for a mirror with this answer."""
    server.answers["/bad/digits.gz"] = answer
    with pytest.raises(FileError) as caught:
        fetch(FILE, [f"{server.url}/bad"])
    start = f"digits.gz cannot be downloaded. {server.url}/bad/digits.gz: "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda handler, _: send(handler, b"\n<!doctype html><p>Log in"), "it sent a web page instead of the file."),
        (lambda handler, _: send(handler, b"MNIST"), "it sent something else instead of the file."),
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
            lambda handler, _: send(handler, DATA[:HALF], length=len(DATA)),
            f"the connection broke after {HALF} of {len(DATA)} bytes.",
        ),
        (lambda handler, _: None, "the connection broke (Remote end closed connection without response)."),
        (stall_half_way, "it sent nothing for 0.3 seconds."),
        (lambda handler, _: handler.server.stopping.wait(2), "it sent nothing for 0.3 seconds."),
        (lambda handler, _: handler.wfile.write(b"SSH-2.0-hello\r\n\r\n"), "the connection broke (SSH-2.0-hello)."),
    ],
)
def test_a_failing_mirror_is_reported_and_the_next_is_used(server, mirrors, answer, message):
    assert failure(server, answer) == message
    assert fetch(FILE, mirrors) == DATA


def test_a_mirror_that_exceeds_the_time_limit_is_reported(server, monkeypatch):
    def send_slowly(handler, _times):
        send(handler, DATA[:10], length=len(DATA))
        while not handler.server.stopping.wait(0.05):
            handler.wfile.write(b"x")

    monkeypatch.setattr(download, "MAX_SECONDS", 0.2)
    assert failure(server, send_slowly).startswith("it sent only ")


def send_in_single_bytes(start, rest):
    """Return an answer that sends one byte of the rest every 20 ms, so that a timeout for each is never reached."""

    def send_slowly(handler, _times):
        handler.wfile.write(start)
        for byte in rest:
            if handler.server.stopping.wait(0.02):
                return
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    return send_slowly


@pytest.mark.parametrize(
    ("start", "rest", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Wait: 1\r\n" * 99, "it sent no content in "),
        (b"HTTP/1.1 ", b"2" * 999, "it sent no content in "),
        (b"HTTP/1.1 200 OK\r\n\r\n", DATA, "it sent only "),
        (b"HTTP/1.1 302 Found\r\nLocation: /bad/digits.gz\r\nX: ", b"x" * 999, "it sent no content in "),
    ],
    ids=["head", "status", "content", "redirection"],
)
def test_a_mirror_that_sends_single_bytes_is_left_after_the_time_limit(server, start, rest, reason):
    begin = time.monotonic()
    assert failure(server, send_in_single_bytes(start, rest)).startswith(reason)
    assert time.monotonic() - begin < 1.5


def test_the_time_limit_includes_redirections(server):
    def redirect(handler, times):
        handler.server.stopping.wait(0.1)
        handler.send_response(302)
        handler.send_header("Location", f"/bad/digits.gz?{times}")
        handler.end_headers()

    for number in range(1, 9):
        server.answers[f"/bad/digits.gz?{number}"] = redirect
    assert failure(server, redirect).startswith("it sent n")


def test_the_rate_of_a_mirror_must_not_fall_below_a_minimum(server, monkeypatch):
    def send_slowly(handler, _times):
        send(handler, DATA[:10], length=len(DATA))
        for start in range(10, len(DATA), 5000):
            if handler.server.stopping.wait(0.02):
                return
            handler.wfile.write(DATA[start : start + 5000])

    monkeypatch.setattr(download, "MIN_BYTES_PER_SECOND", 10**7)
    assert failure(server, send_slowly).startswith("it sent only ")
    monkeypatch.setattr(download, "MIN_BYTES_PER_SECOND", 10)
    assert fetch(FILE, [f"{server.url}/bad"]) == DATA


def test_a_mirror_may_redirect_to_another_address_of_the_web_only(server, mirrors):
    def redirect_to(address):
        def redirect(handler, _times):
            handler.send_response(302)
            handler.send_header("Location", address)
            handler.end_headers()

        return redirect

    server.answers["/bad/digits.gz"] = redirect_to(f"{server.url}/good/digits.gz")
    assert fetch(FILE, [f"{server.url}/bad"]) == DATA
    for address in ("ftp://localhost/digits.gz", "file:///etc/passwd"):
        assert failure(server, redirect_to(address)).startswith(("it answers 302", "it cannot be reached"))
    assert "infinite loop" in failure(server, redirect_to("/bad/digits.gz"))


def test_a_long_answer_of_a_mirror_is_cut(server):
    def refuse(handler, _times):
        handler.wfile.write(b"HTTP/1.1 503 " + b"a" * 5000 + b"\r\n\r\n")

    assert failure(server, refuse) == f"it answers 503 {'a' * 200}…."


def test_a_mirror_that_failed_is_asked_last_for_the_next_file(server, mirrors):
    bad, good = mirrors
    fetch(FILE, mirrors)
    assert mirrors == [good, bad]
    fetch(FILE, mirrors)
    assert server.requests["/bad/digits.gz"] == 1


def test_progress_is_reported_up_to_the_last_byte(server, mirrors):
    reports = []
    fetch(FILE, mirrors[1:], lambda *report: reports.append(report))
    assert reports[-1] == ("digits.gz", len(DATA), len(DATA))
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)


def test_mirrors_that_cannot_be_reached_are_reported():
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


def test_a_download_without_mirrors_is_refused():
    with pytest.raises(FileError, match=r"^digits\.gz cannot be downloaded\. No mirror is given\.$"):
        fetch(FILE, [])
