"""The command line: one file for each command; the one place where an error becomes a message and an exit code."""

from cnnfx.cli.app import app

__all__ = ["app"]
