"""`cnnfx evaluate`: accuracy, precision and recall of a model on test images, and its confusion matrix."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

from cnnfx.cli import options, parsers
from cnnfx.cli.console import in_lines, print_error, print_json, print_message, print_result_lines, text_width
from cnnfx.cli.options import option
from cnnfx.system.text import printable

if TYPE_CHECKING:
    from cnnfx.datasets import Dataset, LabeledImages
    from cnnfx.render.tiles import Levels
    from cnnfx.training.evaluate import Evaluation

MAX_DRAWN_MISTAKES = 40
"""The most misclassified images in the picture of `--mistakes`."""
MAX_PRINTED_PAIRS = 5
"""The most pairs of confused classes in the text."""
MAX_MATRIX_CLASSES = 16
"""A confusion matrix of more classes does not fit in a terminal."""
COLUMN_GAP = "  "
MAX_CLASS_NAME_CHARACTERS = 6
"""Longer names of classes are cut in the matrix."""

Order = Annotated[options.OrderName | None, options.order(options.DATA)]
Arch = Annotated[str | None, options.arch(options.DATA)]
Output = Annotated[
    str | None, option("--output -o FILE", "Draw the confusion matrix, such as confusion.png.", options.OUTPUT)
]
Mistakes = Annotated[
    str | None,
    option(
        "--mistakes FILE",
        "Draw the misclassified images with the highest probability, such as mistakes.png.",
        options.OUTPUT,
    ),
]
Colormap = Annotated[
    options.Colormap,
    options.colormap("the confusion matrix (in diverging, correct ones are blue, others orange)", options.OUTPUT),
]
Threads = Annotated[int | None, option("--threads N", options.THREADS, options.DATA, parsers.whole)]


def evaluate(
    model: options.Model = options.DEFAULT_MODEL,
    order: Order = None,
    arch: Arch = None,
    data: options.ModelData = None,
    background: options.DataBackground = None,
    skip_bad: options.SkipBad = False,
    threads: Threads = None,
    output: Output = None,
    mistakes: Mistakes = None,
    colormap: Colormap = "diverging",
    open: options.Open = False,
    as_json: options.JsonObject = False,
    quiet: options.Quiet = False,
) -> None:
    """Evaluate a model on test images.

    Prints the accuracy, precision, recall and support of each class, and the
    confusion matrix: a row for each true class, a column for each predicted
    class. The worst mistakes are those with the highest probability.

    \b
      cnnfx evaluate
      cnnfx evaluate small.npz --data mnist --json
      cnnfx evaluate -o confusion.png --mistakes mistakes.png
    """
    from cnnfx.cli.advice import output_option
    from cnnfx.cli.conflicts import NamedFile, arch_path, check_outputs, data_files, network_files
    from cnnfx.cli.given import given_options, note_without_effect
    from cnnfx.cli.inputs import load_data_of_model, print_notes
    from cnnfx.cli.networks import load_classifier, note_unused_reading, use_threads
    from cnnfx.cli.outputs import check_picture, print_escapes
    from cnnfx.errors import FileError, UsageError
    from cnnfx.formats.reading import Reading
    from cnnfx.render.charts import confusion_picture
    from cnnfx.system.files import check_writable
    from cnnfx.training.evaluate import evaluate as evaluate_network

    if open and output is None and mistakes is None:
        raise UsageError("--open shows a file. Give one with -o FILE or --mistakes FILE.")
    use_threads(threads)
    for path, name in ((output, "-o"), (mistakes, "--mistakes")):
        if path is not None:
            check_picture(path, "Give the name of one, such as confusion.png.")
            with output_option(name):
                check_writable(path)
    if output is None and not quiet:
        note_without_effect(given_options("--colormap"), "without -o, which draws the confusion matrix")
    if not quiet:
        note_unused_reading([model])
    network = load_classifier(model, Reading(order=order, arch=arch))
    outputs = [NamedFile(name, path) for name, path in (("-o", output), ("--mistakes", mistakes)) if path is not None]
    networks = network_files("MODEL", model), network_files("--arch", arch_path(arch))
    check_outputs(outputs, *networks, data_files(data, str(network.meta.get("dataset", ""))))
    dataset = load_data_of_model(network, data, quiet, background=background, skip_bad=skip_bad)
    print_notes(dataset, quiet)
    test = dataset.test
    if not len(test.labels):
        raise FileError(f"{test.name}: it contains no test images.")
    result = evaluate_network(network, test)
    for note in result.notes:
        print_error(note)
    if as_json:
        print_json(_described(result, dataset))
    else:
        print_result_lines(in_lines(_text(result, printable(test.name), text_width()), sys.stdout))
    if output is not None:
        title = f"{network.name} · {_accuracy_text(result, test.name)}"
        picture = confusion_picture(result.confusion, result.classes, title, colormap)
        _save(output, "confusion matrix", picture, quiet)
    if mistakes is not None:
        _save_mistakes(mistakes, result, test, network.name, quiet)
    if not quiet:
        for path in filter(None, (output, mistakes)):
            print_escapes(path, result.classes)
    if open:
        from cnnfx.cli.viewer import open_file

        for path in filter(None, (output, mistakes if len(result.misclassified) else None)):
            open_file(path)


def _save(path: str, what: str, picture: Levels, quiet: bool) -> None:
    from cnnfx.cli.outputs import file_ending, written_text
    from cnnfx.pipeline.outputs import write_picture
    from cnnfx.system.files import atomic_write

    with atomic_write(path) as file:
        write_picture(file, path, picture, file_ending(path))
    if not quiet:
        print_message(written_text(path, what, picture))


def _save_mistakes(path: str, result: Evaluation, test: LabeledImages, model: str, quiet: bool) -> None:
    import numpy as np

    from cnnfx.datasets.fitting import as_dtype
    from cnnfx.images import as_floats
    from cnnfx.render.charts import mistakes_picture

    worst = result.misclassified[:MAX_DRAWN_MISTAKES]
    if not len(worst):
        print_error(f"{path} is not written: all images are classified correctly.")
        return
    names = result.classes
    labels = [
        f"{names[result.labels[k]]}, predicted {names[result.predicted[k]]} "
        f"({_percent(result.probabilities[k].max(), 0)})"
        for k in worst
    ]
    count = f"{len(result.misclassified)} of {len(result.labels)} test images of {test.name}"
    levels = as_dtype(as_floats(test.images[worst]), np.dtype(np.uint8))  # of 16-bit pictures, the first eight bits
    title = f"{model} · misclassified: {count} · true class, predicted class and its probability"
    _save(path, f"{len(worst)} misclassified images", mistakes_picture(levels, labels, title), quiet)


def _percent(share: float | None, digits: int = 2) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def _accuracy_text(result: Evaluation, name: str) -> str:
    correct, count = round(result.accuracy * len(result.labels)), len(result.labels)
    return f"accuracy {_percent(result.accuracy)} ({correct} of {count} test images of {name})"


def _text(result: Evaluation, name: str, width: int | None) -> str:
    parts = [_accuracy_text(result, name)]
    rows = [("class", "precision", "recall", "F1", "support")]
    for figures in result.per_class():
        shares = (_percent(figures[key]) for key in ("precision", "recall", "f1"))
        rows.append((figures["class"], *shares, str(figures["support"])))
    parts.append(_aligned(rows))
    if len(result.classes) <= MAX_MATRIX_CLASSES:
        parts.append(
            "confusion matrix: a row for each true class, a column for each predicted class\n" + _matrix(result, width)
        )
    if len(result.misclassified):
        parts.append(
            f"misclassified {len(result.misclassified)}, most often: {confused_text(result, MAX_PRINTED_PAIRS)}"
        )
    return "\n\n".join(parts)


def confused_text(result: Evaluation, max_pairs: int) -> str:
    """Return the pairs of classes that are confused most often, as text."""
    pairs = result.confused_pairs()[:max_pairs]
    return ", ".join(f"{true} predicted as {predicted} ({count}×)" for true, predicted, count in pairs)


def _matrix(result: Evaluation, width: int | None) -> str:
    """The confusion matrix; columns that do not fit `width` follow below."""
    names = [name[:MAX_CLASS_NAME_CHARACTERS] for name in result.classes]
    rows = [[str(number) if number else "·" for number in row] for row in result.confusion.tolist()]
    longest = max(len(text) for row in [names, *rows] for text in row) + len(COLUMN_GAP)
    count = len(names) if width is None else max(1, (width - max(map(len, names))) // longest)
    parts = []
    for first in range(0, len(names), count):
        part = slice(first, first + count)
        lines = [(name, *row[part]) for name, row in zip(names, rows, strict=True)]
        parts.append(_aligned([("", *names[part]), *lines]))
    return "\n\n".join(parts)


def _aligned(rows: list[Any]) -> str:
    """Rows of cells in columns, the first at the left and the others at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        [cell.rjust(w) if column else cell.ljust(w) for column, (cell, w) in enumerate(zip(row, widths, strict=True))]
        for row in rows
    ]
    return "\n".join(COLUMN_GAP.join(line) for line in lines)


def _described(result: Evaluation, dataset: Dataset) -> dict[str, Any]:
    return {
        "data": dataset.name,
        "images": len(result.labels),
        "accuracy": result.accuracy,
        "misclassified": len(result.misclassified),
        "classes": result.per_class(),
        "confusion": result.confusion.tolist(),
        "confused": [
            {"true": true, "predicted": predicted, "count": count} for true, predicted, count in result.confused_pairs()
        ],
        "skipped": dataset.skipped,
        "notes": [*dataset.notes, *result.notes],
    }
