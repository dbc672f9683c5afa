"""Download of a file from the first of several mirrors that sends the expected content."""

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
from cnnfx.datasets.idx import GZIP_SIGNATURE
from cnnfx.errors import FileError

TIMEOUT_SECONDS = 10.0
"""The longest time without data from a mirror."""
MAX_SECONDS = 300.0
"""The longest time of the download of one file from one mirror."""
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


def fetch(remote: RemoteFile, mirrors: Sequence[str], progress: Progress | None = None) -> bytes:
    """Download a file from the first mirror that sends the expected content.

    Parameters
    ----------
    remote : RemoteFile
    mirrors : sequence of str
        HTTP or HTTPS addresses of folders.
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
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{remote.name}"
        try:
            data = _download(url, remote, progress)
            _check_content(data, remote)
            return data
        except _MirrorError as error:
            failures.append(f"{url}: {error}")
    raise FileError(f"{remote.name} cannot be downloaded. {'; '.join(failures) or 'No mirror is given'}.")


def _download(url: str, remote: RemoteFile, progress: Progress | None) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise _MirrorError("it is not an address that begins with https://")
    deadline = time.monotonic() + MAX_SECONDS
    received = bytearray()
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "cnnfx", "Accept-Encoding": "identity"})  # noqa: S310 (checked above)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            total = response.length
            while chunk := response.read1(CHUNK_BYTES):
                received += chunk
                if len(received) > 2 * remote.size + CHUNK_BYTES:
                    raise _MirrorError("it sends more than the file has")
                if time.monotonic() > deadline:
                    raise _MirrorError(f"it sent only {len(received)} bytes in {MAX_SECONDS:g} seconds")
                if progress:
                    progress(remote.name, len(received), total)
    except urllib.error.HTTPError as error:
        raise _MirrorError(f"it answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(f"it cannot be reached ({_reason(error.reason)})") from error
    except TimeoutError as error:
        raise _MirrorError(f"it sent nothing for {TIMEOUT_SECONDS:g} seconds") from error
    except (http.client.InvalidURL, ValueError) as error:
        raise _MirrorError(f"it is not an address ({error})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(f"the connection broke ({_reason(error)})") from error
    if total is not None and len(received) < total:
        raise _MirrorError(f"the connection broke after {len(received)} of {total} bytes")
    return bytes(received)


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
    """Return the operating system's text for an error, on one line."""
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
