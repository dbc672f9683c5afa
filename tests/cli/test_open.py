"""`--open`: the result in the viewer of the system. The viewer is a script that notes its arguments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.commands import SEVEN, done, on_a_terminal, refused, wait_until


@pytest.fixture
def viewer(in_a_folder):
    """A folder with an `xdg-open` that writes its argument into `opened` and then takes a minute."""
    folder = in_a_folder / "programs"
    folder.mkdir()
    script = folder / "xdg-open"
    script.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{in_a_folder}/part"\nmv "{in_a_folder}/part" '
                      f'"{in_a_folder}/opened"\nexec sleep 5\n')  # fmt: skip
    script.chmod(0o755)
    return folder


def on_a_desktop(*args, programs, **variables):
    variables = {"DISPLAY": ":0", "CI": "", "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **variables}
    return on_a_terminal(*args, **variables)


@pytest.mark.parametrize(
    ("args", "opened"),
    [
        (("apply", SEVEN, "-f", "edges"), "seven.edges.png"),
        (("apply", SEVEN, "-f", "edges", "-o", "-page.html"), "-page.html"),
        (("apply", SEVEN, "-f", "edges", "-o", "maps/"), "maps"),
        (("animate", SEVEN, "-f", "edges", "--only", "top", "--size", "5"), "seven.edges.gif"),
        (("show-filters", "edges", "-o", "edges.png"), "edges.png"),
        (("show-patterns", "edges", "--data", "drawn:20", "--method", "patches", "-o", "a.png"), "a.png"),
    ],
)
def test_the_viewer_gets_the_whole_path_and_is_not_waited_for(args, opened, viewer, in_a_folder):
    code, shown = on_a_desktop(*args, "--open", programs=viewer)
    assert code == 0, shown
    wait_until((in_a_folder / "opened").exists)
    assert (in_a_folder / "opened").read_text() == str(in_a_folder / opened)


@pytest.mark.parametrize("command", ["apply", "predict"])
@pytest.mark.parametrize("names", [("a.png", "bad.png"), ("bad.png", "a.png", "b.png")])
def test_the_first_result_is_opened_where_another_image_fails(command, names, model, viewer, in_a_folder):
    for name in ("a.png", "b.png"):
        (in_a_folder / name).write_bytes(SEVEN.read_bytes())
    (in_a_folder / "bad.png").write_bytes(b"bad")
    network = ("-f", "edges") if command == "apply" else ("-m", model)
    code, shown = on_a_desktop(command, *names, *network, "-o", "{stem}.out.png", "--open", "-q", programs=viewer)
    assert code == 1, shown
    wait_until((in_a_folder / "opened").exists)
    assert (in_a_folder / "opened").read_text() == str(in_a_folder / "a.out.png")


def test_evaluate_opens_its_pictures(model, viewer, in_a_folder):
    on_a_desktop("evaluate", model, "-o", "confusion.png", "--open", programs=viewer)
    wait_until((in_a_folder / "opened").exists)
    assert (in_a_folder / "opened").read_text() == str(in_a_folder / "confusion.png")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CI": "true"}, "there is no terminal, so nobody may be watching"),
        ({"DISPLAY": "", "WAYLAND_DISPLAY": ""}, "there is no display"),
        ({"PATH": "/nonexistent"}, "there is no viewer; xdg-open is not installed"),
    ],
)
def test_without_a_viewer_there_is_a_note(variables, reason, viewer):
    code, shown = on_a_desktop("show-filters", "edges", "-o", "a.png", "--open", programs=viewer, **variables)
    assert code == 0
    assert f"cnnfx: a.png is not opened: {reason}." in shown
    assert not Path("opened").exists()


def test_nothing_is_opened_in_a_pipe():
    assert done("show-filters", "edges", "-o", "a.png", "-q", "--open").stderr == (
        "cnnfx: a.png is not opened: there is no terminal, so nobody may be watching.\n"
    )


def test_a_viewer_that_cannot_be_started_is_reported(viewer):
    (viewer / "xdg-open").write_bytes(b"\x7fELF")
    code, shown = on_a_desktop("show-filters", "edges", "-o", "a.png", "--open", programs=viewer)
    assert code == 0
    assert "cnnfx: a.png is not opened: the viewer cannot be started: Exec format error." in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("apply", SEVEN, "-f", "edges", "-o", "-"), "--open shows a file. Give one with -o FILE."),
        (("apply", SEVEN, "-f", "edges", "-o", "maps.npz"),
         "--open shows pictures and pages; maps.npz is an array. Leave --open out."),
        (("show-filters", "edges"), "--open shows a file. Give one with -o FILE."),
        (("show-patterns", "edges"), "--open shows a file. Give one with -o FILE."),
        (("evaluate",), "--open shows a file. Give one with -o FILE or --mistakes FILE."),
    ],
)  # fmt: skip
def test_there_must_be_a_file_that_can_be_shown(args, message):
    assert refused(*args, "--open", code=2) == f"cnnfx: {message}"
