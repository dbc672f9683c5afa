"""Fetching a file from the first of several mirrors that sends the right content."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cnnfx.datasets.dataset import Progress
from cnnfx.errors import FileError

TIMEOUT = 10.0
"""Seconds to wait for a mirror's next bytes."""
ATTEMPTS, PAUSE = 3, 0.5
"""How often a mirror is asked whose connection broke, and how many seconds are waited before the first time again."""
SLOWEST, PATIENCE = 4096, 20.0
"""A mirror that sends fewer bytes per second is left after so many seconds."""
CHUNK = 2**16


@dataclass(frozen=True)
class Remote:
    """A gzipped file that mirrors have.

    Parameters
    ----------
    name : str
        Its name on every mirror.
    size : int
        How many bytes its decompressed content has.
    sha256 : str
        Their SHA-256, in hexadecimal digits. A mirror may have compressed them in its own way.
    """

    name: str
    size: int
    sha256: str

    def fault(self, data: bytes) -> str | None:
        """What is wrong with the bytes of a file, or None if its content is the right one."""
        if not data:
            return "it sent nothing"
        if not data.startswith(b"\x1f\x8b"):
            page = data.lstrip()[:1] == b"<"
            return f"it sent {'a web page' if page else 'something else'} in place of the file"
        try:
            unpacker = zlib.decompressobj(wbits=31)
            content = unpacker.decompress(data, self.size + 1)
        except zlib.error as error:
            return f"it sent damaged data ({error})"
        if len(content) <= self.size and not unpacker.eof:
            return "it sent a part of the file only"
        if hashlib.sha256(content).hexdigest() != self.sha256:
            return "it sent a file of other content (its SHA-256 is not the published one)"
        return None


class _MirrorError(Exception):
    """Why a mirror is of no use."""


class _BrokenError(_MirrorError):
    """Why a transfer ended early: another attempt may help."""


def fetch(remote: Remote, mirrors: Sequence[str], progress: Progress | None = None) -> bytes:
    """The bytes of a file, gzipped as they come, from the first mirror that sends the right content.

    A transfer that breaks is resumed where the mirror can, and begun again where it cannot.

    Parameters
    ----------
    remote : Remote
    mirrors : sequence of str
        HTTP(S) addresses of folders.
    progress : callable, optional
        Called with the file's name, the bytes received, and their number in all or None.

    Raises
    ------
    FileError
        If no mirror has it; the message tells of each why.
    """
    faults = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{remote.name}"
        try:
            return _from_mirror(url, remote, progress)
        except _MirrorError as error:
            faults.append(f"{url}: {error}")
    raise FileError(f"{remote.name} cannot be downloaded. {'; '.join(faults) or 'No mirror is given'}.")


def _from_mirror(url: str, remote: Remote, progress: Progress | None) -> bytes:
    received = bytearray()
    for attempt in range(1, ATTEMPTS + 1):
        resumed = bool(received)
        try:
            _receive(url, received, remote, progress)
        except _BrokenError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE * 2 ** (attempt - 1))
            continue
        fault = remote.fault(bytes(received))
        if fault is None:
            return bytes(received)
        if not resumed:
            raise _MirrorError(fault)
        received.clear()  # two halves that do not fit together: once more from the start
    raise _MirrorError("what it sends does not fit together")


def _receive(url: str, received: bytearray, remote: Remote, progress: Progress | None) -> None:
    """Add what is missing to what has been received; begin again where the mirror begins again."""
    before = len(received)
    try:
        with urllib.request.urlopen(_request(url, before), timeout=TIMEOUT) as response:  # noqa: S310 (see _request)
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                received.clear()
            _read_all(response, received, remote, progress)
    except urllib.error.HTTPError as error:
        raise _refusal(error, received) from error
    except urllib.error.URLError as error:
        raise _MirrorError(f"it cannot be reached ({_why(error.reason)})") from error
    except TimeoutError as error:
        stalled = _BrokenError if len(received) > before else _MirrorError  # a silent mirror is not waited for again
        raise stalled(f"it sent nothing for {TIMEOUT:g} seconds") from error
    except http.client.InvalidURL as error:
        raise _MirrorError(f"it is not an address ({error})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(f"the connection broke ({_why(error)})") from error


def _request(url: str, start: int) -> urllib.request.Request:
    if not url.startswith(("https://", "http://")):
        raise _MirrorError("it is not an address that begins with https://")
    headers = {"User-Agent": "cnnfx", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return urllib.request.Request(url, headers=headers)  # noqa: S310 (its scheme is HTTP or HTTPS)
    except ValueError as error:
        raise _MirrorError(f"it is not an address ({error})") from error


def _read_all(
    response: http.client.HTTPResponse, received: bytearray, remote: Remote, progress: Progress | None
) -> None:
    """Receive until the mirror has sent as much as it told."""
    told = response.length
    total = None if told is None else len(received) + told
    most, start, first = 2 * remote.size + CHUNK, time.monotonic(), len(received)
    while piece := response.read1(CHUNK):
        received += piece
        if len(received) > most:
            raise _MirrorError("it sends more than the file has")
        waited = time.monotonic() - start
        if waited > PATIENCE and len(received) - first < SLOWEST * waited:
            raise _MirrorError(f"it sent only {len(received) - first} bytes in {waited:.0f} seconds")
        if progress:
            progress(remote.name, len(received), total)
    if total is not None and len(received) < total:
        raise _BrokenError(f"the connection broke after {len(received)} of {total} bytes")


def _refusal(error: urllib.error.HTTPError, received: bytearray) -> _MirrorError:
    """What an answer such as 404 means; those that may pass are worth another attempt."""
    passing = error.code >= 500 or error.code in (408, 416, 429)
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        received.clear()
    return (_BrokenError if passing else _MirrorError)(f"it answers {error.code} {error.reason}")


def _why(error: object) -> str:
    """The system's words for what went wrong."""
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
