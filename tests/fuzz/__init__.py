"""Fuzzing of everything that reads input from outside; `python -m tests.fuzz --help` says how to run it."""
