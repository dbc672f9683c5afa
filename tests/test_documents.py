"""README.md, CONTRIBUTING.md and docs/: their commands and code work, and their pictures are what the commands make."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageSequence
import pytest
from typer.main import get_command

import cnnfx
from cnnfx.cli.app import app
from cnnfx.formats import load_network
from cnnfx.formats.arch import ARCH_KEYS, load_arch
from cnnfx.formats.toml_file import FILE_KEYS, GRAPH_KEYS
from cnnfx.formats.toml_filters import FILTER_KEYS
from cnnfx.formats.toml_input import INPUT_KEYS
from cnnfx.formats.toml_layers import BATCH_NORM_KEYS, COMBINATION_KEYS, LAYER_KEYS, POOL_KEYS, RESPONSE_KEYS

ROOT = Path(__file__).parent.parent


def load_script(name: str) -> Any:
    """A script of samples/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "samples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


documents = load_script("make_documents")
DOCUMENTS = documents.DOCUMENTS
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def lines_of(document: Path, language: str) -> Iterator[str]:
    """The lines of a document's blocks of one language, with continued lines joined."""
    for block in documents.blocks(document):
        if block.language == language:
            yield from block.text.replace("\\\n", " ").splitlines()


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """A function that returns a folder in which everything that a document shows was run, in order."""

    @functools.cache
    def run(document: Path) -> Path:
        folder = tmp_path_factory.mktemp(document.stem)
        documents.prepare(folder)
        names: dict[str, Any] = {"__name__": "__document__"}
        output = None
        for block in documents.blocks(document):
            where = f"{document.name}, line {block.line}"
            if block.language == "toml":
                documents.write_named(block, folder)
            elif block.language == "sh" and not block.marked:
                result = documents.run(block.text, folder)
                assert result.returncode == 0, f"{where}:\n{result.stderr}"
                output = result.stdout
            elif block.language == "python":
                run_python(block.text, where, names, folder)
            elif block.language == "text" and output is not None:
                assert block.text in output, f"{where}: the commands above print\n{output}"
        return folder

    return run


def run_python(code: str, where: str, names: dict[str, Any], folder: Path) -> None:
    """Run a block of Python in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(compile(code, where, "exec"), names)
    finally:
        os.chdir(before)


@each_document
def test_its_commands_and_code_run_in_order_and_print_what_is_shown(
    document: Path, folder_of: Callable[[Path], Path]
) -> None:
    assert folder_of(document).is_dir()


SHOWN = [(document, name) for document in DOCUMENTS for name in documents.pictures(document)]


@pytest.mark.parametrize(("document", "name"), SHOWN, ids=lambda value: getattr(value, "name", value))
def test_its_pictures_are_what_its_commands_make(document: Path, name: str, folder_of: Callable[[Path], Path]) -> None:
    made_path, shown_path = folder_of(document) / "out" / name, documents.PICTURES / name
    with PIL.Image.open(made_path) as made, PIL.Image.open(shown_path) as shown:
        assert made.size == shown.size
        made_frames, shown_frames = list(frames(made)), list(frames(shown))
    assert len(made_frames) == len(shown_frames)
    for made_frame, shown_frame in zip(made_frames, shown_frames, strict=True):
        # Labels may differ by the version of the library that draws letters; the maps may not.
        assert np.abs(made_frame - shown_frame).mean() < 0.5


def frames(picture: PIL.Image.Image) -> Iterator[np.ndarray]:
    """The pixels of each frame of an animation, or of a picture."""
    return (np.asarray(frame.convert("RGB"), int) for frame in PIL.ImageSequence.Iterator(picture))


def test_every_picture_of_the_documents_is_shown_in_one() -> None:
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    for folder in ("readme", "learned", "pages", "squeezenet", "networks"):
        assert {path.name for path in (ROOT / "samples" / folder).iterdir()} == set(
            re.findall(rf"\]\((?:\.\./)?samples/{folder}/([^)]+)\)", text)
        )


@each_document
def test_its_toml_files_load(document: Path, tmp_path: Path) -> None:
    for block in documents.blocks(document):
        if block.language == "toml":
            path = tmp_path / "shown.toml"
            path.write_text(block.text, encoding="utf-8")
            tables = tomllib.loads(block.text)
            if "tensors" in tables or document.name == "importing.md":
                continue  # loaded where its tensors are: by the commands below it, or in files of other programs
            layers = tables.get("layer", [tables])
            to_be_trained = any("filters" in layer for layer in layers)
            assert load_arch(path) if to_be_trained else load_network(path)


@each_document
def test_the_commands_that_it_does_not_run_are_understood(document: Path) -> None:
    for line in lines_of(document, "console"):
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["cnnfx"]:
            parse(words[1:])
        elif "python" in "".join(words[:1]):
            check_script(words[1:])


def parse(words: list[str]) -> None:
    """Parse the arguments of a command as it does itself, without running it."""
    group: Any = get_command(app)
    with group.make_context("cnnfx", []) as context:
        _, command, arguments = group.resolve_command(context, words)
        command.make_context(words[0], arguments, parent=context)


def check_script(words: list[str]) -> None:
    """Check that a script of the checkout exists and knows the options that it is given."""
    scripts = [ROOT / word for word in words if word.endswith(".py")]
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert all(f'"{word}"' in text for word in words if word.startswith("--")), words


def known_options() -> set[str]:
    """Every option of every command."""
    group: Any = get_command(app)
    with group.make_context("cnnfx", []) as context:
        commands = [group, *(group.get_command(context, name) for name in group.list_commands(context))]
    parameters = [parameter for command in commands for parameter in command.params]
    return {"--help", *(name for one in parameters for name in (*one.opts, *one.secondary_opts))}


@each_document
def test_the_options_that_it_names_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = {option for code in re.findall(r"`([^`\n]+)`", prose) for option in re.findall(r"^--[a-z-]+", code)}
    assert named <= known_options()


@each_document
def test_the_modules_and_folders_that_it_names_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = [*re.findall(r"`((?:\w+/)+)`", text), *re.findall(r"(?<![\w/.-])(?:\w+/)+\w+\.py\b", text)]
    missing = [path for path in named if not (ROOT / path).exists() and not (ROOT / "cnnfx" / path).exists()]
    assert not [path for path in missing if "NAME" not in path and path != "out/"]


LINK = re.compile(r"\]\(([^)\s]+)\)")


@each_document
def test_its_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_at_most_200_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_readme_links_to_every_document() -> None:
    linked = {(ROOT / link).resolve() for link in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert set(DOCUMENTS[1:]) <= linked


def test_maps_passed_through_a_pipe_equal_those_of_the_stacked_network(folder_of: Callable[[Path], Path]) -> None:
    stacked = load_network("sobel").then(load_network("gaussian"))
    image = cnnfx.load_image(ROOT / "samples" / "seven.png")
    with np.load(folder_of(ROOT / "README.md") / "out" / "smooth.npz") as passed:
        np.testing.assert_array_equal(passed["maps"], stacked.feature_maps(image.floats())[-1])


def test_every_key_of_filter_files_and_arch_files_has_a_row_in_a_table() -> None:
    pages = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("filter-files.md", "training.md")]
    keys = {*FILE_KEYS, *GRAPH_KEYS, *LAYER_KEYS, *FILTER_KEYS, *COMBINATION_KEYS, *ARCH_KEYS}
    keys |= {*INPUT_KEYS, *POOL_KEYS, *RESPONSE_KEYS, *BATCH_NORM_KEYS}
    rows = {
        name for page in pages for row in re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE) for name in row.split(", ")
    }
    assert not [key for key in keys - {"filter"} if f"`{key}`" not in rows]


# The filter file that docs/filter-files.md begins with


@pytest.fixture(scope="module")
def ends(folder_of: Callable[[Path], Path]) -> Any:
    """The network of `ends.toml`, which detects the ends of vertical lines that are one pixel wide."""
    return load_network(folder_of(ROOT / "docs" / "filter-files.md") / "ends.toml")


def detected(network: Any, rows: slice | int, columns: slice | int) -> list[list[tuple[int, int]]]:
    """The positions (x, y) at which each channel is above 0, for one light line or block on a dark image."""
    image = np.zeros((1, 20, 20), np.float32)
    image[0, rows, columns] = 1
    return positions(network, image)


def positions(network: Any, image: np.ndarray) -> list[list[tuple[int, int]]]:
    return [[(int(x), int(y)) for y, x in np.argwhere(channel > 0)] for channel in network.feature_maps(image)[-1]]


def test_the_ends_of_a_vertical_line_are_detected_and_nothing_else(ends: Any) -> None:
    assert detected(ends, slice(4, 12), 9) == [[(9, 4)], [(9, 11)]]


@pytest.mark.parametrize("columns", [slice(4, 12), slice(0, 20), slice(9, 10)])
def test_the_ends_of_a_vertical_line_are_not_detected_on_horizontal_lines_and_dots(ends: Any, columns: slice) -> None:
    assert detected(ends, 9, columns) == [[], []]


@pytest.mark.parametrize("row", [4, 11])
@pytest.mark.parametrize("column", [4, 11])
def test_a_corner_of_two_lines_is_not_an_end_but_the_free_end_of_its_vertical_line_is(
    ends: Any, row: int, column: int
) -> None:
    image = np.zeros((1, 20, 20), np.float32)
    image[0, row, 4:12] = image[0, 4:12, column] = 1
    free = (column, 15 - row)
    assert positions(ends, image) == ([[], [free]] if row == 4 else [[free], []])


@pytest.mark.parametrize("columns", [slice(9, 11), slice(4, 12)])
def test_ends_are_not_detected_on_broad_lines_and_blocks(ends: Any, columns: slice) -> None:
    assert detected(ends, slice(4, 12), columns) == [[], []]


def test_a_line_that_leaves_the_image_does_not_end_there(ends: Any) -> None:
    assert detected(ends, slice(0, 20), 9) == [[], []]
