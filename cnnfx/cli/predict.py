"""`cnnfx predict`: the most probable classes of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_error, print_json, print_result
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.cli.inputs import InputImage
    from cnnfx.nn.network import Network
    from cnnfx.training.predict import Prediction


MODEL = "The model"
"""A heading of the help."""

Model = Annotated[str, option("--model -m MODEL", "A model (.npz) written by cnnfx train.", MODEL)]
Top = Annotated[int | None, option("--top N", "Print the N most probable classes.  [default: 3]", MODEL, parsers.whole)]


def predict(
    images: options.Images,
    model: Model = options.DEFAULT_MODEL,
    top: Top = None,
    recursive: options.Recursive = False,
    threads: options.Threads = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Classify images, with probabilities.

    For a model of digits, images are prepared as MNIST was: dark digits on a
    light background are inverted, the digit is scaled to 20×20 and centered.
    For other models they are resized to the size of the training images.

    \b
      cnnfx predict seven.png
      cnnfx predict digits/ --model small.npz --top 1
      cat seven.png | cnnfx predict - --json
    """
    from cnnfx.cli.advice import FAILURE, report
    from cnnfx.cli.inputs import image_sources
    from cnnfx.cli.networks import load_classifier, use_threads
    from cnnfx.errors import CnnfxError
    from cnnfx.training.predict import training_image_shape

    use_threads(threads)
    network = load_classifier(model, "--model")
    training_image_shape(network, model)  # a bad model is one error, not one for each image
    sources = image_sources(images, recursive)
    code = 0
    for source in sources:
        try:
            result = _predicted(network, source, top or 3)
        except CnnfxError as error:  # the other images are still classified
            error_code = report(error)
            code = error_code if len(sources) == 1 else FAILURE
            continue
        _print(result, as_json, quiet)
    if code:
        raise typer.Exit(code)


def _predicted(network: Network, source: InputImage, top: int) -> Prediction:
    from cnnfx.cli.inputs import read_stdin
    from cnnfx.training.predict import predict as predict_image

    return predict_image(read_stdin() if source.is_stdin else source.path, network, top=top)


def _described(prediction: Prediction) -> dict[str, Any]:
    """Return the prediction, ready for JSON."""
    top = [{"class": found.name, "probability": found.probability} for found in prediction.top]
    return {"image": prediction.image, **top[0], "top": top, "notes": list(prediction.notes)}


def _print(prediction: Prediction, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(_described(prediction))
        return
    if not quiet:
        for note in prediction.notes:
            print_error(f"{prediction.image}: {note.removeprefix(prediction.image + ': ').rstrip('.')}.")
    first, *others = (f"{name} ({100 * probability:.2f} %)" for name, probability in prediction.top)
    print_result(f"{prediction.image}: {first}" + (f"; or {', '.join(others)}" if others else ""))
