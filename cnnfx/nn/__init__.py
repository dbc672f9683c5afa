"""Layers, networks and what they compute."""
