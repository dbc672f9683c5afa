"""From `-o` and `--format` to targets: where the results of each image are written."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cnnfx.errors import UsageError
from cnnfx.pipeline.targets import (
    ARRAY_FORMATS,
    PAGE_FORMATS,
    PICTURE_FORMATS,
    STDOUT_NAMES,
    Target,
    file_name,
    is_device,
)
from cnnfx.system.sizes import size_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnfx.cli.inputs import InputImage

ENDINGS = {**PICTURE_FORMATS, **{ending: ending for ending in (*ARRAY_FORMATS, *PAGE_FORMATS)}}
"""The format that each ending of an output file stands for: `jpg` and `jpeg` are one format."""
DEFAULT_FORMAT, DEFAULT_ANIMATION_FORMAT = "png", "gif"


def image_targets(
    sources: Sequence[InputImage],
    output: str | None,
    format: str | None,
    filters: str,
    default_format: str = DEFAULT_FORMAT,
    formats: Iterable[str] = ENDINGS,
) -> list[Target]:
    """Return a target for each image.

    Parameters
    ----------
    sources : sequence of InputImage
    output : str or None
        The value of `-o`: a file, a folder, a template with `{stem}`, `{name}`, `{ext}` or `{filters}`, `-`, or None
        for the default.
    format : str or None
        The value of `--format`.
    filters : str
        The name of the network.
    default_format : str
        The ending of files whose name and `--format` do not determine it.
    formats : iterable of str
        The endings that the message about an unknown one names.

    Raises
    ------
    UsageError
        If several images would be written to one file or the format is unknown.
    ArgumentError
        If binary data would be written to a terminal.
    """
    ending = _known_format(format, formats) if format else None
    fallback = ending or default_format
    from cnnfx.cli.inputs import check_not_empty

    if output is not None:
        check_not_empty([output], "The name of the output")
    if output in STDOUT_NAMES:
        targets = [Target(None, fallback) for _ in sources]
    elif output is not None and is_folder(output):
        _check_no_page_per_channel(output, fallback)
        targets = _distinct_stems(
            [Target(Path(output), fallback, True, source.stem, source.subfolder) for source in sources], sources
        )
    elif output is not None:
        targets = [_from_template(output, source, ending, filters, formats) for source in sources]
    else:
        targets = [_default(source, fallback, filters) for source in sources]
    _check_one_image_each(targets, sources, output)
    for target in targets:
        target.check()
    return targets


def animation_target(source: InputImage, output: str | None, format: str | None, filters: str) -> Target:
    """Return the target of the animation that `-o` and `--format` name.

    Raises
    ------
    UsageError
        If the format is not animated, or the target is a folder.
    ArgumentError
        As `image_targets`.
    """
    if format is not None:
        check_animated("--format", format)
    elif output is not None and output not in STDOUT_NAMES and not is_folder(output):
        check_animated(output, Path(output).suffix)
    (target,) = image_targets([source], output, format, filters, DEFAULT_ANIMATION_FORMAT)
    if target.folder:
        raise UsageError(f"{output} is a folder. An animation is one file: give -o slide.gif.")
    return target


def picture_target(source: InputImage, output: str, format: str | None, advice: str) -> Target:
    """Return the target of the picture that `-o` and `--format` name.

    Parameters
    ----------
    source : InputImage
        What gives the picture its name.
    output, format : str
        The values of `-o` and `--format`.
    advice : str
        What is drawn and a suitable `-o`, for messages.

    Raises
    ------
    UsageError
        If it is a folder, or not a picture.
    ArgumentError
        As `image_targets`.
    """
    if is_folder(output):
        raise UsageError(f"{output} is a folder. {advice}")
    (target,) = image_targets([source], output, format, source.path, formats=PICTURE_FORMATS)
    if target.format not in PICTURE_FORMATS:
        raise UsageError(f"{output} is not a picture file. {advice}")
    return target


def print_escapes(path: str, texts: Iterable[str]) -> None:
    """Print a note on the characters in a picture that its typeface lacks; `path` is the file."""
    from cnnfx.cli.console import print_message
    from cnnfx.render.text import notes_on_escapes

    for note in notes_on_escapes(path, texts):
        print_message(note)


def written_text(name: str, what: str, picture: NDArray[np.uint8]) -> str:
    """Return the message about a picture `(H, W)` or `(H, W, 3)` that was written to the file of a name."""
    return f"{name}: {what}, {size_text(picture.shape[:2])} pixels"


def check_animated(name: str, ending: str) -> None:
    """Check that files with this ending can hold an animation; `name` is the file or option for the message.

    Raises
    ------
    UsageError
        If they cannot.
    """
    from cnnfx.render.animation import ANIMATION_FORMATS

    if ending.lower().removeprefix(".") not in ANIMATION_FORMATS:
        kind = f"{ending} files" if ending else "a file without an ending"
        raise UsageError(f"{name}: {kind} cannot be animated. Write a .gif, a .webp or an animated .png.")


def check_picture(path: str, advice: str) -> None:
    """Check that a path has the ending of a picture file.

    Raises
    ------
    UsageError
        If it has not; `advice` is the end of the message.
    """
    if file_ending(path) not in PICTURE_FORMATS:
        raise UsageError(f"{path} is not a picture file. {advice}")


def file_ending(path: str | os.PathLike[str]) -> str:
    """Return the ending of a path in lower case, without dot."""
    return Path(path).suffix.lower().removeprefix(".")


def is_folder(output: str) -> bool:
    """Return whether a value of `-o` means a folder: it exists, or ends in a slash."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


def _known_format(name: str, formats: Iterable[str]) -> str:
    ending = name.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise UsageError(f"There is no output format {name!r}. Choose one of {', '.join(formats)}.")
    return ending


def _default(source: InputImage, ending: str, filters: str) -> Target:
    return Target(None if source.is_stdin else Path(f"{source.stem}.{file_name(filters)}.{ending}"), ending)


def _from_template(output: str, source: InputImage, ending: str | None, filters: str, formats: Iterable[str]) -> Target:
    path = Path(_filled_in(output, source, filters))
    if ending is None and not path.suffix:
        if is_device(path):  # /dev/null
            return Target(path, DEFAULT_FORMAT)
        raise UsageError(
            f"{path} has no ending that determines the format. Add one, such as .png or .npz, or give --format."
        )
    written = file_ending(path)
    if ending and written in ENDINGS and ENDINGS[written] != ENDINGS[ending]:
        raise UsageError(f"{path} ends in {path.suffix}, but --format is {ending}. Give one of the two.")
    return Target(path, ending or _known_format(path.suffix, formats))


def _filled_in(output: str, source: InputImage, filters: str) -> str:
    """Return a template with the names of an image and of the filters for its fields."""
    path = Path(source.path)
    fields = {
        "stem": source.stem,
        "name": source.name,
        "ext": path.suffix.removeprefix("."),
        "filters": file_name(filters),
    }
    return re.sub("{(stem|name|ext|filters)}", lambda found: fields[found[1]], output)


def _check_no_page_per_channel(output: str, ending: str) -> None:
    if ending in PAGE_FORMATS:
        template = os.path.join(output, "{stem}.html")
        raise UsageError(f"A page holds all channels of an image, so it is one file. Give -o '{template}'.")


def _distinct_stems(targets: list[Target], sources: Sequence[InputImage]) -> list[Target]:
    """Return the targets in a folder; where stems are equal (`a.png`, `a.jpg`), they get the whole file names."""
    counts = Counter((target.subfolder, target.stem) for target in targets)
    return [
        target._replace(stem=source.name) if counts[target.subfolder, target.stem] > 1 else target
        for target, source in zip(targets, sources, strict=True)
    ]


def _check_one_image_each(targets: Sequence[Target], sources: Sequence[InputImage], output: str | None) -> None:
    """Raise `UsageError` if several images would be written to one file, and name a template that gives each a file."""
    for target, count in Counter(targets).items():
        if count == 1:
            continue
        images = [source.path for source, one in zip(sources, targets, strict=True) if one == target]
        if target.folder:
            place = f"{target.path / target.subfolder / target.stem if target.path else ''}.*"
        else:
            place = str(target.path or "standard output")
        if len(set(images)) == 1:
            advice = f"{images[0]} is given {count} times; name it once."
        elif target.folder:
            advice = "Give each its own name or folder."
        elif output is None or not ("{stem}" in output or "{name}" in output):
            advice = "Give -o FOLDER/ or a name with {stem} in it, such as -o 'out/{stem}.png'."
        elif len({Path(image).name for image in images}) == len(images) and "{name}" not in output:
            advice = f"Their stems are equal: write {{name}}, which has the ending, too: {_replaced(output, '{name}')}."
        else:
            advice = "Their names are equal. Give -o FOLDER/, which keeps the subfolders."
        raise UsageError(f"{count} images would all be written to {place}. {advice}")


def _replaced(output: str, field: str) -> str:
    """Return the option `-o` with a template that has another field for `{stem}`, quoted for a shell."""
    return f"-o {shlex.quote(output.replace('{stem}', field))}"
