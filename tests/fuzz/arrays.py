"""Seeds and mutators for arrays in files: `.npy`, `.npz`, Keras' datasets and IDX files.

A `.npz` file is changed on three levels: the numbers in its zip directory, the headers of its arrays, and the values.
Lengths and checksums are right again afterwards, in most cases.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from tests.datasets.idx_files import idx_bytes
from tests.fuzz.mutations import mutate_bytes, mutate_list, mutate_text, number, times

NPY_MAGIC = b"\x93NUMPY"
DTYPES = (
    "|b1", "|u1", "|i1", "<u2", ">u2", "<i4", ">i8", "<f2", "<f4", ">f4", "<f8", "<f16", "<c8", "<c16", "|O", "|S4",
    "<U3", "<M8[s]", "<m8", "|V8", "f4,i4", "<U0", "<f3", "(2,2)f4", "<U99999999", "<U1", "=f4", "|u8", "O", "",
)  # fmt: skip
NPY_WORDS = (
    "'descr'", "'fortran_order'", "'shape'", "True", "False", "None", "(", ")", ",", "{", "}", ":", "[", "]", "(3,)",
    "()", "(1, 2, 3)", "(-1,)", "(0,)", "(2**40,)", "(3L, 4L)", "[('a', '<f4')]",
    "{'names': ['a'], 'formats': ['<f4']}", "lambda: 1", "0x3", "1e3", "'", '"', "#", "\n", "\\", "b'", "f'{1}'",
    "...", "*", *map(repr, DTYPES),
)  # fmt: skip
"""Words of the header of a `.npy` file, which is a Python dict."""

# .npy files


def npy(array: np.ndarray[Any, Any]) -> bytes:
    """Return an array as a `.npy` file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def npy_seeds() -> list[bytes]:
    """Return arrays of many dtypes and shapes, some of which are no images."""
    values = np.arange(12)
    arrays = [
        values.reshape(3, 4).astype(dtype) for dtype in ("u1", "<u2", ">u2", "<i4", ">i8", "<f4", ">f8", "<f2", "?")
    ]
    arrays += [values.astype("f4"), values.reshape(3, 2, 2).astype("u1"), values.reshape(2, 2, 3).astype("u1")]
    arrays += [
        np.asfortranarray(values.reshape(1, 3, 4).astype("f4")),
        np.array(["a", "bc"]),
        np.array(3.0),
        np.zeros((0, 3)),
    ]
    arrays += [
        np.array([[1, np.nan], [np.inf, -3e38]], "f4"),
        np.zeros((2, 2), "c8"),
        values.reshape(1, 1, 3, 4).astype("u1"),
    ]
    arrays += [np.array([[1e300, 1]]), np.full((5, 7, 4), 200, "u1")]
    version2 = npy(arrays[0])
    length = struct.unpack_from("<H", version2, 8)[0]
    version2 = NPY_MAGIC + b"\x02\0" + struct.pack("<I", length) + version2[10:]
    return [*map(npy, arrays), version2]


def split_npy(data: bytes) -> tuple[bytes, str, bytes]:
    """Return the version, the header's text and the values of a `.npy` file."""
    if not data.startswith(NPY_MAGIC) or len(data) < 12:
        raise ValueError("no .npy file")
    version = data[6:8]
    width = 2 if version == b"\x01\0" else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width
    return version, data[start : start + length].decode("latin-1"), data[start + length :]


def join_npy(version: bytes, header: str, values: bytes) -> bytes:
    """Return a `.npy` file with the right length of its header."""
    text = header.encode("utf-8", "surrogatepass")
    length = struct.pack("<H", len(text) % 2**16) if version == b"\x01\0" else struct.pack("<I", len(text))
    return NPY_MAGIC + version + length + text + values


def mutate_npy(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the header's words, its dtype or shape, the values, or any bytes."""
    if rng.random() < 0.15:
        return mutate_bytes(rng, data)
    try:
        version, header, values = split_npy(data)
    except ValueError:
        return mutate_bytes(rng, data)
    kind = rng.randrange(8)
    if kind < 2:
        header = mutate_text(rng, header, NPY_WORDS)
    elif kind == 2:
        header = _header(rng.choice(DTYPES), _shape(rng), rng.random() < 0.3)
    elif kind == 3:
        shape = _shape(rng)
        dtype = rng.choice(DTYPES[:12])
        header = _header(dtype, shape, rng.random() < 0.3)
        size = np.dtype(dtype).itemsize * int(np.prod([min(abs(side), 64) for side in shape], dtype=float))
        values = rng.randbytes(min(size, 4_000))
    elif kind < 6:
        values = _mutate_values(rng, values)
    elif kind == 6:
        version = rng.choice((b"\x01\0", b"\x02\0", b"\x03\0", b"\x04\0", b"\0\0", b"\xff\xff"))
    else:
        header = header.rstrip("\n ") + rng.choice((" " * 100, " " * 11_000, "\n", "", "#", "\0"))
    return join_npy(version, header, values)


def _header(dtype: str, shape: Sequence[int], fortran: bool) -> str:
    text = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    return f"{{'descr': {dtype!r}, 'fortran_order': {fortran}, 'shape': ({text}), }}\n"


def _shape(rng: Random) -> list[int]:
    sides = [
        rng.choice((0, 1, 1, 2, 3, 3, 4, 5, 7, 28, number(rng, 3, rng.choice((8, 16, 32, 63)))))
        for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 4, 33)))
    ]
    return [-side if rng.random() < 0.03 else side for side in sides]


EXTREMES = {
    "f": (float("nan"), float("inf"), -float("inf"), 3.4e38, -3.4e38, 1e-45, 0.0, -0.0, 1.0, 255.0, 65535.0),
    "d": (float("nan"), float("inf"), -float("inf"), 3.4e38, -3.5e38, 1e-320, 0.0, -0.0, 1e308, 255.0, 65535.0),
}
"""Values at which floats, and doubles, change their behavior."""


def _mutate_values(rng: Random, values: bytes) -> bytes:
    """Change values, by preference to NaN, infinity and the largest floats."""
    if len(values) >= 8 and rng.random() < 0.5:
        result = bytearray(values)
        for _ in range(times(rng)):
            code = rng.choice(("<f", ">f", "<d", ">d"))
            value = rng.choice(EXTREMES[code[1]])
            struct.pack_into(code, result, rng.randrange(len(values) // 8) * 8, value)
        return bytes(result)
    return mutate_bytes(rng, values)


# .npz files


class Member(NamedTuple):
    """A member of a zip file, with the numbers in its headers; None is the right one."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    packed: bytes | None = None
    offset: int | None = None
    extra: bytes = b""


def join_zip(
    members: Sequence[Member], comment: bytes = b"", count: int | None = None, start: int | None = None
) -> bytes:
    """Return a zip file of the members, with this number of them and start of the directory, or the right ones."""
    body, directory = bytearray(), bytearray()
    for member in members:
        packed = member.packed if member.packed is not None else _pack(member.data, member.method)
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        size = len(member.data) if member.size is None else member.size
        packed_size = len(packed) if member.packed_size is None else member.packed_size
        offset = len(body) if member.offset is None else member.offset
        fields = struct.pack("<HHHHIII", member.flags, member.method, 0, 33, crc, packed_size % 2**32, size % 2**32)
        lengths = struct.pack("<HH", len(member.name), len(member.extra))
        body += b"PK\3\4" + struct.pack("<H", 20) + fields + lengths + member.name + member.extra + packed
        directory += (
            b"PK\1\2"
            + struct.pack("<HH", 788, 20)
            + fields
            + lengths
            + struct.pack("<HHHII", 0, 0, 0, 0, offset % 2**32)
        )
        directory += member.name + member.extra
    number_of = len(members) if count is None else count
    begin = len(body) if start is None else start
    end = struct.pack(
        "<HHHHIIH", 0, 0, number_of % 2**16, number_of % 2**16, len(directory), begin % 2**32, len(comment)
    )
    return bytes(body + directory) + b"PK\5\6" + end + comment


def _pack(data: bytes, method: int) -> bytes:
    if method == 8:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        return packer.compress(data) + packer.flush()
    if method == 12:
        import bz2

        return bz2.compress(data)
    return data


def split_zip(data: bytes) -> list[Member]:
    """Return the members of a zip file with stored or deflated members."""
    end = data.rfind(b"PK\5\6")
    if end < 0 or len(data) < end + 22:
        raise ValueError("no zip file")
    count, _, start = struct.unpack_from("<HII", data, end + 10)
    members: list[Member] = []
    at = start
    for _ in range(min(count, 2_000)):
        if data[at : at + 4] != b"PK\1\2" or at + 46 > len(data):
            raise ValueError("no directory")
        flags, method, _, _, _, packed_size, _, names, extras, comments = struct.unpack_from(
            "<HHHHIIIHHH", data, at + 8
        )
        offset = struct.unpack_from("<I", data, at + 42)[0]
        name = data[at + 46 : at + 46 + names]
        if offset + 30 > len(data):
            raise ValueError("no member")
        own_names, own_extras = struct.unpack_from("<HH", data, offset + 26)
        first = offset + 30 + own_names + own_extras
        if packed_size == 2**32 - 1:  # the real one is in the ZIP64 field, as NumPy writes it
            packed_size = struct.unpack_from("<Q", data, offset + 30 + own_names + 12)[0]
        packed = data[first : first + packed_size]
        try:
            content = zlib.decompressobj(-15).decompress(packed, 10_000_000) if method == 8 else packed
        except zlib.error:
            raise ValueError("no member") from None
        members.append(Member(name, content, method if method in (0, 8, 12) else 0, flags))
        at += 46 + names + extras + comments
    return members


def npz(arrays: dict[str, np.ndarray[Any, Any]], method: int = 0) -> bytes:
    """Return arrays as a `.npz` file."""
    return join_zip([Member(f"{name}.npy".encode(), npy(array), method) for name, array in arrays.items()])


def npz_seeds() -> list[bytes]:
    """Return archives of feature maps with names, of one array, of several, and of none."""
    maps = np.arange(24, dtype="f4").reshape(2, 3, 4)
    names = np.array(["top", "left"])
    return [
        npz({"maps": maps, "names": names}),
        npz({"maps": maps, "names": names}, 8),
        npz({"image": maps.astype("u1")}, 8),
        npz({"arr_0": np.arange(27, dtype="u1").reshape(3, 3, 3), "text": np.array("x")}),
        npz({"a": maps, "b": maps}),
        npz({}),
        npz({"image": np.arange(60, dtype="f8").reshape(4, 5, 3)}),
    ]


def mutate_member(rng: Random, member: Member) -> Member:
    """Change the content of a member, or one of the numbers about it."""
    kind = rng.randrange(14)
    if kind < 7:
        return member._replace(data=mutate_npy(rng, member.data))
    if kind == 7:
        name = member.name.decode("utf-8", "replace").removesuffix(".npy")
        other = rng.choice(
            (
                mutate_text(rng, name),
                rng.choice(("maps", "names", "meta", "x_train", "y_test", "../a", "", "/a", "a/b")),
            )
        )
        return member._replace(
            name=other.encode("utf-8", "surrogatepass")[:1000] + rng.choice((b".npy", b".npy", b"", b".NPY"))
        )
    if kind == 8:
        return member._replace(method=rng.choice((0, 8, 8, 8, 9, 12, 14, 93, 99, 65535)))
    if kind == 9:
        return member._replace(flags=rng.choice((0, 1, 8, 9, 0x20, 0x40, 0x800, 0xFFFF, rng.getrandbits(16))))
    if kind == 10:
        return member._replace(crc=rng.choice((0, zlib.crc32(member.data) ^ 1)))
    if kind == 11:
        return member._replace(size=number(rng, len(member.data), 32))
    if kind == 12:
        return member._replace(
            packed_size=number(rng, len(member.data), 32), offset=rng.choice((None, number(rng, 0, 32)))
        )
    method = rng.choice((0, 8, 8))
    packed = mutate_bytes(rng, _pack(member.data, method))
    extra = rng.choice(
        (
            b"",
            b"\1\0\x14\0" + b"\xff" * 20,
            b"\1\0\xff\xff",
            b"\1\0\x10\0" + struct.pack("<QQ", number(rng, 0, 64), number(rng, 0, 64)),
        )
    )
    return member._replace(
        method=method, packed=packed, crc=zlib.crc32(member.data), size=len(member.data), extra=extra
    )


def mutate_npz(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change members, the directory of the zip file, or any bytes."""
    if rng.random() < 0.08:
        return mutate_bytes(rng, data)
    try:
        members = split_zip(data)
        others = split_zip(rng.choice(seeds)) if seeds and rng.random() < 0.1 else ()
    except ValueError:
        return mutate_bytes(rng, data)
    changed = mutate_list(rng, members, mutate_member, others)
    if rng.random() < 0.05:
        count, start = number(rng, len(changed), 16), number(rng, 0, 32)
        return join_zip(changed, rng.randbytes(3), count, rng.choice((None, start)))
    return join_zip(changed)


def split_npz_parts(data: bytes) -> list[bytes]:
    """Return the members of a `.npz` file, each as a zip file of its own."""
    return [join_zip([member]) for member in split_zip(data)]


def join_npz_parts(parts: Sequence[bytes]) -> bytes:
    """Return the members of several zip files as one."""
    return join_zip([member for part in parts for member in split_zip(part)])


# Datasets


def keras_seeds() -> list[bytes]:
    """Return small datasets in the format of Keras."""
    gray = np.arange(4 * 3 * 3, dtype="u1").reshape(4, 3, 3)
    color = np.arange(2 * 3 * 3 * 3, dtype="i8").reshape(2, 3, 3, 3)
    labels = np.array([0, 1, 2, 1])
    return [
        npz({"x_train": gray, "y_train": labels, "x_test": gray[:2], "y_test": labels[:2]}),
        npz(
            {"x_train": color, "y_train": labels[:2, None], "x_test": color, "y_test": labels[:2, None].astype("u1")}, 8
        ),
        npz(
            {
                "x_train": gray[..., None],
                "y_train": labels.astype(">i2"),
                "x_test": gray[:1, ..., None],
                "y_test": labels[:1],
            }
        ),
    ]


def idx_seeds() -> list[bytes]:
    """Return images and labels, plain and gzipped."""
    images, labels = np.arange(6 * 4 * 3).reshape(6, 4, 3), np.array([0, 1, 2, 0, 1, 2])
    plain = [*map(idx_bytes, (images, labels, images[:1], np.array([9, 255, 0, 1, 3, 4])))]
    return [*plain, *(gzip.compress(data, mtime=0) for data in plain)]


def mutate_idx(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the magic number, the sizes, the values, or the compressed bytes."""
    kind = rng.randrange(8)
    if data[:2] == b"\x1f\x8b" and kind:
        try:
            inner = zlib.decompress(data, 31, 100_000)
        except zlib.error:
            return mutate_bytes(rng, data)
        if kind == 1:
            return mutate_bytes(rng, data)
        if kind == 2:
            return data + rng.choice((data, b"\0" * 8, b"\x1f\x8b", rng.randbytes(5)))
        return gzip.compress(mutate_idx(rng, inner), 1, mtime=0)
    if kind < 3 or len(data) < 8:
        return mutate_bytes(rng, data)
    result = bytearray(data)
    axes = min(data[3], (len(data) - 4) // 4)
    if kind < 6 and axes:
        for _ in range(times(rng)):
            at = 4 + 4 * rng.randrange(axes)
            struct.pack_into(">I", result, at, number(rng, struct.unpack_from(">I", result, at)[0], 32))
        return bytes(result)
    if kind == 6:
        result[rng.randrange(4)] = rng.choice((0, 1, 2, 3, 4, 8, 9, 11, 13, 14, 255))
        return bytes(result)
    sizes = [rng.choice((1, 2, 3, 28)) for _ in range(rng.choice((1, 3, 3, 2)))]
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + rng.randbytes(int(np.prod(sizes)))
