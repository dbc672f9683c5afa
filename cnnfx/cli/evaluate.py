"""`cnnfx evaluate`: how well a model tells the classes of test images, and what it confuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnfx.cli import options
from cnnfx.cli import options as learning
from cnnfx.cli.console import put, put_json, tell

if TYPE_CHECKING:
    from cnnfx.cli.inputs import Part
    from cnnfx.nn.network import Network
    from cnnfx.render.grid import Levels
    from cnnfx.training.evaluate import Evaluation

WORST = 40
"""So many mistakes are drawn."""
TABLE_CLASSES = 16
"""A matrix of more classes does not fit a terminal."""


def evaluate(
    model: learning.Model,
    data: learning.ModelData = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw the confusion matrix, such as confusion.png."),
    ] = None,
    mistakes: Annotated[
        str | None,
        typer.Option("--mistakes", metavar="FILE", help="Draw the worst mistakes, such as mistakes.png."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Test a model: accuracy, figures per class, what it confuses.

    A row of the confusion matrix is a true class, a column what the model
    told. The worst mistakes are those that it was most sure of.

    \b
      cnnfx evaluate model.npz
      cnnfx evaluate model.npz --data mnist --json
      cnnfx evaluate model.npz -o confusion.png --mistakes mistakes.png
    """
    from cnnfx.cli.inputs import data_of, halves
    from cnnfx.cli.networks import load_classifier
    from cnnfx.errors import FileError
    from cnnfx.render.charts import confusion_picture
    from cnnfx.system.files import check_writable
    from cnnfx.training.evaluate import evaluate as tested

    pictures = [path for path in (output, mistakes) if path is not None]
    for path in pictures:
        _check_picture(path)
        check_writable(path)
    network = load_classifier(model)
    _, test = halves(data_of(network, data, quiet))
    if not len(test.labels):
        raise FileError(f"{test.name}: it has no images to test with.")
    result = tested(network, test)
    put_json(_described(result, test.name)) if as_json else put(_told(result, test.name))
    if output is not None:
        _save(output, confusion_picture(result.confusion, result.classes))
    if mistakes is not None:
        _save_mistakes(mistakes, result, test, network)


def _check_picture(path: str) -> None:
    from pathlib import Path

    from cnnfx.errors import UsageError
    from cnnfx.pipeline.targets import PICTURES

    if Path(path).suffix.lower().removeprefix(".") not in PICTURES:
        raise UsageError(f"{path} is not the name of a picture file. Give one such as confusion.png.")


def _save(path: str, picture: Levels) -> None:
    from pathlib import Path

    from cnnfx.pipeline.outputs import write_picture
    from cnnfx.system.files import atomic_write

    with atomic_write(path) as file:
        write_picture(file, path, picture, Path(path).suffix.lower().removeprefix("."))


def _save_mistakes(path: str, result: Evaluation, test: Part, network: Network) -> None:
    from cnnfx.render.charts import mistakes_picture

    worst = result.misclassified[:WORST]
    if not len(worst):
        tell(f"cnnfx: {path} is not written: there are no mistakes.")
        return
    names = result.classes
    labels = [
        f"{names[result.labels[k]]}, predicted {names[result.predicted[k]]} "
        f"({_percent(result.probabilities[k].max(), 0)})"
        for k in worst
    ]
    _save(path, mistakes_picture(test.images[worst], labels))


def _percent(share: float | None, digits: int = 2) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def _told(result: Evaluation, name: str) -> str:
    right, count = round(result.accuracy * len(result.labels)), len(result.labels)
    parts = [f"accuracy {_percent(result.accuracy)} ({right} of {count} test images of {name})"]
    rows = [("class", "images", "found", "right", "F1")]
    for figures in result.per_class():
        shares = (_percent(figures[key]) for key in ("recall", "precision", "f1"))
        rows.append((figures["class"], str(figures["images"]), *shares))
    parts.append(_aligned(rows) + "\nfound: of the images of this class; right: of those told to be of it")
    if len(result.classes) <= TABLE_CLASSES:
        parts.append("confusion: a row for each true class, a column for what was told\n" + _matrix(result))
    pairs = [f"{true} taken for {told} ({times}×)" for true, told, times in result.confused_pairs()[:5]]
    return "\n\n".join([*parts, *(["most often: " + ", ".join(pairs)] if pairs else [])])


def _matrix(result: Evaluation) -> str:
    names = [name[:6] for name in result.classes]
    lines = [(name, *(str(number) if number else "·" for number in row))
             for name, row in zip(names, result.confusion.tolist(), strict=True)]  # fmt: skip
    return _aligned([("", *names), *lines])


def _aligned(rows: list[Any]) -> str:
    """Rows of cells in columns, the first at the left and the others at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(w) if k else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )


def _described(result: Evaluation, name: str) -> dict[str, Any]:
    return {
        "data": name,
        "images": len(result.labels),
        "accuracy": result.accuracy,
        "mistakes": len(result.misclassified),
        "classes": result.per_class(),
        "confusion": result.confusion.tolist(),
        "confused": [
            {"true": true, "predicted": predicted, "count": count} for true, predicted, count in result.confused_pairs()
        ],
    }
