"""Training and prediction from Python."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cnnfx
from cnnfx.datasets import load_dataset
from cnnfx.formats.model_npz import load_model
from cnnfx.training import BatchReport, EpochReport
from cnnfx.training.model_data import load_model_data

SMALL = {"widths": (4, 6), "kernel_size": 3, "epochs": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of drawn digits, the path of its file, and the reports of its training."""
    path, reports = tmp_path_factory.mktemp("model") / "small.npz", []
    result = cnnfx.train("drawn:3000", widths=(6, 12), epochs=2, output=path, progress=reports.append)
    return result, path, reports


def test_training_returns_the_network_and_the_report_of_each_epoch(model) -> None:
    result, _, reports = model
    assert [report.epoch for report in result.history] == [1, 2]
    assert [report for report in reports if isinstance(report, EpochReport)] == list(result.history)
    assert sum(isinstance(report, BatchReport) for report in reports) == 2 * 24
    assert result.accuracy > 0.7
    assert repr(result) == f"<TrainingResult drawn:3000: 2 epochs, test accuracy {100 * result.accuracy:.2f} %>"


def test_the_model_is_written_and_can_be_loaded(model) -> None:
    result, path, _ = model
    saved = load_model(path)
    np.testing.assert_array_equal(saved.layers[0].conv.weights, result.network.layers[0].conv.weights)
    assert saved.meta["settings"]["smoothness"] == 1.0


def test_the_same_seed_gives_the_model_of_the_command(tmp_path) -> None:
    from tests.cli.commands import done

    command = tmp_path / "command.npz"
    done("train", "--data", "drawn:300", "--widths", "4,6", "--kernel-size", "3", "--epochs", "1", "-o", command, "-q")
    cnnfx.train("drawn:300", **SMALL, output=tmp_path / "python.npz")
    assert (tmp_path / "python.npz").read_bytes() == command.read_bytes()


def test_a_loaded_data_set_and_an_arch_file_are_taken(tmp_path) -> None:
    (tmp_path / "net.toml").write_text("[[layer]]\nfilters = 3\nsize = 5\npool = 'max:4'\n")
    result = cnnfx.train(load_dataset("drawn:60"), arch=tmp_path / "net.toml", epochs=1)
    assert result.network.layers[0].conv.weights.shape == (3, 1, 5, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number, 1 or more, not 0"),
        ({"smoothness": -1}, "smoothness must be at least 0, not -1"),
        ({"channels": "cmyk"}, "channels"),
        (
            {"augment": "stron"},
            'augment must be one of "none", "shift", "strong", not \'stron\'; did you mean "strong"\\?',
        ),
        ({"augment": True}, 'augment must be one of "none", "shift", "strong", not True'),
        ({"arch": "net.toml", "widths": (3,)}, "widths and kernel_size are for the default network"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message) -> None:
    with pytest.raises(cnnfx.ArgumentError, match=message):
        cnnfx.train("drawn:60", **arguments)


def test_a_model_that_cannot_be_written_is_refused_before_training(tmp_path) -> None:
    with pytest.raises(cnnfx.FileError, match=r"none.*small.npz"):
        cnnfx.train("drawn:60", output=tmp_path / "none" / "small.npz")


def test_the_most_probable_classes_of_an_image_are_predicted(model) -> None:
    result, path, _ = model
    digit = load_dataset("drawn:60").test_images[0]
    found = cnnfx.predict(digit, result.network)
    probabilities = result.network.probabilities(digit / np.float32(255))
    assert found.name == result.network.classes[int(probabilities.argmax())]
    assert found.probability == pytest.approx(probabilities.max(), rel=1e-4)
    assert [entry.probability for entry in found.top] == sorted((p.probability for p in found.top), reverse=True)
    assert cnnfx.predict(digit, path, top=10).top[:3] == found.top
    assert repr(found).startswith(f"<Prediction 'array': {found.name} (")


def test_a_large_dark_digit_is_prepared_with_notes(model) -> None:
    digit = load_dataset("drawn:60").test_images[0, 0]
    dark = 255 - digit.repeat(4, axis=0).repeat(4, axis=1)
    found = cnnfx.predict(dark, model[0].network)
    assert found.notes[0] == "dark on light: inverted"
    assert found.name == cnnfx.predict(digit, model[0].network).name


def test_a_model_without_classes_and_a_top_of_zero_are_refused(model) -> None:
    with pytest.raises(cnnfx.ArgumentError, match="edges has no classes, so it predicts none"):
        cnnfx.predict(np.zeros((28, 28)), "edges")
    with pytest.raises(cnnfx.ArgumentError, match="top must be a whole number, 1 or more, not 0"):
        cnnfx.predict(np.zeros((28, 28)), model[0].network, top=0)


def test_the_data_of_a_model_are_found_by_their_name(model) -> None:
    network = model[0].network
    assert load_model_data(network).name == "drawn:3000"
    assert load_model_data(network, "drawn:60").name == "drawn:60"
    other = replace(network, meta={**network.meta, "dataset": "photos"})
    with pytest.raises(cnnfx.ArgumentError, match="The model was trained on photos, so the data set must be named"):
        load_model_data(other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, "size: a whole number from 1 to 255"),
        ({"widths": ()}, "layer"),
        ({"output": "model.png"}, r"output must be a \.npz file, not model\.png\."),
    ],
)
def test_networks_without_filters_and_other_files_are_refused(arguments, message) -> None:
    with pytest.raises(cnnfx.CnnfxError, match=message):
        cnnfx.train("drawn:60", **arguments)
