"""Standard output is data, standard error is talk: the two ways to print.

Both write to `sys.stdout` and `sys.stderr` as they are at the moment, so that a progress bar can stay below what is
printed.
"""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Say something on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Print a result on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def put_json(value: object) -> None:
    """Print a result as one line of strict JSON; signs that standard output cannot take are escaped."""
    import json

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # another encoding, or a file name that is no text
        text = json.dumps(value, allow_nan=False)
    put(text)
