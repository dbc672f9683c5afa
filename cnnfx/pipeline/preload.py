"""Modules preloaded in the fork server: importing this module imports what every worker process needs."""

import cnnfx.images.pillow
import cnnfx.pipeline.processes
import cnnfx.render.text  # noqa: F401 # imported for its side effect: worker processes find it loaded
