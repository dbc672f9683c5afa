"""`cnnfx train --log`: formats, and logs that are continued."""

from __future__ import annotations

import csv
import json
import os

import pytest

from cnnfx.cli.training_log import TrainingLog
from cnnfx.cli.training_report import COLUMNS
from tests.cli.commands import done, refused, run, shell

TINY = ("train", "--data", "drawn:300", "--widths", "2,3", "-q")
NO_TEST = {"test_loss", "test_accuracy", "test_seconds"}


def log_of_resumed(path):
    done("train", "--resume", "interrupted.npz", "-q", "--log", path)
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows(text, delimiter=","):
    return list(csv.reader(text.splitlines(), delimiter=delimiter))


@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("tsv", "\t"), ("CSV", ",")])
def test_a_table_has_a_header_and_the_values_of_the_json_objects(ending, delimiter):
    shown = done(*TINY, "--epochs", "2", "--json", "--log", f"run.{ending}").stdout
    with open(f"run.{ending}", newline="") as file:
        header, *values = rows(file.read(), delimiter)
    objects = [json.loads(line) for line in shown.splitlines()]
    assert header == list(objects[0])
    assert values == [[str(value) for value in one.values()] for one in objects]


def test_values_that_are_none_are_empty_in_a_table():
    log = TrainingLog("run.csv", COLUMNS, append=False)
    log.start()
    log.write({name: None if name in NO_TEST else 1 for name in COLUMNS})
    log.close()
    with open("run.csv") as file:
        header, values = rows(file.read())
    assert {name for name, value in zip(header, values, strict=True) if value == ""} == NO_TEST


@pytest.mark.parametrize("ending", ["jsonl", "json", "JSONL"])
def test_json_lines_are_one_object_for_each_epoch(ending):
    done(*TINY, "--epochs", "2", "--log", f"run.{ending}")
    with open(f"run.{ending}") as file:
        assert [json.loads(line)["epoch"] for line in file] == [1, 2]


def test_the_last_message_says_what_the_log_contains():
    assert "\nrun.csv: one row for each epoch\n" in done(*TINY[:-1], "--epochs", "1", "--log", "run.csv").stderr
    assert (
        "\nrun.json: one JSON object for each epoch\n" in done(*TINY[:-1], "--epochs", "1", "--log", "run.json").stderr
    )


@pytest.mark.parametrize("name", ["run.txt", "run", "-"])
def test_another_ending_is_refused_before_training(name):
    assert refused(*TINY, "--log", name, code=2) == (
        f"cnnfx: {name}: a log is written as JSON lines (.jsonl, .json) or as a table (.csv, .tsv), such as "
        "--log run.jsonl."
    )
    assert os.listdir() == []


@pytest.mark.skipif(not os.path.exists("/dev/stderr"), reason="there is no /dev/stderr")
def test_devices_and_pipes_get_json_objects():
    command = " ".join(["cnnfx", *TINY, "--epochs", "1", "--log"])
    assert json.loads(shell(f"{command} /dev/stderr").stderr)["epoch"] == 1
    assert json.loads(shell(f"{command} >(cat); sleep 0.5").stdout)["epoch"] == 1
    fifo = shell(f"mkfifo run.csv; cat run.csv & {command} run.csv; wait").stdout.decode()
    assert rows(fifo)[0] == list(COLUMNS)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_table_on_a_full_disk_is_refused_before_training():
    os.symlink("/dev/full", "run.csv")
    result = run(*TINY, "--epochs", "1", "--log", "run.csv")
    assert result.exit_code == 1
    assert result.stderr == (
        "cnnfx: run.csv: it cannot be written: the disk is full. Free space, or choose another output with --log.\n"
    )
    assert not os.path.exists("model.npz")


@pytest.mark.usefixtures("interrupted")
def test_a_resumed_run_continues_a_table_without_a_second_header():
    header = ",".join(COLUMNS) + "\n"
    with open("run.csv", "w") as file:
        file.write(f"{header}1,2\n")
    text = log_of_resumed("run.csv")
    assert text.startswith(f"{header}1,2\n2,2,60,")
    assert len(text.splitlines()) == 3


@pytest.mark.usefixtures("interrupted")
def test_a_resumed_run_continues_a_table_that_another_program_saved():
    with open("run.csv", "wb") as file:
        file.write(b"\xef\xbb\xbf" + ",".join(f'"{name}"' for name in COLUMNS).encode() + b"\r\n")
    assert len(log_of_resumed("run.csv").splitlines()) == 2


@pytest.mark.usefixtures("interrupted")
def test_a_resumed_run_begins_a_log_that_is_missing():
    assert rows(log_of_resumed("new.csv"))[0] == list(COLUMNS)


@pytest.mark.usefixtures("interrupted")
def test_a_resumed_run_writes_a_header_into_an_empty_file():
    open("empty.csv", "w").close()
    assert rows(log_of_resumed("empty.csv"))[0] == list(COLUMNS)


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("half", ["1,2,60,0.", "1,2,60,0.5,0.5,0.5,0.5,0.01,1.0,0.1,9.9,0"])
def test_a_resumed_run_begins_a_new_line_after_an_incomplete_one(half):
    with open("run.csv", "w") as file:
        file.write(",".join(COLUMNS) + f"\n{half}")
    text = log_of_resumed("run.csv")
    assert text.splitlines()[1] == half
    assert text.splitlines()[2].startswith("2,2,60,")


@pytest.mark.usefixtures("interrupted")
def test_a_resumed_run_begins_a_new_line_after_an_incomplete_json_object():
    with open("run.jsonl", "w") as file:
        file.write('{"epoch": 0}\n{"epo')
    lines = log_of_resumed("run.jsonl").splitlines()
    assert lines[:2] == ['{"epoch": 0}', '{"epo']
    assert json.loads(lines[2])["epoch"] == 2


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize(
    ("name", "content", "needed"),
    [
        ("run.csv", '{"epoch": 1}\n', "the names of the columns " + ", ".join(COLUMNS)),
        ("run.csv", "epoch,epochs,images,loss\n1,2,60,0.5\n", "the names of the columns " + ", ".join(COLUMNS)),
        ("run.csv", "\t".join(COLUMNS) + "\n", "the names of the columns " + ", ".join(COLUMNS)),
        ("run.csv", "\0\xff\n", "the names of the columns " + ", ".join(COLUMNS)),
        ("run.jsonl", ",".join(COLUMNS) + "\n", "a JSON object"),
        ("run.jsonl", "[1]\n", "a JSON object"),
        ("run.jsonl", "\n", "a JSON object"),
    ],
)
def test_a_log_of_another_format_is_not_continued(name, content, needed):
    with open(name, "w", encoding="latin-1") as file:
        file.write(content)
    assert refused("train", "--resume", "interrupted.npz", "-q", "--log", name) == (
        f"cnnfx: {name}: the log cannot be continued, since its first line is not {needed}. Name another file with "
        "--log."
    )
    with open(name, encoding="latin-1") as file:
        assert file.read() == content


@pytest.mark.usefixtures("interrupted")
def test_the_log_of_an_earlier_version_is_continued():
    with open("run.jsonl", "w") as file:
        file.write('{"epoch": 1, "epochs": 2, "seconds": 1.5}\n')
    assert [json.loads(line)["epoch"] for line in log_of_resumed("run.jsonl").splitlines()] == [1, 2]


def test_a_new_run_replaces_a_log():
    with open("run.csv", "w") as file:
        file.write("anything")
    done(*TINY, "--epochs", "1", "--log", "run.csv")
    with open("run.csv") as file:
        assert rows(file.read())[0] == list(COLUMNS)


@pytest.mark.parametrize("wrong", [("--data", "none"), ("--batch-size", "301")])
def test_a_run_that_cannot_begin_replaces_no_log_and_leaves_none(wrong):
    with open("run.csv", "w") as file:
        file.write("anything")
    refused(*TINY, *wrong, "--log", "run.csv")
    refused(*TINY, *wrong, "--log", "new.csv")
    with open("run.csv") as file:
        assert file.read() == "anything"
    assert not os.path.exists("new.csv")


def test_an_empty_name_of_a_log_is_refused():
    assert refused(*TINY, "--log", "", code=2) == (
        "cnnfx: The name of the log is empty. A variable of the shell may not be set."
    )
