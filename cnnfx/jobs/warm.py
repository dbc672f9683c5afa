"""What every worker needs, loaded once in the server that workers are forked from."""

import cnnfx.images.pictures
import cnnfx.jobs.processes
import cnnfx.render.text  # noqa: F401
