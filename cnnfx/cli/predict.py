"""`cnnfx predict`: what a model takes images for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli import options as learning
from cnnfx.cli.console import put, put_json, tell

if TYPE_CHECKING:
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.targets import Source


def predict(
    images: options.Images,
    model: learning.ModelOption = "model.npz",
    top: Annotated[
        int | None,
        typer.Option(
            "--top", parser=parsers.whole, metavar="N", help="Tell the N most probable classes.  [default: 3]"
        ),
    ] = None,
    recursive: options.Recursive = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell what digits images show, with probabilities.

    Images of any size are fitted as MNIST was made: dark on light is noticed
    and inverted, the digit scaled to 20×20 and centerd. A model of other
    classes gets them in the size that it has learned on.

    \b
      cnnfx predict seven.png
      cnnfx predict digits/ --model small.npz --top 1
      cat seven.png | cnnfx predict - --json
    """
    from cnnfx.cli.advice import advised, exit_code
    from cnnfx.cli.console import complain
    from cnnfx.cli.inputs import find_sources
    from cnnfx.cli.networks import input_shape, load_classifier
    from cnnfx.errors import CnnfxError

    network = load_classifier(model)
    shape = input_shape(network, model)
    sources = find_sources(images, recursive)
    failed = 0
    for source in sources:
        try:
            result = _predicted(network, shape, source, top or 3)
        except CnnfxError as error:  # the others are done all the same
            complain(advised(error))
            failed = exit_code(error) if len(sources) == 1 else 1
            continue
        _tell(result, as_json, quiet)
    if failed:
        raise typer.Exit(failed)


def _predicted(network: Network, shape: tuple[int, int, int], source: Source, top: int) -> dict[str, Any]:
    """What the model takes an image for."""
    from cnnfx.cli.inputs import content
    from cnnfx.cli.networks import fitted
    from cnnfx.images import load_image

    given = content(source.path)
    image = load_image(source.path if given is None else given, channels="rgb" if shape[0] == 3 else "gray")
    pixels, notes = fitted(network, shape, image)
    probabilities = network.probabilities(pixels).tolist()
    order = sorted(range(len(probabilities)), key=lambda k: -probabilities[k])
    found = [{"class": network.classes[k], "probability": probabilities[k]} for k in order[:top]]
    return {"image": image.name, **found[0], "top": found, "notes": [*image.notes, *notes]}


def _tell(result: dict[str, Any], as_json: bool, quiet: bool) -> None:
    if as_json:
        put_json(result)
        return
    if not quiet:
        for note in result["notes"]:
            tell(f"cnnfx: {result['image']}: {note.removeprefix(result['image'] + ': ').rstrip('.')}.")
    first, *others = (f"{found['class']} ({100 * found['probability']:.2f} %)" for found in result["top"])
    put(f"{result['image']}: {first}" + (f"; or {', '.join(others)}" if others else ""))
