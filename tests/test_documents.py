"""The README tells the truth: its commands work, and its pictures are what they make."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.filterbank import load_network
from cnnfx.filterbank.arch import load_arch

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

_spec = importlib.util.spec_from_file_location("make_readme", ROOT / "samples" / "make_readme.py")
assert _spec is not None
make_readme = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_readme)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command of the README was run, in order."""
    folder = tmp_path_factory.mktemp("readme")
    make_readme.prepare(folder)
    for command in make_readme.commands(README):
        result = make_readme.run(command, folder)
        assert result.returncode == 0, f"{command}\n{result.stderr}"
    return folder


def test_its_commands_are_found() -> None:
    assert len(make_readme.commands(README)) >= 12


@pytest.mark.parametrize("name", make_readme.pictures(README))
def test_its_pictures_are_what_its_commands_make(folder: Path, name: str) -> None:
    with PIL.Image.open(folder / name) as made, PIL.Image.open(ROOT / "samples" / "readme" / name) as shown:
        assert made.size == shown.size
        difference = np.abs(np.asarray(made, int) - np.asarray(shown, int))
    # Labels may differ by the version of the library that draws letters; the maps may not.
    assert difference.mean() < 0.5


def test_its_pipe_of_float_channels_equals_the_stacked_network(folder: Path) -> None:
    stacked = load_network("sobel").then(load_network("gaussian"))
    image = cnnfx.load_image(ROOT / "samples" / "seven.png")
    with np.load(folder / "smooth.npz") as passed:
        np.testing.assert_array_equal(passed["maps"], stacked.feature_maps(image.floats())[-1])


def test_its_filter_file_loads(tmp_path: Path) -> None:
    text, _ = re.findall(r"^```toml\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert tomllib.loads(text)["name"] == "ends"
    (tmp_path / "ends.toml").write_text(text, encoding="utf-8")
    assert load_network(tmp_path / "ends.toml").layers[0].channel_names == ("upper end", "lower end")


def test_its_arch_file_loads(tmp_path: Path) -> None:
    _, text = re.findall(r"^```toml\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "edges-first.toml").write_text(text, encoding="utf-8")
    arch = load_arch(tmp_path / "edges-first.toml")
    assert [learned.sum() for learned in arch.learned] == [0, 32]


def test_its_pictures_of_what_is_learned_are_there() -> None:
    names = re.findall(r"\]\(samples/learned/([^)]+)\)", README)
    assert all((ROOT / "samples" / "learned" / name).is_file() for name in names)


def test_its_python_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["maps"].shape == (3, 382, 510)
    assert names["edges"].shape == (1, 384, 512)
