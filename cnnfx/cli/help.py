"""The layout of help texts: like Click's, but no line ends inside a word, and long commands are continued."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cnnfx.render.wrapping import display_width, wrap

MAX_COLUMNS = 100
"""Help is not wider than this on a wider terminal."""
MIN_COLUMNS = 40
"""Help is not narrower than this on a narrower terminal."""
MARGIN = 2
"""Columns that stay empty at the right."""
MAX_FIRST_COLUMN = 30
"""A longer name has a line of its own, above its description."""
INDENT = "  "
QUOTED = re.compile("'[^']*'")
"""An argument in quotes, in which a line cannot be continued."""
NO_BREAK = "\xa0"
"""A space at which no line ends."""
CONTINUED = " \\"
"""The end of a line that a shell continues with the next."""


class HelpFormatter:
    """Collects the parts of a help text, with the methods of Click's formatter."""

    def __init__(self) -> None:
        self.width = max(min(shutil.get_terminal_size().columns, MAX_COLUMNS), MIN_COLUMNS) - MARGIN
        self._lines: list[str] = []
        self._indent = ""

    def getvalue(self) -> str:
        """Return the text."""
        return "\n".join(self._lines)

    def write_usage(self, prog: str, args: str) -> None:
        """Write the usage line."""
        start = f"Usage: {prog} "
        self._lines += wrap(start + args, self.width, " " * len(start))

    def write_paragraph(self) -> None:
        """Write an empty line, except at the start."""
        if self._lines:
            self._lines.append("")

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Indent what is written inside."""
        before, self._indent = self._indent, self._indent + INDENT
        try:
            yield
        finally:
            self._indent = before

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Write a heading, and indent what is written inside."""
        self.write_paragraph()
        self._lines.append(f"{self._indent}{name}:")
        with self.indentation():
            yield

    def write_text(self, text: str) -> None:
        """Write paragraphs, separated by empty lines; those that begin with a line `\\b` are lines of examples."""
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self._lines.append("")
            first, *others = paragraph.split("\n")
            if first.strip() == "\b":
                self._lines += self._examples([self._indent + line for line in others])
            else:
                lines = wrap(" ".join(paragraph.split()), self.width - len(self._indent))
                self._lines += [self._indent + line for line in lines]

    def write_dl(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write a list of names and their descriptions in two columns."""
        rows = list(rows)
        longest = max(display_width(name) for name, _ in rows)
        column = min(longest, MAX_FIRST_COLUMN, self.width // 2) + len(INDENT)
        for name, description in rows:
            lines = wrap(description, max(1, self.width - column - len(self._indent)))
            if display_width(name) > column - len(INDENT):
                self._lines.append(self._indent + name)
                name = ""
            for line in lines:
                self._lines.append(f"{self._indent}{name:<{column}}{line}".rstrip())
                name = ""

    def _examples(self, lines: list[str]) -> list[str]:
        """Return the lines of commands, each of which may have a description behind it after several spaces."""
        if all(display_width(line) <= self.width for line in lines):
            return lines
        return [part for line in lines for part in self._example(line)]

    def _example(self, line: str) -> list[str]:
        indent = " " * (len(line) - len(line.lstrip()))
        command, _, description = line.strip().partition("  ")
        quoted = QUOTED.sub(lambda match: match[0].replace(" ", NO_BREAK), command)
        words = wrap(indent + quoted, self.width - len(CONTINUED), indent + 2 * INDENT)
        lines = [part.replace(NO_BREAK, " ") for part in (*(part + CONTINUED for part in words[:-1]), words[-1])]
        return [*lines, *wrap(indent + 2 * INDENT + description.strip(), self.width)] if description else lines
