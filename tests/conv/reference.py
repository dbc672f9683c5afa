"""Reference cross-correlation with SciPy in float64, random arguments of `correlate`, and the choice of a form."""

import sys
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st
from scipy import signal

from cnnfx.conv import correlate, direct

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
BORDERS = ["constant", "edge", "reflect", "symmetric", "wrap"]


def random(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def reference(image, weights, bias=None, *, stride=(1, 1), dilation=(1, 1), pads=((0, 0), (0, 0)), border="constant"):
    """Return the cross-correlation of `image` (C, H, W) with `weights` (K, C/groups, kh, kw)."""
    image, weights = np.asarray(image, np.float64), np.asarray(weights, np.float64)
    filters, channels, kh, kw = weights.shape
    padded = np.pad(image, ((0, 0), *pads), mode=border)
    dilated = np.zeros((filters, channels, (kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1))
    dilated[..., :: dilation[0], :: dilation[1]] = weights
    group_filters = filters * channels // len(image)
    maps = []
    for k in range(filters):
        group = padded[k // group_filters * channels :]
        pairs = zip(group, dilated[k], strict=False)
        maps.append(sum(signal.correlate(x, w, mode="valid", method="direct") for x, w in pairs))
    added = np.zeros(filters) if bias is None else np.asarray(bias, np.float64)
    return np.stack(maps)[:, :: stride[0], :: stride[1]] + added[:, None, None]


def error(values, expected):
    """Return the largest error relative to the largest expected magnitude."""
    assert values.shape == expected.shape
    return np.abs(values - expected).max() / max(np.abs(expected).max(), 1e-30)


@st.composite
def cases(draw, groups=st.integers(1, 3), channels=st.integers(1, 3)):  # noqa: B008
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(st.tuples(st.integers(1, 7), st.integers(1, 7))), draw(pair), draw(pair)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [e + draw(st.integers(0, spare)) for e, spare in zip(extent, (40, 150), strict=True)]
    side = st.integers(0, 12)
    return {
        "groups": draw(groups),
        "channels": draw(channels),
        "filters": draw(st.integers(1, 3)),
        "kernel": kernel,
        "size": size,
        "stride": stride,
        "dilation": dilation,
        "pads": draw(st.tuples(st.tuples(side, side), st.tuples(side, side))),
        "border": draw(st.sampled_from(BORDERS)),
        "dtype": draw(st.sampled_from([np.float32, np.float64])),
        "seed": draw(st.integers(0, 1000)),
    }


def check(case, method):
    groups, dtype, filters = case["groups"], case["dtype"], case["groups"] * case["filters"]
    image = random(groups * case["channels"], *case["size"], dtype=dtype, seed=case["seed"])
    weights = random(filters, case["channels"], *case["kernel"], dtype=dtype, seed=case["seed"] + 1)
    bias = random(filters, dtype=dtype, seed=2)
    options = {name: case[name] for name in ("stride", "dilation", "border")}
    maps = correlate(image, weights, bias, padding=case["pads"], groups=groups, method=method, **options)
    assert maps.dtype == dtype
    assert error(maps, reference(image, weights, bias, pads=case["pads"], **options)) < TOLERANCE[dtype]


@contextmanager
def form_of_direct(form, module, create, **limits):
    """Let the direct method use one of its forms, with other limits in its module; `create` makes and caches plans."""
    caches = create, sys.modules[correlate.__module__]._plan
    with ExitStack() as stack:
        for cache in caches:
            cache.cache_clear()
            stack.callback(cache.cache_clear)
        for name, value in limits.items():
            stack.enter_context(patch.object(module, name, value))
        stack.enter_context(patch.object(direct, "direct_form", return_value=form))
        yield
