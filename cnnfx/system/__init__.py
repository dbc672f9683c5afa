"""Threads, memory and files: what the program takes from the operating system."""
