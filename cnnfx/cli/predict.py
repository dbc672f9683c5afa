"""`cnnfx predict`: the most probable classes of images, and pictures of the evidence for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_error, print_json, print_message, print_result
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.cli.inputs import InputImage
    from cnnfx.features.evidence import Progress
    from cnnfx.nn.layers import Array
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.evidence import EvidencePicture
    from cnnfx.pipeline.targets import Target
    from cnnfx.training.predict import Prediction
    from cnnfx.training.prepare import PreparedImage

    ShowEvidence = Callable[[PreparedImage, Array, Progress | None], EvidencePicture]

MODEL = "The model"
EVIDENCE = "The evidence"
"""Headings of the help."""

OUTPUT_ADVICE = "Evidence is written as a picture or as arrays: give -o why.png or -o why.npz."

Model = Annotated[
    str,
    option(
        "--model -m MODEL",
        "A network with classes: a model (.npz) written by cnnfx train, the preset squeezenet, a .toml file, or a file "
        "of PyTorch, Keras, ONNX or safetensors.",
        MODEL,
        autocompletion=parsers.complete_filters,
    ),
]
Order = Annotated[options.OrderName | None, options.order(MODEL)]
Arch = Annotated[str | None, options.arch(MODEL)]
Top = Annotated[
    int | None,
    option(
        "--top N",
        "Print the N most probable classes, and draw the evidence for them.  [default: print 3 of up to ten classes, "
        "5 of more; draw 3]",
        MODEL,
        parsers.whole,
    ),
]
SkipBad = Annotated[
    bool,
    option("--skip-bad", "Images that cannot be read or predicted are no failure, as long as one is.", options.IMAGES),
]
Output = Annotated[
    str | None,
    option(
        "--output -o FILE",
        "Draw where in the image the evidence for each class is, such as why.png; .npz or .npy for arrays; a folder/ "
        "for one file per image; - for standard output. {stem} stands for the name of the image.",
        options.OUTPUT,
    ),
]
Method = Annotated[
    Literal["cam", "grad-cam", "occlusion"] | None,
    option(
        "--method METHOD",
        "cam, class activation maps, where a network ends in maps and their means; grad-cam, for any layer; "
        "occlusion, how far the score falls where the image is covered.  [default: cam or else grad-cam]",
        EVIDENCE,
    ),
]
Layer = Annotated[
    str | None,
    option(
        "--layer NAME|N",
        "The layer whose maps grad-cam uses, by name or number. By default the last with several positions.",
        EVIDENCE,
    ),
]
Only = Annotated[
    list[str] | None,
    option(
        "--only LIST",
        "Draw the evidence for these classes, by name or number, not for the most probable: 'lynx,Egyptian cat'.",
        EVIDENCE,
    ),
]
Colormap = Annotated[
    options.Colormap, options.colormap("the evidence (in diverging, evidence against a class is blue)", EVIDENCE)
]


def predict(
    images: options.Images,
    model: Model = options.DEFAULT_MODEL,
    order: Order = None,
    arch: Arch = None,
    top: Top = None,
    background: options.Background = None,
    page: options.Pages = None,
    recursive: options.Recursive = False,
    skip_bad: SkipBad = False,
    threads: options.Threads = None,
    output: Output = None,
    format: options.Format = None,
    open: options.Open = False,
    method: Method = None,
    layer: Layer = None,
    only: Only = None,
    colormap: Colormap = "heat",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Classify images, with probabilities, and show why.

    Photographs are prepared as the [input] of the network says. For a model of
    digits, images are prepared as MNIST was: dark digits on a light background
    are inverted, the digit is scaled to 20×20 and centered.

    \b
      cnnfx predict photo.jpg --model squeezenet
      cnnfx predict photo.jpg -m squeezenet -o why.png
      cnnfx predict photo.jpg -m mobilenet_v2.pth
      cnnfx predict photos/ -m squeezenet -o why/ --method occlusion
      cnnfx predict digits/ --model small.npz --top 1
      cat seven.png | cnnfx predict - --json
    """
    from cnnfx.cli.advice import FAILURE, WRONG_USAGE, exit_code, report
    from cnnfx.cli.conflicts import (
        arch_path,
        check_targets,
        image_files,
        network_files,
        print_note_on_shared_folder,
    )
    from cnnfx.cli.inputs import image_sources
    from cnnfx.cli.networks import chosen_channels, load_classifier, note_unused_reading, use_threads
    from cnnfx.errors import CnnfxError, UsageError
    from cnnfx.formats.reading import Reading
    from cnnfx.pipeline.targets import STDOUT_NAMES
    from cnnfx.system.sizes import counted
    from cnnfx.training.prepare import check_classifier

    use_threads(threads)
    if output is None:
        given = {"--method": method, "--layer": layer, "--only": only, "--format": format, "--open": open or None}
        for name in (name for name, value in given.items() if value is not None):
            raise UsageError(f"{name} is for the evidence that -o writes. Give -o FILE, too.")
    if as_json and output in STDOUT_NAMES:
        raise UsageError("--json and the picture cannot both go to standard output. Give -o FILE.")
    if not quiet:
        note_unused_reading([model])
    network = load_classifier(model, Reading(order=order, arch=arch), "--model")
    check_classifier(network, model)  # a bad model is one error, not one for each image
    sources = image_sources(images, recursive, page, quiet=quiet)
    targets: list[Target | None] = [None] * len(sources)
    show: ShowEvidence | None = None
    if output is not None:
        from cnnfx.pipeline.evidence import DEFAULT_CLASSES, evidence_of
        from cnnfx.training.predict import most_probable

        chosen = only and chosen_channels(only, network.classes, f"the classes of {network.name}")
        number = None if layer is None else network.layer_number(layer)

        def show(prepared: PreparedImage, scores: Array, progress: Progress | None) -> EvidencePicture:
            classes = chosen or most_probable(scores, top or DEFAULT_CLASSES)
            return evidence_of(network, prepared, scores, classes, method, number, colormap, progress)

        targets = _targets(sources, output, format, network, open)
    networks = network_files("--model", model), network_files("--arch", arch_path(arch))
    inputs = image_files(sources, images), *networks
    checked = check_targets([target for target in targets if target is not None], *inputs, channels=["evidence"])
    targets = [*checked] or targets
    if not quiet:
        print_note_on_shared_folder(images, checked, recursive)
    code, skipped, shown_path = 0, 0, None
    for source, target in zip(sources, targets, strict=True):
        try:
            result, shown = _predicted(network, source, background, top, show, method == "occlusion" and not quiet)
            written = None if target is None or shown is None else _write(target, shown, quiet)
        except CnnfxError as error:  # the other images are still classified
            error_code = exit_code(error)
            if error_code == WRONG_USAGE:
                raise
            report(error)
            skipped += 1
            if not skip_bad or skipped == len(sources):
                code = error_code if len(sources) == 1 else FAILURE
            continue
        _print(source, result, shown, written, as_json, quiet)
        if shown_path is None and target is not None:
            shown_path = target.path
    if skipped and skip_bad and not quiet:
        print_error(f"{skipped} of {counted(len(sources), 'image')} {'was' if skipped == 1 else 'were'} skipped.")
    if open and shown_path is not None:
        from cnnfx.cli.viewer import open_file

        open_file(shown_path)
    if code:
        raise typer.Exit(code)


def _targets(
    sources: list[InputImage], output: str, format: str | None, network: Network, open: bool
) -> list[Target | None]:
    """Return a target for the evidence of each image: a picture or arrays."""
    from cnnfx.cli.outputs import image_targets
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.targets import ARRAY_FORMATS, PICTURE_FORMATS
    from cnnfx.system.files import check_writable

    targets = image_targets(sources, output, format, network.name)
    for target in targets:
        if target.format not in (*PICTURE_FORMATS, *ARRAY_FORMATS):
            raise UsageError(f"{target.name} is neither a picture nor an array file. {OUTPUT_ADVICE}")
        if target.path is not None and not target.folder:
            check_writable(target.path)
    if open:
        from cnnfx.cli.viewer import check_can_be_opened

        check_can_be_opened(targets[0])
    return [*targets]


def _predicted(
    network: Network,
    source: InputImage,
    background: str | None,
    top: int | None,
    show: ShowEvidence | None,
    has_bar: bool,
) -> tuple[Prediction, EvidencePicture | None]:
    """Return the prediction for an image, and its evidence if `show` is given."""
    from cnnfx.cli.console import data_progress
    from cnnfx.training.predict import image_scores, prediction
    from cnnfx.training.prepare import prepare

    prepared = prepare(network, source.source, background=background, page=source.page)
    scores = image_scores(network, prepared)
    predicted = prediction(network, prepared, scores, top)
    if show is None:
        return predicted, None
    with data_progress(not has_bar) as progress:
        return predicted, show(prepared, scores, progress)


def _write(target: Target, shown: EvidencePicture, quiet: bool) -> str:
    """Write the evidence for the classes of an image, and return the name of the file."""
    from cnnfx.cli.outputs import print_escapes, written_text
    from cnnfx.pipeline.evidence import write_evidence_arrays
    from cnnfx.pipeline.outputs import write_picture
    from cnnfx.pipeline.targets import ARRAY_FORMATS

    if target.folder:
        (path,) = target.make_files(["evidence"])
        target = target._replace(path=path, folder=False)
    if target.format in ARRAY_FORMATS:
        with target.open() as file:
            write_evidence_arrays(file, target.format, shown)
        return target.name
    picture = shown.picture
    with target.open() as file:
        write_picture(file, target.name, picture, target.format)
    if not quiet and target.path is not None:
        print_message(written_text(target.name, f"evidence for {', '.join(shown.names)}", picture))
    if not quiet:
        print_escapes(target.name, [shown.title, shown.prepared.image.file_name, *shown.names])
    return target.name


def _described(
    source: InputImage, prediction: Prediction, shown: EvidencePicture | None, written: str | None
) -> dict[str, Any]:
    """Return the prediction, ready for JSON."""
    top = [{"class": found.name, "probability": found.probability} for found in prediction.top]
    named = {"image": source.label, **source.page_data}
    described = {**named, **top[0], "top": top, "notes": list(prediction.notes)}
    if shown is None:
        return described
    found = shown.found
    evidence = [
        {"class": each.name, "score": each.score, "largest": float(each.map.max()), "at": shown.strongest(index)}
        for index, each in enumerate(found.classes)
    ]
    layer = {} if found.layer is None else {"layer": found.layer, "layer_name": shown.layer_name}
    return {**described, "output": written, "method": found.method, **layer, "evidence": evidence}


def _note_text(image: str, note: str) -> str:
    """Return a note as a sentence that names the image, followed by the option that helps."""
    from cnnfx.cli.advice import advised_note

    return advised_note(f"{image}: {note.removeprefix(image + ': ').rstrip('.')}.")


def _print(
    source: InputImage,
    prediction: Prediction,
    shown: EvidencePicture | None,
    written: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    if as_json:
        print_json(_described(source, prediction, shown, written))
        return
    if not quiet:
        for note in prediction.notes:
            print_error(_note_text(prediction.image, note))
    first, *others = (f"{name} ({100 * probability:.2f} %)" for name, probability in prediction.top)
    text = f"{prediction.image}: {first}" + (f"; or {', '.join(others)}" if others else "")
    if written != "-":
        print_result(text)
    elif not quiet:  # the picture is on standard output
        print_message(text)
