"""Other spellings of options and choices, and older names of options that still work."""

from __future__ import annotations

SPELLINGS = {"grey": "gray", "colourmap": "colormap"}
"""Other spellings of options (without dashes) and of choices."""
OLDER_NAMES = {
    "animate": frozenset({"--filter"}),
    "explain": frozenset({"--filter"}),
    "show-patterns": frozenset({"--filters", "-f"}),
}
"""Names of options that each command still accepts, but its help does not show: `--only` replaces them."""


def normalized(name: str) -> str:
    """Return the known spelling of an option's name or of a choice; case matters in names of one letter only."""
    lower = name.lower()
    return SPELLINGS.get(lower, lower) if len(name) > 1 else name


def shown_names(command: str, names: str) -> str:
    """Return the names of an option for the help, such as "--only LIST", without those that it does not show."""
    older = OLDER_NAMES.get(command, frozenset())
    return ", ".join(name for name in names.split(", ") if name not in older)
