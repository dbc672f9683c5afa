"""Random command lines, run in this process in a folder with small inputs of every kind.

An input is a JSON list of the arguments. Arguments name only files of that folder: a sign "/" elsewhere is replaced, so
that nothing outside is written, and numbers that only make a command take long are shortened.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import os
import pkgutil
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.datasets.idx_files import NAMES
from tests.fuzz import arrays, hdf5_files, models, onnx_files, pytorch_files, safetensors_files, texts
from tests.fuzz.mutations import NUMBER_TEXTS, ODD_TEXTS, mutate_text, number_text, times
from tests.fuzz.picture_seeds import ramp, saved
from tests.fuzz.tiff import picture

INPUTS = (
    "gray.png", "color.png", "alpha.png", "flat.png", "one.png", "deep.tif", "pages.tif", "nan.npy", "maps.npz",
    "t.csv", "bad.png", "big.npy", "pictures", "pictures/1.png", "-", "missing.png",
)  # fmt: skip
NETWORKS = (
    "edges", "sobel", "gaussian", "circles", "colors", "box", "f.toml", "graph.toml", "m.npz", "arch.toml",
    "missing", "missing.toml", "bad.npz", "faces", "laplacian", "w.pth", "w.safetensors", "n.onnx", "k.h5", "n.keras",
    "w.npz", "nan.npy", "bad.pth",
)  # fmt: skip
OUTPUTS = (
    "out.png", "out.jpg", "out.gif", "out.webp", "out.npy", "out.npz", "out.html", "out.txt", "out", "new/", "-",
    "{stem}.png", "{name}.png", "{ext}", "{stem}.{filters}.npy", "{x}.png", "{", "pictures", "missing/out.png",
    "gray.png", "m.npz", "f.toml", "nan.npy", "pictures/1.png", ".", "/dev/null", "/dev/full", "out.tif", "out.bmp",
    "out.svg", "", "out.onnx", "out.safetensors", "out.toml", "n.onnx", "w.pth",
)  # fmt: skip
VALUES: dict[str, tuple[str, ...]] = {
    "-f": NETWORKS, "--filters": NETWORKS, "-k": texts.KERNELS, "--kernel": texts.KERNELS, "--then": NETWORKS,
    "--stride": ("1", "2", "1,3", "2x2"), "--dilation": ("1", "2", "2,1"), "--padding": ("valid", "same", "1", "3"),
    "--border": ("constant", "edge", "reflect", "symmetric", "wrap", "replicate"),
    "--activation": ("none", "relu", "abs", "softmax", "sigmoid", "tanh"), "--flip": (),
    "--pool": ("max:2", "mean:2", "max:3, stride 2", "mean:all", "none"),
    "--channels": ("auto", "gray", "rgb", "each", "grey"),
    "--background": ("white", "black", "auto", "#ff8800", "none", "rgb(1,2,3)"),
    "--max-pixels": ("1", "100", "1000000"), "-r": (), "--recursive": (), "-j": ("1",), "--threads": ("1",),
    "--skip-existing": (), "-o": OUTPUTS, "--output": OUTPUTS,
    "--format": ("png", "npy", "npz", "html", "jpg", "gif", "x", ".png", "onnx", "toml", "safetensors"), "--open": (),
    "--layer": ("1", "2", "all", "last", "one", "classes", "-1", "c", "c.weight", "c1", "kernel"),
    "--order": ("pytorch", "keras", "depthwise", "mlx", "theano", "tensorflow"),
    "--only": ("1", "top,left", "1-3", "top:2", "all", "x,y", "1,1", "magnitude"),
    "--normalize": ("auto", "signed", "minmax", "positive", "absolute", "none"), "--scope": ("channel", "all"),
    "--clip": ("99", "100", "0", "50.5"), "--range": ("1", "-1,1", "0,255", "1,1", "5,-5", "auto"),
    "--colormap": ("gray", "diverging", "heat", "magma", "viridis"), "--json": (), "-q": (), "--quiet": (),
    "--columns": ("1", "3"), "--labels": (), "--no-labels": (), "--overlay": (), "--opacity": ("0.5", "1"),
    "--with-input": (), "--with-filters": (), "--numbers": (), "--values": (), "--before": (), "--compare": (),
    "--legend": (), "--no-legend": (), "--at": ("0,0", "2,1", "27,27", "1"), "--depth": ("1", "2", "8", "16"),
    "--page": ("1", "2", "all", "9"), "--steps": ("2", "5"), "--fps": ("2", "25", "0.5"), "--scale": ("1", "4"),
    "--size": ("4", "8"), "--region": ("0,0,4,4", "2,3,1,1", "9,9,99,99"), "--layout": ("planes", "equation"),
    "-m": NETWORKS, "--model": NETWORKS, "--top": ("1", "2", "99"),
    "--method": ("cam", "grad-cam", "patches", "deconvolution", "maximization", "all"),
    "--input": ("1x28x28", "3x64x48", "28x28", "4x4", "0x1x1"), "--classes": ("2", "10"),
    "--data": ("classes", "drawn:10", "drawn:x", "pictures", "k.npz", "idx", "missing", "gray.png"),
    "--epochs": ("1", "0"), "--batch-size": ("1", "4"), "--lr": ("0.01", "1e9"), "--smoothness": ("0", "0.1"),
    "--augment": ("none", "strong", "weak"), "--seed": ("0", "7"), "--resume": ("m.npz", "bad.npz"),
    "--image-size": ("8", "4"), "--skip-bad": (),
    "--arch": ("arch.toml", "f.toml", "missing.toml", "weights.toml", "graph.toml"),
    "--widths": ("2", "2,3"), "--kernel-size": ("1", "3"), "--filmstrip": ("film.gif", "out.webp"),
    "--filmstrip-layer": ("1", "3"), "--curve": ("curve.png", "out.jpg"),
    "--log": ("log.jsonl", "arch.toml"), "--mistakes": ("mistakes.png",),
    "-h": (), "--help": (), "--version": (), "--scheduler": ("x", "tcp:", ""), "--": (), "--nope": (), "-x": (),
}  # fmt: skip
"""The options of all commands with values that they take, and some that no command has."""
COMMAND_LINES = (
    "apply gray.png -f edges", "apply color.png -f sobel -o out.html", "apply - -f box -o out.npy",
    "apply gray.png color.png -k 1;2 --normalize none -o new/",
    "apply maps.npz -f f.toml --pool max:2 -o out.npz --json", "apply pictures -f edges --recursive",
    "apply gray.png -f edges --overlay", "apply color.png -f graph.toml --layer all -o out.png",
    "apply pages.tif -f edges --page all -o out.png", "apply gray.png -f edges -o -", "apply gray.png -f m.npz",
    "animate one.png -f edges -o out.gif", "animate one.png -k 1 --layout equation --numbers -o out.png",
    "explain gray.png -f sobel --at 2,3", "explain gray.png -f graph.toml --at 1,1 --depth 2 --json",
    "summary m.npz", "summary arch.toml --classes 3 --json", "summary edges --input 3x64x48",
    "predict one.png -m m.npz", "predict gray.png -m m.npz --top 2 --json", "predict one.png -m m.npz -o out.png",
    "evaluate m.npz --data classes", "evaluate m.npz --data classes -o out.png --mistakes mistakes.png",
    "show-filters edges", "show-filters m.npz --layer 1 --before", "show-filters m.npz --compare -o out.png",
    "show-filters sobel --values", "show-filters -k 1;2 --json", "show-filters colors -o out.jpg", "list-filters",
    "list-filters --json", "show-patterns edges --data pictures --method patches -o out.png",
    "show-patterns f.toml --data classes --only top --method deconvolution --json",
    "train --data classes --epochs 1 --widths 2 --kernel-size 3 --image-size 8 -o out.npz",
    "apply gray.png -f edges --with-filters --with-input -o out.png", "-h", "", "apply -h", "--version",
    "apply nan.npy -f gaussian --range -1,1 --colormap diverging", "apply deep.tif -f edges --depth 16 -o out.png",
    "show-filters w.pth", "show-filters w.safetensors --json", "show-filters k.h5 --layer c1 -o out.png",
    "apply color.png -f w.pth --layer c.weight --stride 2 --padding 1 -o out.npy",
    "apply color.png -f n.onnx -o out.png",
    "apply color.png -f n.keras --layer c1 -o out.png", "apply color.png -f w.npz --layer c --order pytorch -o out.png",
    "summary n.onnx", "summary k.h5 --json", "explain color.png -f w.pth --layer c --at 1,1", "summary n.keras",
    "apply color.png -f w.pth --arch weights.toml -o out.png", "predict color.png -m n.onnx --json",
    "show-patterns n.onnx --layer 1 --data pictures -o out.png", "animate color.png -f n.onnx --layer 1 -o out.gif",
    "convert edges out.onnx", "convert m.npz out.safetensors", "convert n.onnx out.toml --layer 1", "convert f.toml -",
    "convert w.pth out.npz --layer c.weight", "convert sobel - --format toml", "convert n.onnx n.onnx",
    "convert k.h5 out.onnx --json", "convert circles out.safetensors -q", "convert w.pth w.onnx --arch weights.toml",
    "apply flat.png -f edges --normalize minmax", "apply big.npy -f sobel --normalize absolute -o out.html",
)  # fmt: skip
COMMANDS = (
    "apply", "animate", "explain", "summary", "predict", "evaluate", "show-filters", "list-filters", "show-patterns",
    "train", "convert", "aply", "show",
)  # fmt: skip
SLASHES = frozenset(value for values in (*VALUES.values(), INPUTS) for value in values if "/" in value)
"""The only values with a sign "/" that are left as they are."""
FIXED = ("-j", "--jobs")
"""Options that start processes, which take only the value 1 here."""
LONG_NUMBER = re.compile(r"\d{3,9}")
"""Whole numbers that are accepted and that take long; longer ones are refused by the command line."""


@functools.cache
def command() -> Any:
    """Return the command line, built once, and import all that its commands import when they run."""
    from typer.main import get_command

    import cnnfx
    from cnnfx.cli import app
    from cnnfx.formats.extras import LIBRARIES

    for module in pkgutil.walk_packages(cnnfx.__path__, "cnnfx."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for library in LIBRARIES:
        importlib.import_module(library)
    return get_command(app)


def command_seeds() -> list[bytes]:
    """Return the command lines as inputs."""
    command_options()  # before processes are forked
    inputs()
    return [json.dumps(line.split()).encode() for line in COMMAND_LINES]


def mutate_command(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change, add, remove and exchange arguments."""
    try:
        args = [str(arg) for arg in json.loads(data)]
    except (ValueError, TypeError, RecursionError):
        args = ["apply"]
    for _ in range(times(rng)):
        kind = rng.randrange(12)
        at = rng.randrange(len(args) + 1)
        if kind < 5:
            own = command_options().get(args[0], ()) if args else ()
            option = rng.choice(own) if own and rng.random() < 0.9 else rng.choice(list(VALUES))
            value = _value(rng, option)
            args[at:at] = (
                [f"{option}={value}"]
                if value is not None and rng.random() < 0.1
                else [option]
                if value is None
                else [option, value]
            )
        elif kind == 5 and args:
            del args[min(at, len(args) - 1)]
        elif kind == 6 and args:
            known = [index for index, arg in enumerate(args[:-1]) if VALUES.get(arg)]
            if known:
                index = rng.choice(known)
                args[index + 1] = _value(rng, args[index]) or ""
        elif kind == 7 and args:
            index = rng.randrange(len(args))
            args[index] = rng.choice(
                (mutate_text(rng, args[index], texts.OPTION_WORDS), rng.choice(ODD_TEXTS), rng.choice(NUMBER_TEXTS))
            )
        elif kind == 8:
            args.insert(at, rng.choice(INPUTS))
        elif kind == 9 and args:
            args[0] = rng.choice(COMMANDS)
        elif kind == 10 and args:
            args.insert(at, rng.choice(args))
        elif args:
            index, other = rng.randrange(len(args)), rng.randrange(len(args))
            args[index], args[other] = args[other], args[index]
    return json.dumps(args).encode()


@functools.cache
def command_options() -> dict[str, list[str]]:
    """Return the options of each command that have values here, as the command line itself knows them."""
    commands = command().commands
    return {
        name: [option for param in commands[name].params for option in param.opts if option in VALUES]
        for name in commands
    }


def _value(rng: Random, option: str) -> str | None:
    values = VALUES[option]
    if not values:
        return None
    kind = rng.random()
    if kind < 0.75:
        return rng.choice(values)
    if kind < 0.85:
        return mutate_text(rng, rng.choice(values), texts.OPTION_WORDS)
    return number_text(rng) if kind < 0.95 else rng.choice(ODD_TEXTS)


def safe(args: Sequence[str]) -> list[str]:
    """Return the arguments without what writes elsewhere, starts processes, or only takes long."""
    result = []
    for index, arg in enumerate(args[:40]):
        text = arg.replace("\0", "_")[:5_000]
        option, equals, value = text.partition("=") if text.startswith("--") else ("", "", text)
        if value not in SLASHES:
            value = value.replace("/", "_").replace("..", "._")
        value = LONG_NUMBER.sub(lambda match: match[0][:2], value)
        if text.startswith(FIXED) or (index and args[index - 1].startswith(FIXED)):
            value = re.sub(r"\d+", "1", value)
        result.append(
            f"{option}{equals}{value}".encode("utf-8", "surrogateescape" if _is_escaped(value) else "replace").decode(
                "utf-8", "surrogateescape"
            )
        )
    if result[:1] == ["train"] and not any(arg.startswith("--data") for arg in result):
        result += ["--data", "classes"]  # not the web, nor 60,000 digits
    return result


def _is_escaped(text: str) -> bool:
    return all(not 0xD800 <= ord(sign) <= 0xDFFF or 0xDC80 <= ord(sign) <= 0xDCFF for sign in text)


@functools.cache
def inputs() -> dict[str, bytes]:
    """Return the content of the files that command lines name."""
    files = {
        "gray.png": saved(ramp("L", 12, 10), "PNG"), "color.png": saved(ramp("RGB", 9, 7), "PNG"),
        "alpha.png": saved(ramp("RGBA", 6, 5), "PNG"), "flat.png": saved(ramp("L", 1, 1).resize((8, 8)), "PNG"),
        "one.png": saved(ramp("L", 4, 4), "PNG"), "deep.tif": picture(7, 6, [16]),
        "pages.tif": picture(8, 8, [8], pages=3),
        "nan.npy": arrays.npy(np.array([[np.nan, 1, np.inf], [0, -3e38, 2], [1, 2, 3]], "f4")),
        "big.npy": arrays.npy(np.linspace(-3e38, 3e38, 60, dtype="f4").reshape(6, 10)),
        "maps.npz": arrays.npz_seeds()[0], "t.csv": texts.TABLES[-1].encode(),
        "bad.png": saved(ramp("L", 12, 10), "PNG")[:60], "bad.npz": arrays.npz_seeds()[0][:80],
        "f.toml": texts.FILTER_FILES[0].encode(), "graph.toml": texts.FILTER_FILES[3].encode(),
        "arch.toml": texts.ARCH_FILES[1].encode(), "m.npz": models.model_seeds()[4],
        "w.pth": pytorch_files.pytorch_seeds()[0], "w.safetensors": safetensors_files.safetensors_seeds()[0],
        "n.onnx": onnx_files.onnx_seeds()[2], "k.h5": hdf5_files.hdf5_seeds()[3],
        "n.keras": hdf5_files.archive_seeds()[0], "bad.pth": pytorch_files.pytorch_seeds()[1][:300],
        "w.npz": arrays.npz({"c.weight": np.ones((2, 3, 3, 3), "f4"), "d.kernel": np.ones((3, 3, 2, 8), "f4")}),
        "weights.toml": b"[[layer]]\nweights = 'c.weight'\nbias = 'c.bias'\nactivation = 'relu'\n",
        "k.npz": arrays.keras_seeds()[0], "pictures/1.png": saved(ramp("L", 8, 8), "PNG"),
        "pictures/2.png": saved(ramp("RGB", 5, 9), "PNG"),
    }  # fmt: skip
    for number, name in enumerate(("a", "b") * 3):
        files[f"classes/{name}/{number}.png"] = saved(ramp("L", 8 + number, 8), "PNG")
    for name, content in zip(NAMES, arrays.idx_seeds()[:2] * 2, strict=True):
        files[f"idx/{name}"] = content
    return files


def make_inputs(folder: Path, names: Iterable[str]) -> None:
    """Write some of the inputs."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(inputs()[name])


def _restore(folder: Path, before: Collection[str], after: Collection[str], changed: Collection[str]) -> None:
    """Remove new files and folders, and write changed inputs again."""
    for name in after:
        if name not in before:
            os.unlink(folder / name)
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False) and entry.name not in ("pictures", "classes", "idx"):
            shutil.rmtree(entry.path)
    make_inputs(folder, changed)


def runs_command(data: bytes, folder: Path) -> bool:
    """Run a command line and check its exit code, what it prints, and that it changes no input and leaves no parts."""
    try:
        args = safe([str(arg) for arg in json.loads(data)])
    except (ValueError, TypeError, RecursionError):
        return False
    work = folder / "work"
    if not work.exists():
        make_inputs(work, inputs())
        (folder / "home").mkdir()
    os.chdir(work)
    os.environ.update(
        HOME=str(folder / "home"),
        XDG_CONFIG_HOME=str(folder / "home"),
        XDG_CACHE_HOME=str(folder / "home"),
        CNNFX_THREADS="1",
        CNNFX_MIRRORS="http://127.0.0.1:9/",
        CNNFX_GRAPHICS="none",
        COLUMNS="80",
        PATH=str(folder / "home"),
    )
    os.environ.pop("CNNFX_DATA", None)
    before = _states(work)
    code, shown = run_in_process(args)
    after = _states(work)
    changed = [name for name, state in before.items() if after.get(name) != state]
    parts = [name for name in after if Path(name).name.startswith(".cnnfx-")]
    _restore(work, before, after, changed)
    if isinstance(code, BaseException):
        raise code
    assert "Traceback" not in shown, f"a traceback: {shown[-3_000:]}"
    assert code in (0, 1, 2), f"exit code {code}: {shown[-500:]}"
    assert code == 0 or shown.strip(), f"exit code {code} and no message"
    assert not parts, f"it leaves {parts}"
    lost = [name for name in changed if sum(name in arg for arg in args) > 1 and args[0] != "train"]
    assert not lost, f"it changes its input {lost}"
    return code == 0


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of the files of a folder and its subfolders."""
    return {
        os.path.relpath(os.path.join(root, name), folder): (state.st_size, state.st_mtime_ns)
        for root, _, names in os.walk(folder)
        for name in names
        for state in [os.lstat(os.path.join(root, name))]
    }


def run_in_process(args: Sequence[str]) -> tuple[object, str]:
    """Run a command line; return its exit code or what it raises, and what it prints on standard error."""
    with streams() as errors:
        try:
            command()(list(args), prog_name="cnnfx")
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:  # what would be a traceback
            code = error
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        sys.stderr.flush()
        errors.seek(0)
        return code, errors.read().decode("utf-8", "replace")


@contextlib.contextmanager
def streams() -> Iterator[io.BufferedRandom]:
    """Replace the standard streams: a picture to read, and files for what is printed; yield that of standard error."""
    kept = sys.stdin, sys.stdout, sys.stderr
    numbers = [os.dup(number) for number in (0, 1, 2)]
    with open("gray.png", "rb") as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        for number, file in enumerate((source, out, errors)):
            os.dup2(file.fileno(), number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 # replaced again below
        sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115 # as above
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 # as above
        try:
            yield errors
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.close()
            sys.stderr.close()
            sys.stdin.close()
            sys.stdin, sys.stdout, sys.stderr = kept
            for number, copy in enumerate(numbers):
                os.dup2(copy, number)
                os.close(copy)


# Values of options alone, which is far faster


def parses_option(data: bytes, folder: Path) -> bool:
    """Parse a text by every parser of option values, and select channels by it."""
    import typer

    from cnnfx.cli import parsers
    from cnnfx.errors import CnnfxError
    from cnnfx.nn.selection import select_channels

    text = data.decode("utf-8", "surrogateescape")
    valid = 0
    names = (
        "whole", "page", "pixels", "pair", "position", "padding", "pool", "color", "layer", "counts", "rate",
        "strength", "shape", "methods", "percentile", "limits", "region", "fps",
    )  # fmt: skip
    for parse in (getattr(parsers, name) for name in names):
        try:
            parse(text)
            valid += 1
        except typer.BadParameter as error:
            _check_text(str(error.message))
    for channels in (("top", "left", "1", "cat/1", "a-b"), ("1", "2", "3")):
        try:
            found = select_channels(channels, text)
            assert all(0 <= index < len(channels) for index in found), f"channels {found}"
            valid += 1
        except CnnfxError as error:
            _check_text(str(error))
    return bool(valid)


def _check_text(message: str) -> None:
    assert message.strip(), "the message is empty"
