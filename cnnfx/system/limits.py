"""Limits on what is read from files and typed texts, and the check that names a limit that is exceeded.

A limit bounds the time and memory that an untrusted file can take. It is asked before memory is allocated. The table of
all limits is `docs/limits.md`.
"""

from __future__ import annotations

from cnnfx.errors import ArgumentError, FileError

MAX_PIXELS = 200_000_000
"""The default limit of the pixels of a picture, or of the numbers of an array, all channels together."""
MAX_MEMORY_PER_PIXEL = 4
"""The most memory of a picture in a small file, in bytes per pixel of the limit of pixels."""
MAX_MEMORY_PER_BYTE = 1_000
"""The most memory of a picture, in bytes per byte of its file, if it is more than `MAX_MEMORY_PER_PIXEL` allows."""
MAX_STREAM_BYTES = 2_000_000_000
"""The most bytes of an image that is read from standard input or a pipe."""
MAX_PAGES = 10_000
"""The most pages or frames of a picture file."""
MAX_TAGS = 4_096
"""The most tags of a page of a TIFF file."""
MAX_LAYERS = 2_000
"""The most layers of a network in a file."""
MAX_FILTERS = 10_000
"""The most filters of a layer in a file."""
MAX_LAYER_WEIGHTS = 1 << 24
"""The most weights of the matrices of a layer, padded with zeros to the size of the largest."""
MAX_WEIGHTS = 1 << 25
"""The most weights of the matrices of all layers in a filter file. Tensors in a file of their own do not count."""
MAX_OFFSET_PIXELS = 255
"""The largest offset of a matrix from the filter's center along each axis, in pixels."""
MAX_RANDOM_FILTERS = 4096
"""The most filters without weights in one layer of an arch file."""
MAX_KERNEL_SIDE = 255
"""The most rows or columns of a filter without weights in an arch file."""
MAX_CHANNELS = 65_536
"""The most channels of an array or of the input of a layer in a file."""
MAX_ALL_FILTERS = 100_000
"""The most filters of all layers of a file."""
MAX_ALL_CHANNELS = 1_000_000
"""The most output channels of all layers of a file together, those that join others included."""
MAX_MAP_VALUES = 1 << 38
"""The most values of the maps of a layer for an image, before pooling."""
MAX_CLASSES = 65_536
"""The most classes of a network or a data set."""
MAX_DATASET_BYTES = 2**31
"""The most bytes of the images of a data set, in memory."""
MAX_LABEL = 10_000
"""The largest label of an image in an IDX or Keras file."""
MAX_MAPPING_BYTES = 100_000
"""The most bytes that are read of a mapping of labels to characters beside EMNIST's files."""
MAX_KERNEL_NUMBERS = 65_536
"""The most numbers of a kernel typed as text."""
MAX_KERNEL_CHARACTERS = 1_000_000
"""The most characters of a kernel typed as text."""
MAX_DIGITS = 400
"""The most characters of one number of such a kernel."""
MAX_NAME_CHARACTERS = 1_000
"""The most characters of a name in a file."""
MAX_TEXT_CHARACTERS = 100_000
"""The most characters of the description or the source of a network in a file."""
MAX_NESTING = 32
"""The most tables and arrays of a TOML file, or JSON text, inside each other."""
MAX_TOML_BYTES = 10_000_000
"""The most bytes of a TOML file, or of a text file beside it."""
MAX_TENSOR_BYTES = 1 << 30
"""The most bytes of all tensors of a filter file together, as float32 or as in the file, whichever is more."""
MAX_EXPANSION = 100
"""The most bytes of a tensor in memory per byte of its file, if they are more than `MAX_EXPANDED_BYTES`. Files can
repeat values: by strides of 0, operators on constants, or one compressed chunk in many places."""
MAX_EXPANDED_BYTES = 1 << 24
"""The bytes that a tensor of any file can have in memory."""
MAX_ARRAY_BYTES = 1 << 29
"""The most bytes of an array of a network in a model file."""
MAX_META_BYTES = 4_000_000
"""The most bytes of the JSON text in a model file."""
MAX_NODES = 20_000
"""The most nodes of the graph in an ONNX file, constants included."""
MAX_MESSAGE_FIELDS = 500_000
"""The most fields of all messages in an ONNX file together, those inside other messages included."""
MAX_MEMBERS = 10_000
"""The most arrays of a `.npz` file, or members of another zip file."""
MAX_PICKLE_BYTES = 1 << 24
"""The most bytes of the pickle in a file of PyTorch, which describes its tensors."""
MAX_PICKLE_OPERATIONS = 1_000_000
"""The most operations of the pickles in a file of PyTorch."""
MAX_DIRECTORY_BYTES = 1 << 24
"""The most bytes of the directory of a `.npz` file, which is read as a whole before its arrays are counted."""
MAX_SAFETENSORS_HEADER_BYTES = 1 << 24
"""The most bytes of the header of a safetensors file, which is read as a whole before its tensors are counted."""
MAX_HEADER_BYTES = 10_000
"""The most bytes of the header of a `.npy` file."""
MAX_LAYER_CALLS = 20_000
"""The most calls of layers in a model of Keras, many of which become parts of the layer before them."""
MAX_HDF5_OBJECTS = 50_000
"""The most groups and arrays of an HDF5 file, texts of one of its attributes, or chunks of one of its arrays."""

SHOWN_NUMBER = 10**18
"""The largest number that a message writes out; Python refuses to write numbers of over 4,300 digits."""


def check_limit(
    where: str,
    what: str,
    value: int,
    limit: int,
    *,
    remedy: str = "",
    error: type[FileError] | type[ArgumentError] = FileError,
) -> None:
    """Check that a count or size is at most `limit`.

    Parameters
    ----------
    where : str
        The file, and the place in it, for the message.
    what : str
        What is counted, in the plural: "layers", "bytes of text".
    value, limit : int
    remedy : str
        The kind of remedy; see `cnnfx.errors.CnnfxError`.
    error : class of error
        `FileError` for a file, `ArgumentError` for an argument or a typed text.

    Raises
    ------
    error
        "WHERE: it has 30,000 layers; the limit is 2,000."
    """
    if value > limit:
        raise error(f"{where}: {limit_text(what, value, limit)}.", remedy=remedy)


def expansion_limit(file_bytes: int) -> int:
    """Return the most bytes that a tensor of a file may have in memory; see `MAX_EXPANSION`."""
    return max(MAX_EXPANDED_BYTES, MAX_EXPANSION * file_bytes)


def limit_text(what: str, value: int, limit: int) -> str:
    """Return the clause "it has 30,000 layers; the limit is 2,000"."""
    return f"it has {number_text(value)} {what}; the limit is {limit:,}"


def number_text(value: int) -> str:
    """Return a whole number with commas, or "over 10^18" for a larger one."""
    return f"{value:,}" if value <= SHOWN_NUMBER else "over 10^18"
