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


Model = Annotated[str, option("--model -m MODEL", "A model (.npz) written by cnnfx train.")]
Top = Annotated[int | None, option("--top N", "Print the N most probable classes.  [default: 3]", parser=parsers.whole)]


def predict(
    images: options.Images,
    model: Model = "model.npz",
    top: Top = None,
    recursive: options.Recursive = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Classify images, with probabilities.

    For a model of digits, images are prepared as MNIST was: dark digits on
    light ground are inverted, the digit is scaled to 20×20 and centered. For
    other models they are resized to the size of the training images.

    \b
      cnnfx predict seven.png
      cnnfx predict digits/ --model small.npz --top 1
      cat seven.png | cnnfx predict - --json
    """
    from cnnfx.cli.advice import FAILURE, report
    from cnnfx.cli.inputs import image_sources
    from cnnfx.cli.networks import input_shape, load_classifier
    from cnnfx.errors import CnnfxError

    network = load_classifier(model)
    shape = input_shape(network, model)
    sources = image_sources(images, recursive)
    code = 0
    for source in sources:
        try:
            result = _predicted(network, shape, source, top or 3)
        except CnnfxError as error:  # the other images are still classified
            error_code = report(error)
            code = error_code if len(sources) == 1 else FAILURE
            continue
        _print(result, as_json, quiet)
    if code:
        raise typer.Exit(code)


def _predicted(network: Network, shape: tuple[int, int, int], source: InputImage, top: int) -> dict[str, Any]:
    """The most probable classes of an image, ready for JSON."""
    from cnnfx.cli.inputs import read_stdin
    from cnnfx.cli.networks import fit_to_model
    from cnnfx.images import load_image

    content = read_stdin() if source.is_stdin else source.path
    image = load_image(content, channels="rgb" if shape[0] == 3 else "gray")
    pixels, notes = fit_to_model(network, shape, image)
    probabilities = network.probabilities(pixels).tolist()
    order = sorted(range(len(probabilities)), key=lambda k: -probabilities[k])
    found = [{"class": network.classes[k], "probability": probabilities[k]} for k in order[:top]]
    return {"image": image.name, **found[0], "top": found, "notes": [*image.notes, *notes]}


def _print(result: dict[str, Any], as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(result)
        return
    if not quiet:
        for note in result["notes"]:
            print_error(f"{result['image']}: {note.removeprefix(result['image'] + ': ').rstrip('.')}.")
    first, *others = (f"{found['class']} ({100 * found['probability']:.2f} %)" for found in result["top"])
    print_result(f"{result['image']}: {first}" + (f"; or {', '.join(others)}" if others else ""))
