"""The log of a training run: one JSON object or one row for each epoch."""

from __future__ import annotations

import csv
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cnnfx.cli.advice import output_option
from cnnfx.cli.outputs import file_ending
from cnnfx.errors import FileError, UsageError
from cnnfx.system.files import is_special, open_log, write_error

if TYPE_CHECKING:
    from collections.abc import Sequence

DELIMITERS = {"csv": ",", "tsv": "\t"}
"""What separates the values of a row, for the endings of tables."""
JSON_ENDINGS = ("jsonl", "json")
"""The endings of logs of JSON objects, one on each line."""
MAX_LINE_BYTES = 65_536
"""The most bytes of the first line of a log."""


class TrainingLog:
    """Writes the values of each epoch to a file: as JSON objects (.jsonl, .json), or as rows (.csv, .tsv).

    A table begins with a row of names; values that are None are empty there. Devices and pipes without such an ending
    get JSON objects.

    Until `start`, an existing file keeps its content, so that a run that cannot begin replaces no log.

    Parameters
    ----------
    path : str
    columns : sequence of str
        The names of the values.
    append : bool
        Whether an existing log is continued.

    Raises
    ------
    UsageError
        If the file has another ending.
    FileError
        If it cannot be written, or the log to continue is of another format.
    """

    def __init__(self, path: str, columns: Sequence[str], append: bool) -> None:
        ending = file_ending(path)
        if not is_special(path) and ending not in (*JSON_ENDINGS, *DELIMITERS):
            raise UsageError(
                f"{path}: a log is written as JSON lines (.jsonl, .json) or as a table (.csv, .tsv), such as "
                "--log run.jsonl."
            )
        self.path, self._delimiter = path, DELIMITERS.get(ending)
        self.kind = "JSON object" if self._delimiter is None else "row"
        self._columns = list(columns)
        self._replaces = not append and not is_special(path)
        first, self._ends_in_line = _read(path) if append and not is_special(path) else (b"", True)
        self._is_begun = bool(first)
        if first:
            self._check(first)
        self._is_unused = not os.path.exists(path)
        with output_option("--log"):
            self._file = open_log(path)

    def start(self) -> None:
        """Write what precedes the first epoch: the names of the columns in a new table.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        self._is_unused = False
        if self._replaces:
            self._file.truncate(0)
        if not self._ends_in_line:  # the disk was full, or the process killed
            self._write("")
        if self._delimiter is not None and not self._is_begun:
            self._write_row(self._columns)

    def write(self, values: dict[str, Any]) -> None:
        """Write the values of an epoch, which can be read at once.

        Raises
        ------
        FileError
            If they cannot be written.
        """
        if self._delimiter is None:
            self._write(json.dumps(values))
        else:
            self._write_row([values[name] for name in self._columns])

    def close(self) -> None:
        """Close the file; remove it where it is new and no run has started."""
        with suppress(OSError):  # the flush of the last line has already failed and was reported
            self._file.close()
        if self._is_unused:
            with suppress(OSError):
                os.remove(self.path)

    def _write_row(self, values: Sequence[Any]) -> None:
        from io import StringIO

        assert self._delimiter is not None
        row = StringIO()
        csv.writer(row, delimiter=self._delimiter, lineterminator="").writerow(values)
        self._write(row.getvalue())

    def _write(self, line: str) -> None:
        try:
            self._file.write(f"{line}\n")
            self._file.flush()
        except OSError as error:
            self.close()
            with output_option("--log"):
                raise write_error(self.path, error) from error

    def _check(self, first: bytes) -> None:
        """Check that the first line of the log to continue is of the same format."""
        text = first.decode("utf-8-sig", "replace").rstrip("\r\n")
        if self._delimiter is None:
            with suppress(ValueError):
                if isinstance(json.loads(text), dict):
                    return
            needed = "a JSON object"
        else:
            if next(csv.reader([text], delimiter=self._delimiter), []) == self._columns:
                return
            needed = "the names of the columns " + ", ".join(self._columns)
        raise FileError(
            f"{self.path}: the log cannot be continued, since its first line is not {needed}. Name another file with "
            "--log."
        )


def _read(path: str) -> tuple[bytes, bool]:
    """Return the first line of a file, and whether its last line is complete; an empty line if there is no file."""
    try:
        with open(path, "rb") as file:
            first = file.readline(MAX_LINE_BYTES)
            if not first:
                return b"", True
            file.seek(-1, os.SEEK_END)
            return first, file.read() == b"\n"
    except OSError:  # there is none yet, or opening it for writing gives the reason
        return b"", True
