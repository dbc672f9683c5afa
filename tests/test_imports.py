"""Imports go one way, from the command line down to the errors, and the command line loads only what it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cnnfx

LEVELS = [
    "__main__",
    "cli",
    "pipeline",
    "render",
    "features",
    "training",
    "backprop",
    "formats",
    "datasets",
    "nn",
    "images",
    "conv",
    "system",
    "errors",
]
"""The parts of cnnfx from top to bottom: each may import its own modules and those below it."""

ROOT = Path(cnnfx.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def name_of(path: Path) -> str:
    """Return the name of a module, such as `cnnfx.conv.fft`; that of a package for its `__init__.py`."""
    return ".".join(("cnnfx", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


NAMES = frozenset(map(name_of, MODULES))


def imported(path: Path) -> set[str]:
    """Return the modules of cnnfx that a module imports anywhere in it, functions and type checking included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {member if member in NAMES else node.module for member in members}
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names & NAMES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_is_below_it(path: Path) -> None:
    own = LEVELS.index(path.relative_to(ROOT).parts[0].removesuffix(".py"))
    parts = {name.split(".")[1] for name in imported(path)}
    above = {name for name in parts if LEVELS.index(name) < own}
    assert not above


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({name_of(path): imported(path) for path in MODULES}).prepare()  # raises CycleError


def test_every_level_is_a_part_of_the_package() -> None:
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in MODULES}
    assert parts == set(LEVELS)


def loaded_by(code: str, *args: str) -> set[str]:
    """The modules that are loaded after running some code in a new interpreter."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)", *args]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_importing_cnnfx_loads_no_numpy() -> None:
    assert "numpy" not in loaded_by("import cnnfx")


def test_the_command_line_is_built_without_numpy_pillow_or_rich() -> None:
    assert not loaded_by("import cnnfx.cli") & {"numpy", "scipy", "PIL", "rich"}


def test_fourier_transforms_load_no_scipy() -> None:
    """The import of `scipy.fft` takes longer than the transforms of a photograph."""
    code = "import numpy as np, cnnfx\ncnnfx.correlate(np.ones((1, 60, 60)), np.ones((1, 1, 20, 20)), method='fft')"
    assert "cnnfx.conv.fft" in loaded_by(code)
    assert "scipy" not in loaded_by(code)


def test_a_preset_on_a_small_image_loads_no_scipy() -> None:
    code = "import cnnfx\ncnnfx.load_network('edges').feature_maps(__import__('numpy').zeros((1, 28, 28), 'f4'))"
    assert "numpy" in loaded_by(code)
    assert "scipy" not in loaded_by(code)


def test_a_preset_on_a_small_array_loads_no_masked_arrays() -> None:
    """`numpy.percentile` imports them, which takes longer than the feature maps."""
    code = """
import cnnfx.images, numpy as np
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.pipeline.notes import outlier_channels
image = cnnfx.images.as_image(np.arange(784, dtype="f4").reshape(28, 28))
assert outlier_channels(feature_maps(cnnfx.load_network("edges"), image, image.channel_names)) == []
"""
    loaded = loaded_by(code)
    assert "cnnfx.nn.statistics" in loaded
    assert "numpy.ma" not in loaded


APPLY = {
    "__main__": set(),
    "cli": {
        "advice", "app", "apply", "conflicts", "console", "given", "inputs", "networks", "options", "outputs",
        "parsers", "renamed",
    },
    "pipeline": {"notes", "outputs", "pipeline", "targets", "tasks"},
    "render": {"captions", "cells", "color", "feature_grid", "grid", "heading", "layout"}
    | {"legend", "number_text", "png", "text", "tiles"},
    "formats": {"file_format", "load", "presets", "reading", "toml_file", "toml_filters", "toml_layers", "toml_schema"}
    | {"toml_text", "toml_weights"},
    "nn": {"activations", "array_maps", "band_height", "bands", "combinations", "concat", "feature_maps", "forward"}
    | {"graph", "input", "joins", "layers", "network", "pixel_conv", "pooling", "rounding", "selection", "shapes"}
    | {"statistics"},
    "images": {"axes", "channels", "folder", "formats", "image", "load", "pages", "picture_file", "pillow", "png"},
    "conv": {"correlate", "cost_model", "direct", "fft", "geometry", "im2col", "integers", "padding", "plain_products"}
    | {"pocketfft", "row_products", "separable"},
    "system": {"arguments", "blas", "files", "folders", "limits", "memory", "signals", "sizes", "suggest", "text"}
    | {"threads"},
    "errors": set(),
}  # fmt: skip
"""The modules that a preset on a picture needs, by part: any other would make each start slower."""


RUN = """
import sys
from cnnfx.__main__ import main
sys.argv[1:] = ["apply", sys.argv[1], "-f", "edges", "-q", "-o", sys.argv[2]]
try:
    main()
except SystemExit as end:
    assert not end.code
"""
SEVEN = str(ROOT.parent / "samples" / "seven.png")


@pytest.fixture(scope="module")
def apply_loads(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that are loaded after `cnnfx apply seven.png -f edges -o grid.png`."""
    return loaded_by(RUN, SEVEN, str(tmp_path_factory.mktemp("start") / "grid.png"))


def test_apply_loads_no_other_command_and_nothing_that_only_others_need(apply_loads: set[str]) -> None:
    own = [name.split(".")[1:] for name in apply_loads if name.startswith("cnnfx.")]
    assert {name[0] for name in own} == set(APPLY)
    assert {name: {rest[0] for part, *rest in own if part == name and rest} for name in APPLY} == APPLY


def test_apply_loads_no_large_library_that_it_does_not_need(apply_loads: set[str]) -> None:
    large = {"scipy", "rich", "distributed", "pydantic"}
    standard = {"asyncio", "concurrent", "email", "http", "json", "multiprocessing", "socket", "ssl"}
    assert not apply_loads & (large | standard)


def test_apply_loads_pillows_reader_of_the_one_format_only(apply_loads: set[str]) -> None:
    assert {name for name in apply_loads if name.endswith("ImagePlugin")} == {"PIL.PngImagePlugin"}


def test_a_short_command_collects_no_garbage(tmp_path: Path) -> None:
    count = "import gc\ncollections = [stage['collections'] for stage in gc.get_stats()]\n"
    run = RUN.replace("try:", f"{count}before = collections\ntry:")
    assert "True" in loaded_by(f"{run}\n{count}print(before == collections)", SEVEN, str(tmp_path / "grid.png"))


def test_every_public_name_can_be_imported_from_the_package() -> None:
    for name in cnnfx.__all__:
        assert getattr(cnnfx, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'cnnfx' has no attribute 'convolve'"):
        cnnfx.convolve  # noqa: B018
