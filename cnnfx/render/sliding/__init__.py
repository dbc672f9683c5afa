"""The sliding-window animation: a layer's filters slide over an image, and its output fills position by position."""
