"""Reference cross-correlation with SciPy in float64, for all arguments of `correlate`."""

import numpy as np
from scipy import signal


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
