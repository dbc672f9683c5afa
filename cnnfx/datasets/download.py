"""Download of a file from the first of several mirrors that sends the expected content."""

from __future__ import annotations

import hashlib
import http.client
import io
import socket
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from typing import Any

from cnnfx.datasets.dataset import Progress
from cnnfx.datasets.idx import GZIP_SIGNATURE
from cnnfx.errors import FileError
from cnnfx.system.text import shortened

TIMEOUT_SECONDS = 10.0
"""The longest time without data from a mirror, and until the first byte of the content."""
MIN_BYTES_PER_SECOND = 20_000
"""The least mean rate of the content after the first `TIMEOUT_SECONDS`."""
MAX_SECONDS = 300.0
"""The longest time of the download of one file from one mirror."""
MAX_REASON_CHARACTERS = 201
"""The most characters of a mirror's own words in a message, with the "…" after the first 200 of more."""
CHUNK_BYTES = 2**16
"""The most bytes that are received at a time."""


@dataclass(frozen=True)
class RemoteFile:
    """A gzip file on mirrors.

    Parameters
    ----------
    name : str
        The name of the file on every mirror.
    size : int
        The size of the decompressed content, in bytes.
    sha256 : str
        The SHA-256 of the decompressed content, in hexadecimal digits. The compression of mirrors may differ.
    """

    name: str
    size: int
    sha256: str


class _MirrorError(Exception):
    """The reason why a mirror cannot be used, a clause without a final period."""


def fetch(remote: RemoteFile, mirrors: list[str], progress: Progress | None = None) -> bytes:
    """Download a file from the first mirror that sends the expected content.

    Parameters
    ----------
    remote : RemoteFile
    mirrors : list of str
        HTTP or HTTPS addresses of folders. Those that fail are moved to the end, so that a slow mirror does not delay
        the next file.
    progress : callable, optional
        Called with the file's name, the bytes received, and the total bytes or None.

    Returns
    -------
    bytes
        The compressed file.

    Raises
    ------
    FileError
        If no mirror sends it; the message contains the reason for each mirror.
    """
    failures = []
    for mirror in list(mirrors):
        url = f"{mirror.rstrip('/')}/{remote.name}"
        try:
            data = _download(url, remote, progress)
            _check_content(data, remote)
            return data
        except _MirrorError as error:
            failures.append(f"{url}: {error}")
            mirrors.append(mirrors.pop(mirrors.index(mirror)))
    raise FileError(f"{remote.name} cannot be downloaded. {'; '.join(failures) or 'No mirror is given'}.")


def _download(url: str, remote: RemoteFile, progress: Progress | None) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise _MirrorError("it is not an address that begins with https://")
    watch = _Watch()
    received = bytearray()
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "cnnfx", "Accept-Encoding": "identity"})  # noqa: S310 (checked above)
        with _opener(watch).open(request, timeout=TIMEOUT_SECONDS) as response:
            total = response.length
            while chunk := response.read1(CHUNK_BYTES):
                received += chunk
                watch.received = len(received)
                if len(received) > 2 * remote.size + CHUNK_BYTES:
                    raise _MirrorError("it sends more than the file has")
                if progress:
                    progress(remote.name, len(received), total)
    except urllib.error.HTTPError as error:
        error.close()
        raise _MirrorError(f"it answers {error.code} {_reason(error.reason)}") from error
    except TimeoutError as error:
        raise _MirrorError(watch.reason()) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _MirrorError(watch.reason()) from error
        raise _MirrorError(f"it cannot be reached ({_reason(error.reason)})") from error
    except (http.client.InvalidURL, ValueError) as error:
        raise _MirrorError(f"it is not an address ({_reason(error)})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(f"the connection broke ({_reason(error)})") from error
    if total is not None and len(received) < total:
        raise _MirrorError(f"the connection broke after {len(received)} of {total} bytes")
    return bytes(received)


class _Watch:
    """The time limits of a download: for the answer's head, with all redirections, and for the rate of its content.

    A mirror that sends single bytes resets the socket's timeout with each of them. So before each read, the timeout is
    set to what is left.
    """

    def __init__(self) -> None:
        self._start = self.last_byte = time.monotonic()
        self.received = 0  # bytes of the content

    def seconds_left(self) -> float:
        """Return the longest time until the next byte, above 0.

        Raises
        ------
        TimeoutError
            If there is none left.
        """
        allowed = min(TIMEOUT_SECONDS + self.received / MIN_BYTES_PER_SECOND, MAX_SECONDS)
        left = self._start + allowed - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, TIMEOUT_SECONDS)

    def reason(self) -> str:
        """Return why a mirror was too slow."""
        now = time.monotonic()
        if now - self.last_byte >= TIMEOUT_SECONDS:
            return f"it sent nothing for {TIMEOUT_SECONDS:g} seconds"
        content = f"only {self.received} bytes" if self.received else "no content"
        return f"it sent {content} in {now - self._start:.3g} seconds"


def _opener(watch: _Watch) -> urllib.request.OpenerDirector:
    """Return an opener of HTTP and HTTPS addresses, with the proxies of the environment, that observes time limits."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_WatchedSocket(sock, self.fp.detach(), watch))

    class Connection(http.client.HTTPConnection):
        response_class = Response

    class SecureConnection(http.client.HTTPSConnection):
        response_class = Response

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Connection, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(SecureConnection, req)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        Handler(),
        SecureHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _WatchedSocket(io.RawIOBase):
    """The content of a socket, read within the time limits."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, watch: _Watch) -> None:
        self._socket, self._raw, self._watch = sock, raw, watch

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read bytes into a buffer and return their number."""
        self._socket.settimeout(self._watch.seconds_left())
        count = self._raw.readinto(buffer)
        self._watch.last_byte = time.monotonic()
        return count

    def close(self) -> None:
        """Close the socket's stream."""
        self._raw.close()
        super().close()


def _check_content(data: bytes, remote: RemoteFile) -> None:
    """Decompress at most the expected size of the data and compare the SHA-256."""
    if not data:
        raise _MirrorError("it sent nothing")
    if not data.startswith(GZIP_SIGNATURE):
        is_page = data.lstrip()[:1] == b"<"
        raise _MirrorError(f"it sent {'a web page' if is_page else 'something else'} instead of the file")
    try:
        decompressor = zlib.decompressobj(wbits=31)
        content = decompressor.decompress(data, remote.size + 1)
    except zlib.error as error:
        raise _MirrorError(f"it sent damaged data ({error})") from error
    if len(content) <= remote.size and not decompressor.eof:
        raise _MirrorError("it sent a part of the file only")
    if hashlib.sha256(content).hexdigest() != remote.sha256:
        raise _MirrorError("it sent a file of other content (its SHA-256 is not the published one)")


def _reason(error: object) -> str:
    """Return the operating system's or the mirror's text for an error, on one line and not too long."""
    text = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    return shortened(text, MAX_REASON_CHARACTERS)
