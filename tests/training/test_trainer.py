"""The trainer: accuracy, reports, stopping and resuming, determinism, errors."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from cnnfx.datasets import LabeledImages, draw_digits
from cnnfx.datasets.digit_preprocessing import DIGITS
from cnnfx.errors import ArgumentError, CnnfxError, FileError
from cnnfx.formats.arch import default_arch, load_arch
from cnnfx.formats.model_npz import load_model
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation
from cnnfx.system.threads import set_threads
from cnnfx.training import BatchReport, EpochReport, Trainer, TrainingSettings
from cnnfx.training.labeled_images import pixel_mean_and_std
from cnnfx.training.optim import decay_roughness
from cnnfx.training.trainer import MIN_NORMALIZED_VALUES
from tests.training.bars import bars

DATA, TEST = bars(), bars(96, seed=1)
SETTINGS = TrainingSettings(epochs=3, batch_size=100, rate=0.02)
LONGER = replace(SETTINGS, epochs=6, batch_size=16)


def begin(data=DATA, test=TEST, settings=SETTINGS, arch=None) -> Trainer:
    return Trainer.begin(arch or default_arch((4, 6), 3), data, test, settings)


def finish(trainer: Trainer) -> Trainer:
    for _ in trainer.run():
        pass
    return trainer


def content(path) -> dict[str, bytes]:
    with np.load(path) as arrays:
        return {name: arrays[name].tobytes() for name in arrays.files}


def test_training_lowers_the_loss_and_classifies_most_test_images() -> None:
    trainer = finish(begin(settings=LONGER))
    assert [report.epoch for report in trainer.history] == [1, 2, 3, 4, 5, 6]
    assert trainer.history[-1].test_accuracy > 0.9
    assert trainer.history[-1].loss < trainer.history[0].loss
    assert trainer.history[-1].test_loss < trainer.history[0].test_loss


def test_every_batch_and_every_epoch_is_reported() -> None:
    reports = list(begin().run())
    batches = [report for report in reports if isinstance(report, BatchReport)]
    assert [(one.epoch, one.batch) for one in batches] == [(epoch, batch) for epoch in (1, 2, 3) for batch in (1, 2, 3)]
    assert [one.images for one in batches[:3]] == [100, 200, 256]
    assert all(one.batches == 3 and one.epochs == 3 for one in batches)
    assert [type(report) for report in reports[3::4]] == [EpochReport] * 3
    assert reports[3].loss == batches[2].loss


def test_the_test_accuracy_is_that_of_the_network_s_scores() -> None:
    trainer = finish(begin())
    images = TEST.images.astype(np.float32) / 255
    predicted = trainer.network.scores(images).argmax(axis=1)
    assert trainer.history[-1].test_accuracy == pytest.approx((predicted == TEST.labels).mean())
    assert trainer.network.probabilities(images).sum(axis=1) == pytest.approx(1)


def test_the_test_loss_is_the_plain_cross_entropy_of_the_network_s_probabilities() -> None:
    trainer = finish(begin())
    probabilities = trainer.network.probabilities(TEST.images.astype(np.float32) / 255)
    of_true_class = probabilities[np.arange(len(TEST.labels)), TEST.labels]
    assert trainer.history[-1].test_loss == pytest.approx(-np.log(of_true_class).mean(), rel=1e-4)


def test_the_training_loss_is_the_plain_cross_entropy_though_smoothed_targets_are_learned() -> None:
    trainer = begin(settings=replace(SETTINGS, batch_size=256, shift=0, batch_norm=False))
    probabilities = trainer.network.probabilities(DATA.images.astype(np.float32) / 255)
    first_batch = next(trainer.run())
    of_true_class = probabilities[np.arange(len(DATA.labels)), DATA.labels]
    assert SETTINGS.smoothing > 0
    assert first_batch.loss == pytest.approx(-np.log(of_true_class).mean(), rel=1e-4)


def test_the_network_describes_its_run() -> None:
    trainer = finish(begin())
    meta = trainer.network.meta
    assert (meta["dataset"], meta["seed"], meta["epochs"], meta["input"]) == ("bars", 0, 3, [1, 12, 12])
    assert meta["accuracy"] == [report.test_accuracy for report in trainer.history]
    assert meta["loss"] == [report.loss for report in trainer.history]
    assert meta["test_loss"] == [report.test_loss for report in trainer.history]
    assert meta["learning_rate"] == [report.learning_rate for report in trainer.history]
    assert trainer.network.classes == DATA.classes
    assert trainer.network.input.mean == pytest.approx((DATA.images.mean() / 255,))
    assert trainer.network.input.std == pytest.approx((DATA.images.std() / 255,))


def test_the_network_records_how_its_images_are_prepared(tmp_path) -> None:
    run = begin()
    mean, std = pixel_mean_and_std(DATA.images)
    channels, height, width = DATA.images.shape[1:]
    assert run.network.input == Input("gray", (height, width), "squash", mean=(mean,), std=(std,))
    assert channels == 1
    digits = begin(LabeledImages("digits", draw_digits([*range(10)] * 12), np.arange(120) % 10, DIGITS), None)
    assert digits.network.input.fit == "digit"
    digits.save(tmp_path / "digits.npz")
    assert load_model(tmp_path / "digits.npz").input == digits.network.input


def test_images_of_ten_classes_called_as_digits_are_not_taken_for_digits() -> None:
    """As clothes of Fashion-MNIST: only the images show whether they are prepared as MNIST's were."""
    clothes = np.random.default_rng(0).integers(0, 256, (120, 1, 28, 28)).astype(np.uint8)
    run = begin(LabeledImages("clothes", clothes, np.arange(120) % 10, DIGITS), None)
    assert run.network.input.fit == "squash"


def test_the_network_holds_its_random_start() -> None:
    trainer = begin()
    before = trainer.network.layers[0].conv.weights.copy()
    start = finish(trainer).network.start
    np.testing.assert_array_equal(start.layers[0].conv.weights, before)
    assert not np.array_equal(trainer.network.layers[0].conv.weights, before)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(tmp_path) -> None:
    for count in (1, 2, 3):
        set_threads(count)
        finish(begin()).save(tmp_path / f"{count}.npz")
    set_threads(None)
    files = [(tmp_path / f"{count}.npz").read_bytes() for count in (1, 2, 3)]
    assert files[0] == files[1] == files[2]


def test_seeds_give_different_networks() -> None:
    one, other = finish(begin()), finish(begin(settings=replace(SETTINGS, seed=1)))
    assert not np.array_equal(one.network.layers[0].conv.weights, other.network.layers[0].conv.weights)


@pytest.mark.parametrize("stop", [1, 2, 4, 5, 8, 11])
def test_a_resumed_run_gives_the_same_bytes_as_an_uninterrupted_one(tmp_path, stop) -> None:
    finish(begin()).save(tmp_path / "whole.npz")
    stopped = begin()
    stopped.save(tmp_path / "part.npz")
    for _, report in zip(range(stop), stopped.run(), strict=False):
        if isinstance(report, EpochReport):
            stopped.save(tmp_path / "part.npz")
    stopped.save(tmp_path / "again.npz")  # within an epoch, the last complete one is saved
    assert content(tmp_path / "part.npz") == content(tmp_path / "again.npz")
    resumed = finish(Trainer.resume(tmp_path / "part.npz", DATA, TEST))
    resumed.save(tmp_path / "resumed.npz")
    assert content(tmp_path / "resumed.npz") == content(tmp_path / "whole.npz")


def test_the_history_of_an_earlier_version_is_read_without_its_smoothed_losses(tmp_path) -> None:
    interrupted = begin()
    for report in interrupted.run():
        if isinstance(report, EpochReport):
            break
    interrupted.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        earlier = dict(arrays)
    state = json.loads(str(earlier["training.state"]))
    del state["history"][0]["test_loss"]
    np.savez(tmp_path / "model.npz", **{**earlier, "training.state": np.array(json.dumps(state))})
    resumed = finish(Trainer.resume(tmp_path / "model.npz", DATA, TEST))
    first, second = resumed.history[0], resumed.history[1]
    assert (first.loss, first.test_loss) == (None, None)
    assert first.test_accuracy == report.test_accuracy
    assert second.loss > 0
    assert second.test_loss > 0


def roughness(weights: np.ndarray) -> float:
    """Sum of the squared differences of neighbors, relative to the sum of squares."""
    differences = [np.square(np.diff(weights, axis=axis)).sum() for axis in (-2, -1)]
    return sum(differences) / np.square(weights).sum()


def test_the_smoothness_lowers_the_roughness_of_the_first_layer() -> None:
    kernels = [
        finish(begin(settings=replace(LONGER, smoothness=smoothness, batch_norm=False))).network.layers[0].conv.weights
        for smoothness in (0.0, 1.0, 5.0)
    ]
    assert roughness(kernels[0]) > 1.5 * roughness(kernels[1]) > 3 * roughness(kernels[2])


def test_only_the_first_layer_starts_smaller_where_it_is_smoothed() -> None:
    rough, smooth = (begin(settings=replace(SETTINGS, smoothness=value)).network for value in (0.0, 0.5))
    np.testing.assert_allclose(smooth.layers[0].conv.weights, 0.3 * rough.layers[0].conv.weights, rtol=1e-6)
    np.testing.assert_array_equal(smooth.layers[1].conv.weights, rough.layers[1].conv.weights)
    np.testing.assert_array_equal(smooth.head.weights, rough.head.weights)


def test_a_step_smooths_the_first_layer_only() -> None:
    settings = replace(SETTINGS, epochs=1, batch_norm=False)
    trainers = [begin(settings=replace(settings, smoothness=value)) for value in (0.0, 2.0)]
    for trainer in trainers:
        trainer.parameters.vector[:] = trainers[0].parameters.vector
        trainer._trainable.update()
    for trainer in trainers:
        report = next(trainer.run())
    rough, smooth = (trainer.current for trainer in trainers)
    expected = decay_roughness(rough.layers[0].conv.weights, report.rate, 2.0)
    np.testing.assert_array_equal(smooth.layers[0].conv.weights, expected)
    np.testing.assert_array_equal(smooth.layers[1].conv.weights, rough.layers[1].conv.weights)


def test_a_run_of_an_earlier_version_resumes_with_its_settings(tmp_path) -> None:
    """Without smoothing, normalization and warps, and without the trained parameters beside the network."""
    settings = replace(SETTINGS, smoothness=0.0, batch_norm=False)
    finish(begin(settings=settings)).save(tmp_path / "whole.npz")
    interrupted = begin(settings=settings)
    for report in interrupted.run():
        if isinstance(report, EpochReport):
            break
    interrupted.save(tmp_path / "part.npz")
    with np.load(tmp_path / "part.npz") as arrays:
        earlier = {name: arrays[name] for name in arrays if name != "training.parameters"}
    state = json.loads(str(earlier["training.state"]))
    del state["normalized"]
    for name in ("smoothness", "batch_norm", "warp"):
        del state["settings"][name]
    np.savez(tmp_path / "part.npz", **{**earlier, "training.state": np.array(json.dumps(state))})
    resumed = finish(Trainer.resume(tmp_path / "part.npz", DATA, TEST))
    resumed.save(tmp_path / "resumed.npz")
    assert resumed.settings == settings
    assert content(tmp_path / "resumed.npz") == content(tmp_path / "whole.npz")


def test_normalization_keeps_every_filter_of_a_trained_network_active() -> None:
    trainer = finish(begin(settings=LONGER))
    assert trainer.normalized == [True, True]
    for maps in trainer.network.feature_maps(TEST.images.astype(np.float32) / 255):
        assert (maps.max(axis=(0, 2, 3)) > 0).all()


def test_a_trained_network_has_the_mean_and_variance_of_the_training_images_in_its_filters() -> None:
    """Every layer is normalized: its pooled values have mean `bias` and variance 1 over the training images."""
    trainer = finish(begin(settings=replace(SETTINGS, shift=0)))
    maps = DATA.images.astype(np.float32) / 255
    maps = (maps - trainer.network.input.mean[0]) / trainer.network.input.std[0]
    for layer, (_, bias) in zip(trainer.network.layers, trainer.parameters.pairs, strict=False):
        linear = replace(layer, activation=Activation("none")).forward(maps)
        mean, variance = linear.mean(axis=(0, 2, 3)), linear.var(axis=(0, 2, 3))
        # shards of the images are normalized one by one, so a layer above the first one is so only nearly
        assert mean == pytest.approx(bias, abs=0.05)
        assert variance == pytest.approx(1, abs=0.1)
        maps = layer.forward(maps)


def test_a_channel_that_is_zero_everywhere_becomes_active_again() -> None:
    settings = replace(LONGER, epochs=10, decay=1.0)
    trainer = begin(settings=settings)
    trainer.parameters.pairs[0][1][0] = -6  # more than any of the values, whose variance is 1
    finish(trainer)
    assert trainer.network.feature_maps(TEST.images.astype(np.float32) / 255)[0][:, 0].max() > 0


def test_only_biases_of_normalized_layers_decay() -> None:
    for normalize in (True, False):
        trainer = begin(settings=replace(SETTINGS, decay=0.5, batch_norm=normalize))
        *layers, (head, head_bias) = trainer.parameters.split(trainer._optimizer.decay)
        assert all((weights == 0.5).all() and (bias == 0.5 * normalize).all() for weights, bias in layers)
        assert (head == 0.5).all()
        assert (head_bias == 0).all()


def test_only_layers_of_random_filters_are_normalized(tmp_path) -> None:
    path = tmp_path / "edges.toml"
    path.write_text(
        '[[layer]]\nactivation = "relu"\n[[layer.filter]]\nweights = [[1, -1], [1, -1]]\n'
        '[[layer]]\nfilters = 3\nsize = 3\nactivation = "relu"\n'
    )
    arch = load_arch(path)
    assert begin(arch=arch).normalized == [False, True]
    assert begin(arch=arch, settings=replace(SETTINGS, batch_norm=False)).normalized == [False, False]


def test_only_layers_with_enough_values_of_a_channel_are_normalized(tmp_path) -> None:
    path = tmp_path / "dense.toml"
    path.write_text(
        '[[layer]]\nfilters = 2\nsize = 3\npool = "mean:all"\n[[layer]]\nfilters = 3\nsize = 1\nactivation = "relu"\n'
    )
    arch = load_arch(path)
    for batch_size, enough in ((1, False), (MIN_NORMALIZED_VALUES - 1, False), (MIN_NORMALIZED_VALUES, True)):
        assert begin(arch=arch, settings=replace(SETTINGS, batch_size=batch_size)).normalized == [True, enough]


def test_the_model_and_its_state_hold_the_smoothness(tmp_path) -> None:
    trainer = begin(settings=replace(SETTINGS, smoothness=0.25))
    trainer.save(tmp_path / "model.npz")
    assert load_model(tmp_path / "model.npz").meta["settings"]["smoothness"] == 0.25
    assert Trainer.resume(tmp_path / "model.npz", DATA, TEST).settings.smoothness == 0.25


def test_resuming_a_finished_run_does_nothing(tmp_path) -> None:
    finish(begin()).save(tmp_path / "whole.npz")
    resumed = Trainer.resume(tmp_path / "whole.npz", DATA, TEST)
    assert resumed.finished
    assert list(resumed.run()) == []


def test_resuming_with_other_data_is_an_error(tmp_path) -> None:
    begin().save(tmp_path / "start.npz")
    with pytest.raises(ArgumentError, match="not the 256 images that the run began with"):
        Trainer.resume(tmp_path / "start.npz", bars(seed=5))


def test_resuming_a_model_without_a_state_is_an_error(tmp_path) -> None:
    from cnnfx.formats.model_npz import save_model

    save_model(tmp_path / "model.npz", begin().network)
    with pytest.raises(FileError, match=r"model.npz: the model holds no state of a training run"):
        Trainer.resume(tmp_path / "model.npz", DATA)


def test_a_loss_that_is_not_finite_stops_the_run_and_does_not_change_what_is_saved(tmp_path) -> None:
    trainer = begin(settings=replace(SETTINGS, rate=1e30))
    trainer.save(tmp_path / "model.npz")
    good = (tmp_path / "model.npz").read_bytes()
    with pytest.raises(CnnfxError, match=r"no longer a number after batch \d+ of epoch \d+.*such as 0\.01"):
        finish(trainer)
    trainer.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == good


FIXED = """
[[layer]]
activation = "abs"
learn = false
[[layer.filter]]
weights = [[-1, 0, 1]]
[[layer.filter]]
weights = [[-1], [0], [1]]
learn = true
[[layer]]
filters = 5
size = 3
activation = "relu"
pool = "max:2"
"""


def test_only_trainable_filters_change(tmp_path) -> None:
    (tmp_path / "net.toml").write_text(FIXED, encoding="utf-8")
    trainer = finish(begin(arch=load_arch(tmp_path / "net.toml"), settings=replace(LONGER, decay=0.1)))
    weights = trainer.network.layers[0].conv.weights
    np.testing.assert_array_equal(weights[0, 0], [[0, 0, 0], [-1, 0, 1], [0, 0, 0]])
    assert trainer.network.layers[0].conv.bias[0] == 0
    assert not np.array_equal(weights[1, 0], [[0, -1, 0], [0, 0, 0], [0, 1, 0]])
    assert trainer.history[-1].test_accuracy > 0.8
    trainer.save(tmp_path / "model.npz")
    assert load_model(tmp_path / "model.npz").layers[0].filter_names == ("1", "2")


def test_color_images_of_floats_can_be_trained_on() -> None:
    color = bars(64, channels=3)
    data = replace(color, images=(color.images / np.float32(255)).astype(np.float32))
    trainer = finish(begin(data=data, test=None, settings=replace(SETTINGS, batch_size=16)))
    assert trainer.network.layers[0].conv.weights.shape == (4, 3, 3, 3)
    assert trainer.history[-1].test_accuracy is None


def test_an_epoch_uses_every_image_once() -> None:
    numbered = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 12, 12), np.uint8)
    seen: list[int] = []
    trainer = begin(data=replace(DATA, images=numbered), settings=replace(SETTINGS, epochs=1))
    loss_and_grad = trainer._trainable.loss_and_grad

    def recording(count, collate):
        images, _ = collate(slice(0, count))
        (mean,), (std,) = trainer.network.input.mean, trainer.network.input.std
        seen.extend(np.rint((images[0, 4, 4] * std + mean) * 255).astype(int).tolist())
        return loss_and_grad(count, collate)

    trainer._trainable.loss_and_grad = recording
    finish(trainer)
    assert sorted(seen) == list(range(256))
    assert not all(one < other for one, other in pairwise(seen))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (replace(DATA, labels=DATA.labels[:-1]), "bars: there are 256 images, but 255 labels"),
        (replace(DATA, labels=DATA.labels + 1), "bars: label 4 is not one of the 4 classes, 0 to 3"),
        (replace(DATA, labels=DATA.labels - 1), "bars: label -1 is not one of the 4 classes"),
        (replace(DATA, images=DATA.images[:0], labels=DATA.labels[:0]), "bars: there are no images"),
        (replace(DATA, images=DATA.images[:, 0]), r"bars: images must be \(N, C, H, W\)"),
        (bars(50), "bars: a batch of 100 is larger than the data, 50 images"),
        (bars(size=5), r"layer 2 of network: kernel of 3×3 is larger"),
    ],
)
def test_invalid_training_data_are_an_error(data, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        begin(data=data)


def test_test_images_that_differ_in_size_or_classes_are_an_error() -> None:
    message = "bars: the test images have 1 channel of 10×10, the training images 1 channel of 12×12"
    with pytest.raises(ArgumentError, match=message):
        begin(test=bars(20, size=10))
    with pytest.raises(ArgumentError, match="the classes of the test images are not those"):
        begin(test=replace(TEST, classes=tuple("abcd")))


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("random"),
        lambda state: state.pop("normalized"),
        lambda state: state.update(steps=-1),
        lambda state: state.update(learned=[[True]]),
        lambda state: state.update(history=[{"epoch": 1}]),
        lambda state: state["settings"].update(epochs=0),
        lambda state: state["settings"].update(speed=3),
        lambda state: state["random"].update(bit_generator="other"),
    ],
)
def test_resuming_from_a_damaged_state_is_an_error(tmp_path, change) -> None:
    begin().save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        content = dict(arrays)
    state = json.loads(str(content["training.state"]))
    change(state)
    np.savez(tmp_path / "model.npz", **{**content, "training.state": np.array(json.dumps(state))})
    with pytest.raises(FileError, match=r"model.npz: the state of the training run is .*, so it cannot be resumed"):
        Trainer.resume(tmp_path / "model.npz", DATA)


def test_a_state_that_normalizes_combinations_is_refused(tmp_path) -> None:
    (tmp_path / "arch.toml").write_text(
        'filters = 2\nsize = 3\ncombine = [{ name = "both", kind = "norm", of = ["1", "2"] }]\n'
    )
    trainer = begin(arch=load_arch(tmp_path / "arch.toml"))
    assert trainer.normalized == [False]
    trainer.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        content = dict(arrays)
    state = {**json.loads(str(content["training.state"])), "normalized": [True]}
    np.savez(tmp_path / "model.npz", **{**content, "training.state": np.array(json.dumps(state))})
    with pytest.raises(FileError) as caught:
        Trainer.resume(tmp_path / "model.npz", DATA)
    assert str(caught.value) == (
        f"{tmp_path / 'model.npz'}: the state of the training run normalizes combinations of channels, so it cannot be "
        "resumed."
    )


def changed_state(path, **arrays):
    """Save a model after one epoch with other arrays of its state, None to leave one out, and return its bytes."""
    trainer = begin()
    for report in trainer.run():
        if isinstance(report, EpochReport):
            break
    trainer.save(path)
    with np.load(path) as content:
        whole = {**content, **{f"training.{name}": array for name, array in arrays.items()}}
    np.savez(path, **{name: array for name, array in whole.items() if array is not None})
    return path.read_bytes()


MEAN = np.zeros(1_000, np.float32)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"mean": MEAN.astype(np.float64)}, "mean is float64 of shape (1000,), not float32 of one axis"),
        ({"square": MEAN.astype(np.int32)}, "square is int32 of shape (1000,), not float32 of one axis"),
        ({"mean": MEAN.reshape(10, 100)}, "mean is float32 of shape (10, 100), not float32 of one axis"),
        ({"mean": MEAN + np.float32(np.nan)}, "mean has values that are not finite"),
        ({"square": MEAN + np.float32(np.inf)}, "square has values that are negative or not finite"),
        ({"square": MEAN - np.float32(1)}, "square has values that are negative or not finite"),
        ({"mean": None}, "the array mean is missing"),
        ({"state": None}, "the array state is missing"),
        ({"parameters": None}, "the array parameters is missing"),
        ({"momentum": MEAN}, "Adam, the optimizer, has no array momentum"),
        ({"state": np.zeros(3)}, "state is not a text"),
        ({"state": np.array("{")}, "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ({"state": np.array("[]")}, "list indices must be integers or slices, not str"),
        ({"state": np.array("{}")}, "'settings' is missing"),
    ],
)
def test_a_state_of_another_kind_is_refused_and_the_file_is_unchanged(tmp_path, arrays, problem) -> None:
    before = changed_state(tmp_path / "model.npz", **arrays)
    with pytest.raises(FileError) as caught:
        Trainer.resume(tmp_path / "model.npz", DATA, TEST)
    assert str(caught.value) == (
        f"{tmp_path / 'model.npz'}: the state of the training run is damaged ({problem}), so it cannot be resumed."
    )
    assert (tmp_path / "model.npz").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 10**400}, {"steps": True}, {"steps": 1.0},
        {"learned": [["a"]]}, {"learned": ["", ""]}, {"learned": 3}, {"history": [3]}, {"history": None},
        {"random": []}, {"random": {"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}}},
        {"settings": []}, {"settings": {}}, {"normalized": None}, {"normalized": [True]}, {"normalized": [1, 0]},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_state_with_a_value_of_another_type_is_refused(tmp_path, change) -> None:
    begin().save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as content:
        state = {**json.loads(str(content["training.state"])), **change}
    changed_state(tmp_path / "model.npz", state=np.array(json.dumps(state)))
    with pytest.raises(FileError, match=r"the state of the training run is damaged \(.+\), so it cannot be resumed"):
        Trainer.resume(tmp_path / "model.npz", DATA, TEST)


def test_steps_that_do_not_fit_the_epochs_are_refused(tmp_path) -> None:
    begin().save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as content:
        state = {**json.loads(str(content["training.state"])), "steps": 7}
    changed_state(tmp_path / "model.npz", state=np.array(json.dumps(state)))
    with pytest.raises(
        ArgumentError, match="bars: the optimizer of the run has made 7 steps, not 3 in each of 0 epochs"
    ):
        Trainer.resume(tmp_path / "model.npz", DATA, TEST)


def test_an_epoch_has_the_learning_rate_of_its_last_batch_and_its_duration() -> None:
    trainer, rate = begin(), 0.0
    for report in trainer.run():
        if isinstance(report, BatchReport):
            rate = report.rate
        else:
            assert report.learning_rate == rate
            assert 0 < report.test_seconds < report.seconds
    assert finish(begin(test=None)).history[0].test_seconds is None


def test_durations_are_not_written_to_the_model(tmp_path) -> None:
    trainer = finish(begin())
    trainer.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as content:
        assert "seconds" not in str(content["training.state"]) + str(content["meta"])
    history = Trainer.resume(tmp_path / "model.npz", DATA, TEST).history
    assert history == trainer.history
    assert (history[0].seconds, history[0].test_seconds) == (None, None)


def test_the_history_of_a_version_without_learning_rates_is_read() -> None:
    values = finish(begin()).history[0].to_dict()
    del values["learning_rate"]
    assert EpochReport.from_dict(values).learning_rate is None


@pytest.mark.parametrize("name", ["seconds", "learning", "test_seconds"])
def test_a_history_with_unknown_values_is_refused(name) -> None:
    values = finish(begin()).history[0].to_dict()
    with pytest.raises(TypeError, match=name):
        EpochReport.from_dict({**values, name: 1.0})


@pytest.mark.parametrize("name", ["loss", "train_accuracy", "test_accuracy", "learning_rate", "epoch"])
def test_a_history_with_texts_or_numbers_that_are_not_finite_is_refused(name) -> None:
    report = {
        "epoch": 1,
        "epochs": 2,
        "images": 3,
        "loss": 0.5,
        "train_accuracy": 0.5,
        "test_loss": 1,
        "test_accuracy": 1,
    }
    assert EpochReport.from_dict(report).loss == 0.5
    for value in ("1", float("nan"), [1]):
        with pytest.raises(ValueError, match=f"{name} is not a"):
            EpochReport.from_dict({**report, name: value})


def test_resuming_with_an_optimizer_state_of_another_size_is_an_error(tmp_path) -> None:
    begin().save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as arrays:
        content = dict(arrays)
    (name,) = (name for name in content if name.startswith("training") and name.endswith("mean"))
    np.savez(tmp_path / "model.npz", **{**content, name: content[name][:-1]})
    with pytest.raises(FileError, match=r"model.npz: the optimizer's state does not fit the \d+ parameters"):
        Trainer.resume(tmp_path / "model.npz", DATA)


def test_a_loss_that_is_not_finite_is_reported_with_what_was_saved() -> None:
    trainer = begin()
    trainer.parameters.vector[:] = np.nan
    with pytest.raises(CnnfxError, match="Nothing was saved yet"):
        list(trainer.run())
    trainer = begin()
    for report in trainer.run():
        if isinstance(report, EpochReport):
            break
    trainer.parameters.vector[:] = np.nan
    with pytest.raises(CnnfxError, match="What was saved after an earlier epoch is still valid"):
        list(trainer.run())


def test_the_current_network_changes_within_an_epoch() -> None:
    trainer = begin()
    next(trainer.run())
    assert not np.array_equal(trainer.current.layers[0].conv.weights, trainer.network.layers[0].conv.weights)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "epochs must be a whole number, 1 or more, not 0"),
        ("batch_size", 2.0, "batch_size must be a whole number"),
        ("shift", -1, "shift must be a whole number, 0 or more"),
        ("rate", 0.0, "rate must be more than 0, not 0.0"),
        ("rate", float("nan"), "rate must be more than 0, not nan"),
        ("rate", float("inf"), "rate must be more than 0, not inf"),
        ("smoothing", 1.0, "smoothing must be at least 0 and less than 1, not 1.0"),
        ("decay", -0.1, "decay must be at least 0, not -0.1"),
        ("smoothness", -1.0, "smoothness must be at least 0, not -1.0"),
        ("smoothness", float("nan"), "smoothness must be at least 0, not nan"),
        ("smoothness", float("inf"), "smoothness must be at least 0, not inf"),
        ("decay", 1e31, "decay must be at most 1e\\+30, not 1e\\+31"),
        ("rate", 1e300, "rate must be at most 1e\\+30, not 1e\\+300"),
        ("warp", -0.1, "warp must be from 0 to 4, not -0.1"),
        ("warp", 4.5, "warp must be from 0 to 4, not 4.5"),
        ("warp", float("nan"), "warp must be from 0 to 4, not nan"),
        ("betas", (0.8,), "betas must be two numbers, not 1"),
        ("betas", (0.8, 1.0), "betas must be at least 0 and less than 1, not 1.0"),
    ],
)
def test_settings_out_of_range_are_an_error(name, value, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainingSettings(**{name: value})
