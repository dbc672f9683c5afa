"""Seeds, words and mutators for texts: filter files, arch files, kernels, `.csv` files and option values."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.fuzz.mutations import Mutator, encode, mutate_text

FILTER_FILES = (
    'name = "edges"\ndescription = "Edges."\nsource = "a book"\n\n'
    '[[filter]]\nname = "top"\nweights = [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]\n\n'
    '[[filter]]\nname = "left"\nbias = 0.5\nscale = 0.25\nweights = [[-1, 1, 0], [-1, 1, 0], [-1, 1, 0]]\n',
    'stride = 2\ndilation = [1, 2]\npadding = "same"\nborder = "reflect"\nactivation = "leaky_relu"\n'
    'slope = 0.1\npool = "max:2"\n'
    'combine = [{ name = "magnitude", kind = "norm", of = ["x", "y"] }]\n'
    "[[filter]]\nname = 'x'\nweights = [[-1, 0, 1]]\n[[filter]]\nname = 'y'\nweights = [[-1], [0], [1]]\n",
    'classes = ["cat", "dog"]\n[input]\nchannels = "rgb"\nsize = [4, 4]\nfit = "crop"\nresize = 5\n'
    'resample = "bicubic"\nscale = 255\n'
    "mean = [0.1, 0.2, 0.3]\nstd = [1, 2.5, 1e-3]\n"
    '[[layer]]\nname = "one"\nactivation = "relu"\n[[layer.filter]]\nname = "a"\n'
    "weights = [[[1, 2]], [[3, 4]], [[5, 6]]]\n"
    '[[layer.filter]]\nname = "b"\nweights = [[1, 0]]\n'
    '[[layer]]\nfrom = "one"\n'
    'pool = { kind = "mean", size = 2, stride = 1, padding = 1, ceil = true, count_padding = false }\n'
    'local_response = { size = 3, alpha = 1e-4, beta = 0.75, k = 2 }\n[[layer]]\npool = "mean:all"\n',
    '[[layer]]\nname = "a"\n[[layer.filter]]\nname = "p"\nweights = [[1]]\n[[layer.filter]]\nname = "q"\n'
    "weights = [[2]]\n"
    '[[layer]]\nname = "b"\nfrom = "a"\n[[layer.filter]]\nname = "r"\n'
    "inputs = { p = [[1, 2], [3, 4]], q = { weights = [[1]], at = [1, -1] } }\n"
    '[[layer]]\nname = "c"\nfrom = ["a", "b"]\njoin = "concat"\nactivation = "sigmoid"\n'
    '[[layer]]\nfrom = ["c", "c"]\njoin = "add"\n[[layer.filter]]\nname = "s"\n'
    "inputs = { r = [{ weights = [[1]], at = [[0, 1], [1, 0]] }] }\n",
    'tensors = "t.npz"\nclasses = "names.txt"\n[[layer]]\nweights = "w"\nbias = "b"\n'
    "padding = [[1, 0], [0, 1]]\ngroups = 1\n"
    'batch_norm = { weight = "b", bias = 0, running_mean = "b", running_var = 1, epsilon = 1e-3 }\n'
    'activation = "relu6"\n'
    '[[layer]]\ngroups = "depthwise"\nweights = [[[[1]]], [[[2]]]]\n[[layer]]\nweights = "d"\ndense = true\n'
    'size = [2, 2]\nnames = "classes"\n',
    'tensors = "t.npz"\n[[layer]]\nweights = "w"\nnames = ["u", "v"]\n[[layer]]\nbatch_norm = "bn"\n'
    '[[layer]]\npool = "mean:all"\n',
    '# comment\n\'quoted key\' = 1\n[input]\n[[filter]]\nname = """a"""\nweights = [\n  [ 1, 2 ], # row\n'
    "  [ 3, 4 ],\n]\n",
)
"""Filter files that use every key, and one with an unknown key."""
TOML_WORDS = (
    "name", "description", "source", "tensors", "input", "classes", "layer", "filter", "weights", "bias", "scale",
    "inputs", "stride", "dilation", "padding", "border", "combine", "activation", "slope", "local_response", "pool",
    "names", "groups", "dense", "size", "batch_norm", "from", "join", "channels", "fit", "resize", "resample",
    "mean", "std", "kind", "of", "at", "filters", "learn", "ceil", "count_padding", "alpha", "beta", "k", "epsilon",
    "running_mean", "running_var", "weight", '"same"', '"valid"', '"constant"', '"edge"', '"reflect"', '"symmetric"',
    '"wrap"', '"relu"', '"abs"', '"softmax"', '"sigmoid"', '"tanh"', '"hard_swish"', '"max:2"', '"mean:all"',
    '"max:3, stride 2"', '"none"', '"auto"', '"gray"', '"bgr"', '"rgb"', '"norm"', '"sum"', '"max"', '"difference"',
    '"mean"', '"concat"', '"add"', '"depthwise"', '"squash"', '"crop"', '"digit"', '"all"', '"one"', '"a"', '"b"',
    '"x"', '"w"', '"t.npz"', '"names.txt"', '"../t.npz"', '"missing.npz"', '"."', '"1/9"', '"*"', "true", "false",
    "1979-05-27", "07:32:00", "[]", "{}", "[[]]", "[[1]]", "[[[1]]]", "[1, 2]", "[0, 0]", "[-1, 1]", "[[1], [1, 2]]",
    "[[1, true]]", "{ a = 1 }", "{ weights = [[1]], at = [0, 1] }", "a.b.c = 1", "[a.b]", "[[a.b]]", "[filter]",
    "[[filter]]\n", "[[layer]]\n", "[[layer.filter]]\n", "[layer.pool]\n", "[input]\n", "\nstride = 2\n",
    '\nname = "z"\n', "\nweights = [[1]]\n", "\nscale = 0\n", '\npool = "max:2"\n', "\nfilters = 3\nsize = 3\n",
    "\nlearn = false\n", '\nfrom = "input"\n', "\ndense = true\n", '"""', "'''", "\\", "\\u00e9", "\\U0010ffff", "#",
    "=", ",", ".", "inf", "nan", "-inf", "0x_f", "1e400", "-1e400", "1e-400",
)  # fmt: skip
ARCH_FILES = (
    '[[layer]]\nfilters = 16\nsize = 5\nactivation = "relu"\npool = "max:2"\n\n[[layer]]\nfilters = 4\n'
    'size = [3, 1]\npadding = "same"\n',
    '[[layer]]\nactivation = "relu"\nlearn = false\n[[layer.filter]]\nname = "top"\n'
    "weights = [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]\n"
    '[[layer]]\nfilters = 2\nsize = 2\n[[layer.filter]]\nname = "own"\nlearn = true\nbias = 1\n'
    "weights = [[1, 2], [3, 4]]\n",
    'name = "one"\nfilters = 3\nsize = 3\nstride = 2\nborder = "wrap"\n',
    'combine = [{ name = "m", kind = "max", of = ["a", "1"] }]\nfilters = 1\nsize = 1\n[[filter]]\n'
    'name = "a"\nweights = [[1]]\n',
)
KERNELS = (
    "-1 0 1; -2 0 2; -1 0 1", "0 1/9 0\n1 -4 1\n0 1 0", "[[1, 0], [0, -1.5]]", "3x3: 0,1,0 1,-4,1 0,1,0",
    "2: 1,nan -,4", "3x1+0+0: 1,2,3", "1", ".5, 1e-3; 2, +3", "((1, 2), (3, 4))", "[1, 2, 3]", "1;2;3",
    "5x5+2+2: " + "1," * 25, "1,5 2,5; 3,5 4,5", "{1 2}", "1 2;;3 4;", "\u22121 1",
)  # fmt: skip
KERNEL_WORDS = (
    ";", ",", ":", "x", "X", "+", "-", "[", "]", "[[", "]]", "(", ")", "/", "1/3", "2x2:", "1x", "nan", " ", "\n",
    "e", ".", "\u2212", "+1+1", "3x3+1+1:",
)  # fmt: skip
TABLES = (
    "1,2,3\n4,5,6\n", "1;2,5\n3;4\n", "0.5\t-1e3\n+2\t.5\n", "# made by hand\n1 2 3\n\n4 5 6",
    "\ufeff1,2\r\n3,4\r\n", "a,b\n1,2\n", '"1","2"\n"3","4"\n', "sep=;\n1;2\n", "1,2,\n3,4,\n", "1,5;2,5\n3,5;4,5\n",
    "nan,1\ninf,2\n", "\u22121,2\n3,\u22124\n", "x\ty\n1\t2\n", "1,,2\n3,,4\n", "NaN\n", "1 2\n3 4\n",
    "TRUE,FALSE\n1,0\n", "#N/A,1\n2,3\n",
    "\n".join(",".join(str(row * column) for column in range(12)) for row in range(12)),
)  # fmt: skip
TABLE_WORDS = (
    ",", ";", "\t", " ", "\n", "\r\n", "\r", '"', "'", "#", "sep=,", "sep=;", "nan", "NA", "null", "-", "1,5",
    "1.234,5", "1e5", "\u2212", "%", "$", "\u00a0", ",,", "\n\n", "x", '""', "TRUE",
)  # fmt: skip
OPTION_TEXTS = (
    "1", "12", "2,3", "2x3", "12,5", "valid", "same", "max:2", "mean:all", "max:3, stride 2", "none", "white",
    "#ff8800", "rgb(1,2,3)", "1-8,12", "top,left", "top:12", "1,4,7-9", "all", "3x640x480", "28x28", "99.5", "-1,1",
    "0,255", "10,20,30,40", "24", "0.5", "patches,maximization", "8,16", "hsl(0,100%,50%)", "1e-3", "cat/1", "conv1",
)  # fmt: skip
OPTION_WORDS = (
    ",", "x", "-", ":", "#", "max", "mean", "top", "all", "none", "stride", "rgb", "%", "(", ")", ".", "e", "inf",
    "nan", "white", "patches", "1", "0", "*", "/",
)  # fmt: skip


def text_mutator(words: Sequence[str]) -> Mutator:
    """Return the mutator of a language with these words."""

    def mutate(rng: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
        text = data.decode("utf-8", "replace")
        other = rng.choice(seeds).decode("utf-8", "replace") if rng.random() < 0.2 else ""
        return encode(rng, mutate_text(rng, text, words, (other,) if other else ()))

    return mutate


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines of a text, with their ends."""
    return data.splitlines(keepends=True)


def join_lines(lines: Sequence[bytes]) -> bytes:
    """Return lines as a text."""
    return b"".join(lines)
