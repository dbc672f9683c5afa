"""No output is an input or another output, by whatever names the files are called: refused before any work."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cnnfx.cli.conflicts
from cnnfx.cli.conflicts import NamedFile, check_outputs, check_targets
from cnnfx.pipeline.targets import Target
from tests.cli.commands import SEVEN, done, refused, run, shell
from tests.datasets.idx_files import write_idx


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder with an image, filter files, a model, an arch file, class folders and IDX files."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copy(SEVEN, folder / "a.png")
    np.savez(folder / "tensors.npz", w=np.ones((1, 1, 2, 2), np.float32))
    (folder / "names.png").write_text("one\n")
    (folder / "own.toml").write_text(
        'tensors = "tensors.npz"\nclasses = "names.png"\nweights = "w"\npool = "mean:all"\n'
    )
    (folder / "arch.toml").write_text("filters = 2\nsize = 3\n")
    for name in ("x", "y"):
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(3):
            PIL.Image.open(SEVEN).rotate(9 * number).save(folder / "classes" / name / f"{number}.png")
    write_idx(folder / "idx", [np.zeros((9, 8, 8)), np.arange(9) % 2] * 2)
    train = ("train", "--data", folder / "classes", "--widths", "2", "--epochs", "1", "-q", "-o", folder / "m.npz")
    done(*train)
    return folder


@pytest.fixture(autouse=True)
def _copied(sources, in_a_folder):
    shutil.copytree(sources, in_a_folder, dirs_exist_ok=True)


def content() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


TRAIN = ("train", "--data", "classes", "--widths", "2", "--epochs", "1")
CONFLICTS = [
    (("apply", "a.png", "-f", "edges"), "-o", "a.png", "IMAGE"),
    (("apply", "a.png", "-f", "m.npz"), "-o", "m.npz", "--filters"),
    (("apply", "a.png", "-f", "own.toml"), "-o", "tensors.npz", "--filters"),
    (("apply", "a.png", "-f", "own.toml"), "-o", "names.png", "--filters"),
    (("apply", "a.png", "-f", "own.toml", "--format", "png"), "-o", "own.toml", "--filters"),
    (("apply", "a.png", "-f", "box", "--then", "own.toml"), "-o", "names.png", "--then"),
    (("apply", "a.png", "-f", "edges"), "-o", "{stem}.png", "IMAGE"),
    (("animate", "a.png", "-f", "edges", "--size", "4"), "-o", "a.png", "IMAGE"),
    (("animate", "a.png", "-f", "own.toml", "--size", "4"), "-o", "names.png", "--filters"),
    (("show-filters", "own.toml", "--format", "png"), "-o", "own.toml", "SPEC"),
    (("show-filters", "own.toml"), "-o", "names.png", "SPEC"),
    (("show-patterns", "own.toml", "--data", "classes/x"), "-o", "names.png", "SPEC"),
    (("show-patterns", "m.npz", "--data", "classes/x"), "-o", "classes/x/1.png", "--data"),
    (("show-patterns", "m.npz", "--data", "classes"), "-o", "classes/x/1.png", "--data"),
    (("evaluate", "m.npz", "--data", "classes"), "-o", "classes/y/0.png", "--data"),
    (("evaluate", "m.npz", "--data", "classes"), "--mistakes", "classes/y/0.png", "--data"),
    (("predict", "a.png", "-m", "m.npz"), "-o", "a.png", "IMAGE"),
    (("predict", "a.png", "-m", "m.npz"), "-o", "m.npz", "--model"),
    ((*TRAIN, "-o", "new.npz"), "--log", "classes/x/0.png", "--data"),
    ((*TRAIN, "-o", "new.npz"), "--curve", "classes/x/0.png", "--data"),
    ((*TRAIN, "-o", "new.npz"), "--filmstrip", "classes/x/0.png", "--data"),
    (("train", "--data", "classes", "--arch", "arch.toml", "-o", "new.npz"), "--log", "arch.toml", "--arch"),
    (("train", "--data", "idx", "-o", "new.npz"), "--log", "idx/train-labels-idx1-ubyte", "--data"),
    (("train", "--data", "idx/t10k-images-idx3-ubyte", "-o", "new.npz"), "--log", "idx/train-labels-idx1-ubyte",
     "--data"),
    (("train", "--resume", "m.npz", "--data", "classes", "-o", "new.npz"), "--log", "m.npz", "--resume"),
]  # fmt: skip
ALIASES = {
    "the same path": lambda path: path,
    "another path": lambda path: f"./{path}",
    "a path through another folder": lambda path: f"classes/../{path}",
    "a whole path": os.path.abspath,
    "a link": lambda path: _linked(path, os.symlink, os.path.abspath(path)),
    "a hard link": lambda path: _linked(path, os.link, path),
    "a path through a linked folder": lambda path: _through_linked_folder(path),
}


def _linked(path: str, link, target: str) -> str:
    name = f"link{Path(path).suffix}"
    link(target, name)
    return name


def _through_linked_folder(path: str) -> str:
    os.symlink(".", "here")
    return f"here/{path}"


@pytest.mark.parametrize(("command", "option", "output", "other"), CONFLICTS)
def test_an_output_that_is_an_input_is_refused_before_any_work(command, option, output, other):
    before = content()
    message = refused(*command, option, output, code=2)
    assert message == (
        f"cnnfx: {output.replace('{stem}', 'a')}: the output ({option}) is also an input ({other}): it would be "
        f"overwritten. Choose another output with {option}."
    )
    assert content() == before


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("number", [0, 1, 2, 16, 21])
def test_an_input_is_recognized_by_every_name(number, alias):
    command, option, output, other = CONFLICTS[number]
    name = ALIASES[alias](output)
    before = content()
    message = refused(*command, option, name, code=2)
    assert message.replace(": ./", ": ", 1).startswith(
        f"cnnfx: {Path(name)}: the output ({option}) is also an input ({other}"
    )
    assert content() == before


@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        (("evaluate", "m.npz", "--data", "classes"), ("-o", "x.png"), ("--mistakes", "x.png")),
        (("evaluate", "m.npz", "--data", "classes"), ("-o", "x.png"), ("--mistakes", "./x.png")),
        (TRAIN, ("-o", "new.npz"), ("--log", "new.npz")),
        (TRAIN, ("--log", "c.png"), ("--curve", "c.png")),
        (TRAIN, ("--filmstrip", "c.png"), ("--curve", "classes/../c.png")),
    ],
)
def test_two_outputs_that_are_one_file_are_refused_before_any_work(command, first, second):
    before = content()
    message = refused(*command, *first, *second, code=2)
    assert message.startswith(f"cnnfx: {first[1]}: {first[0]} and {second[0]}")
    assert message.endswith("are the same file. Give each its own name.")
    assert content() == before


def test_two_outputs_are_one_file_where_one_is_a_link_to_the_other_that_does_not_exist_yet():
    os.symlink("x.png", "y.png")
    message = refused("evaluate", "m.npz", "--data", "classes", "-o", "x.png", "--mistakes", "y.png", code=2)
    assert message == "cnnfx: x.png: -o and --mistakes (y.png) are the same file. Give each its own name."


def test_two_images_are_not_written_to_one_file_through_a_link():
    shutil.copy("a.png", "b.png")
    Path("out").mkdir()
    Path("out/a.png").write_bytes(b"old")
    os.symlink("a.png", "out/b.png")
    assert refused("apply", "a.png", "b.png", "-f", "edges", "-o", "out/{stem}.png", code=2) == (
        "cnnfx: out/a.png: two outputs of -o are this file, also called out/b.png. Give each its own name."
    )


@pytest.mark.parametrize("option", ["--log", "--curve", "--filmstrip"])
def test_a_picture_in_a_folder_within_a_class_folder_is_an_input(option):
    Path("classes/x/more").mkdir()
    shutil.copy("a.png", "classes/x/more/3.png")
    message = refused(*TRAIN, "-o", "new.npz", option, "classes/x/more/3.png", code=2)
    assert "is also an input (--data)" in message


def test_a_run_may_be_resumed_into_its_model():
    shutil.copy("m.npz", "n.npz")
    os.symlink("m.npz", "link.npz")
    for output in ("m.npz", "./m.npz", "link.npz"):
        result = run("train", "--resume", "m.npz", "--data", "classes", "-o", output)
        assert (result.exit_code, "nothing to resume" in result.stderr) == (0, True)


def test_a_device_may_take_several_outputs():
    check_outputs([NamedFile("--log", os.devnull), NamedFile("--curve", os.devnull)])


# --- standard streams


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("summary own.toml", "SPEC"),
        ("show-filters own.toml", "SPEC"),
        ("explain a.png -f own.toml", "--filters"),
        ("apply a.png -f own.toml -o -", "--filters"),
        ("train --data classes --arch own.toml --json -o new.npz", "--arch"),
    ],
)
def test_standard_output_that_is_an_input_is_refused(command, option):
    before = content()
    result = shell(f"cnnfx {command} >> own.toml")
    assert (result.returncode, result.stderr.decode()) == (
        2,
        f"cnnfx: own.toml: the output (standard output) is also an input ({option}): it would be overwritten. "
        "Choose another output.\n",
    )
    assert content() == before


def test_standard_input_that_is_the_output_is_refused():
    before = content()
    result = shell("cnnfx apply - -f edges -o a.png < a.png")
    assert (result.returncode, result.stderr.decode()) == (
        2,
        "cnnfx: a.png: the output (-o) is also an input (IMAGE: standard input): it would be overwritten. "
        "Choose another output with -o.\n",
    )
    assert content() == before


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_image_is_not_appended_to_itself(name):
    before = content()
    result = shell(f"cnnfx apply a.png -f edges --format png -o {name} >> a.png")
    assert (result.returncode, b"is also an input (IMAGE)" in result.stderr) == (2, True)
    assert content() == before


def test_json_is_not_printed_into_the_log():
    result = shell("cnnfx train --data classes --widths 2 --epochs 1 -o new.npz --json --log run.jsonl >> run.jsonl")
    assert (result.returncode, result.stderr.decode()) == (
        2,
        "cnnfx: run.jsonl: --log and standard output are the same file. Give each its own name.\n",
    )


def test_messages_are_not_printed_into_the_log():
    result = shell("cnnfx train --data classes --widths 2 --epochs 1 -o new.npz --log run.jsonl 2> run.jsonl")
    assert (result.returncode, Path("run.jsonl").read_text()) == (
        2,
        "cnnfx: run.jsonl: --log and standard error are the same file. Give each its own name.\n",
    )


def test_a_log_may_be_standard_output_and_messages_may_follow_results():
    train = "cnnfx train --data classes --widths 2 --epochs 1 -o new.npz"
    assert shell(f"{train} --log /dev/stdout > out.txt 2>&1").returncode == 0
    assert Path("out.txt").read_text().count('"epoch": 1') == 1
    assert shell("cnnfx evaluate m.npz --data classes -o c.png > all.txt 2>&1").returncode == 0


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize(
    "command",
    ["apply a.png -f edges", "show-filters edges", "predict a.png -m m.npz", "show-patterns m.npz --data classes"],
)
def test_json_and_a_picture_do_not_share_standard_output(command, name):
    result = shell(f"cnnfx {command} --format png --json -o {name} | cat")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.endswith(b"cannot both go to standard output. Give -o FILE.\n")


# --- data sets by name


def test_the_folder_that_the_variable_names_is_an_input(monkeypatch):
    monkeypatch.setenv("CNNFX_DATA", "idx")
    before = content()
    message = refused("train", "--log", "idx/train-labels-idx1-ubyte", "-o", "new.npz", code=2)
    assert "is also an input (--data mnist)" in message
    assert content() == before


def test_the_data_of_a_model_are_inputs():
    files = [str(file.path) for file in cnnfx.cli.conflicts.data_files(None, "classes")]
    assert sorted(files) == [f"classes/{name}/{number}.png" for name in "xy" for number in range(3)]
    assert list(cnnfx.cli.conflicts.data_files("drawn:100")) == []
    assert list(cnnfx.cli.conflicts.data_files("no such folder")) == [NamedFile("--data", Path("no such folder"))]


def test_a_model_may_be_written_beside_the_class_folders():
    for _ in range(2):
        done(*TRAIN, "-o", "classes/m.npz", "--log", "classes/run.jsonl", "--curve", "classes/curve.png", "-q")


# --- folders


def test_a_channel_that_is_a_filter_file_is_refused_before_any_work():
    shutil.copy("m.npz", "a.1.npz")
    before = content()
    message = refused("apply", "a.png", "-f", "a.1.npz", "-o", ".", "--format", "npz", code=2)
    assert message == (
        "cnnfx: a.1.npz: the output (-o) is also an input (--filters): it would be overwritten. "
        "Choose another output with -o."
    )
    assert content() == before


def test_an_image_that_a_channel_would_overwrite_is_refused_when_it_is_written(tmp_path):
    shutil.copy("a.png", "a.top.png")
    result = run("apply", "a.png", "a.top.png", "-f", "edges", "--only", "top:4", "-o", ".")
    assert (result.exit_code, Path("a.top.png").read_bytes()) == (1, SEVEN.read_bytes())
    assert "a.top.png is an input: it would be overwritten. Choose another output with -o." in result.stderr


def test_channels_of_two_images_are_not_written_to_one_file():
    (Path("f.toml")).write_text('[[filter]]\nname = "b.c"\nweights = [[1]]\n[[filter]]\nname = "c"\nweights = [[1]]\n')
    shutil.copy("a.png", "a.b.png")
    assert refused("apply", "a.png", "a.b.png", "-f", "f.toml", "-o", "out/", code=2) == (
        "cnnfx: out/a.b.c.png: two outputs of -o are this file. Give each its own name."
    )


@pytest.mark.parametrize("stem", ["a.b", "a.c", "a.d"])
def test_channels_of_each_of_several_images_with_one_beginning_are_compared(stem):
    targets = [Target(Path("out"), "png", folder=True, stem=each) for each in ("a", "a.b", "a.c", "a.d")]
    check_targets(targets, channels=["e"])
    channel = stem.removeprefix("a.")
    with pytest.raises(cnnfx.UsageError, match=rf"^out/{stem}\.e\.png: two outputs of -o are this file"):
        check_targets(targets, channels=["e", f"{channel}.e"])


# --- file systems that ignore case


def test_names_that_differ_in_case_are_one_file_where_the_file_system_ignores_case(monkeypatch):
    outputs = [NamedFile("-o", "X.png"), NamedFile("--mistakes", "x.PNG")]
    check_outputs(outputs)
    monkeypatch.setattr(cnnfx.cli.conflicts, "_ignores_case", lambda folder: True)
    with pytest.raises(cnnfx.UsageError, match=r"^X\.png: -o and --mistakes \(x\.PNG\) are the same file"):
        check_outputs(outputs)


def test_whether_a_file_system_ignores_case_is_found_from_the_names_of_folders(tmp_path, monkeypatch):
    folder = tmp_path / "Photos"
    folder.mkdir()
    assert not cnnfx.cli.conflicts._ignores_case(str(folder))
    (tmp_path / "pHOTOS").symlink_to("Photos")
    assert cnnfx.cli.conflicts._ignores_case(str(folder))
