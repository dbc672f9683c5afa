"""Normalization of values to levels, and color maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.errors import ArgumentError
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.render.color import (
    COLORMAPS,
    NONFINITE_COLOR,
    NORMALIZATIONS,
    ColorScale,
    apply_colormap,
    color_table,
    draw_values,
    linear_scale,
)

VALUES = np.array([-2.0, -1, 0, 0.5, 1], np.float32)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("auto", [0, 64, 128, 159, 191]),
        ("signed", [0, 64, 128, 159, 191]),
        ("minmax", [0, 85, 170, 213, 255]),
        ("positive", [0, 0, 0, 128, 255]),
        ("absolute", [255, 128, 0, 64, 128]),
        ("none", [0, 0, 0, 128, 255]),
    ],
)
def test_each_mode_converts_values_to_its_own_levels(mode: str, expected: list[int]) -> None:
    assert linear_scale(mode, -2, 1).levels(VALUES).tolist() == expected


@given(arrays(np.float32, (3, 5), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_signed_zero_is_mid_gray_and_the_largest_magnitude_black_or_white(values: np.ndarray) -> None:
    levels = linear_scale("signed", float(values.min()), float(values.max())).levels(values)
    assert (levels[values == 0] == 128).all()
    largest = np.abs(values).max()
    if largest > 1e-30:
        assert (levels[values == largest] == 255).all()
        assert (levels[values == -largest] == 0).all()


@pytest.mark.parametrize(("mode", "level"), [("signed", 128), ("minmax", 0), ("positive", 0), ("absolute", 0)])
def test_a_map_without_contrast_is_drawn_in_the_level_of_zero(mode: str, level: int) -> None:
    assert (linear_scale(mode, 0, 0).levels(np.zeros((2, 2), np.float32)) == level).all()


@pytest.mark.parametrize("mode", NORMALIZATIONS)
def test_nan_becomes_black_and_infinity_is_clipped(mode: str) -> None:
    levels = linear_scale(mode, -1, 1).levels(np.array([np.nan, np.inf], np.float32))
    assert levels.tolist() == [0, 255]


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_no_color_map_has_a_color_close_to_that_of_nan(colormap: str) -> None:
    distances = np.abs(color_table(colormap).astype(int) - NONFINITE_COLOR).max(axis=1)
    assert distances.min() > 60


def test_values_far_beyond_the_range_are_clipped() -> None:
    assert linear_scale("signed", -1e-3, 1e-3).levels(np.array([3e38, -3e38], np.float32)).tolist() == [255, 0]


def test_nan_and_infinity_are_drawn_in_a_color_of_their_own() -> None:
    values = np.array([[np.nan, np.inf, 0], [-np.inf, 1, -1]], np.float32)
    picture = draw_values(values, linear_scale("signed", -1, 1), "gray", has_nonfinite=True)
    magenta = list(NONFINITE_COLOR)
    assert picture.tolist() == [[magenta, magenta, [128] * 3], [magenta, [255] * 3, [0] * 3]]


def test_the_error_for_an_unknown_mode_lists_the_modes() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"^There is no normalization called 'sqrt'\. "
        r"Choose one of auto, signed, minmax, positive, absolute, none\.$",
    ):
        linear_scale("sqrt", 0, 1)


@pytest.mark.parametrize("name", COLORMAPS)
def test_a_color_map_begins_and_ends_with_its_first_and_last_anchor(name: str) -> None:
    assert tuple(color_table(name)[0].tolist()) == COLORMAPS[name][0]
    assert tuple(color_table(name)[255].tolist()) == COLORMAPS[name][-1]


def test_the_middle_of_the_diverging_map_is_nearly_white() -> None:
    assert color_table("diverging")[[127, 128]].min() > 240


def test_the_gray_color_map_returns_the_levels_unchanged() -> None:
    levels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert apply_colormap(levels, "gray") is levels
    assert apply_colormap(levels, "heat").shape == (2, 3, 3)


def test_the_error_for_an_unknown_color_map_lists_the_color_maps() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"^There is no color map called 'jet'\. Choose one of gray, diverging, heat, magma, viridis\.$",
    ):
        color_table("jet")


FINITE = st.floats(-(2.0**60), 2.0**60)
MODES = st.sampled_from(list(NORMALIZATIONS))


@given(MODES, FINITE, FINITE, st.booleans(), st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=2, max_size=9))
def test_levels_do_not_decrease_with_values(
    mode: str, one: float, other: float, non_negative: bool, values: list[float]
) -> None:
    scale = linear_scale(mode, min(one, other), max(one, other), non_negative)
    ordered = np.sort(np.abs(values) if scale.magnitude else values).astype(np.float32)
    assert (np.diff(scale.levels(ordered).astype(int)) >= 0).all()


@given(MODES, FINITE, FINITE, st.booleans())
def test_the_limits_of_a_scale_are_the_values_of_level_0_and_255(
    mode: str, one: float, other: float, non_negative: bool
) -> None:
    scale = linear_scale(mode, min(one, other), max(one, other), non_negative)
    low, high = scale.limits
    if not scale.scale:
        assert (low, high) == (0, 0)
    elif high - low > 1e-3 * max(abs(low), abs(high)):  # otherwise the levels are equal in float32
        assert scale.levels(np.array([low, high], np.float32)).tolist() == [0, 255]


@pytest.mark.parametrize(
    ("mode", "non_negative", "limits"),
    [
        ("auto", False, (-2, 2)),
        ("auto", True, (0, 2)),
        ("signed", True, (-2, 2)),
        ("minmax", False, (-2, 1)),
        ("positive", False, (0, 1)),
        ("absolute", False, (0, 2)),
        ("none", False, (0, 1)),
    ],
)
def test_the_limits_of_each_mode(mode: str, non_negative: bool, limits: tuple[float, float]) -> None:
    assert linear_scale(mode, -2, 1, non_negative).limits == limits


def maps(*values: list[float], non_negative: tuple[bool, ...] | None = None) -> ArrayMaps:
    """Return maps of one row each."""
    return ArrayMaps(np.array(values, np.float32)[:, None], [str(index) for index in range(len(values))], non_negative)


def limits(scale: ColorScale, shown: ArrayMaps) -> list[tuple[float, float]]:
    return [each.limits for each in scale.linear_scales(shown)]


def test_each_channel_is_drawn_by_its_kind_and_its_own_range() -> None:
    assert limits(ColorScale(), maps([0, 3], [0, 2], non_negative=(False, True))) == [(-3, 3), (0, 2)]


def test_channels_of_all_kinds_have_a_common_magnitude_with_the_scope_all() -> None:
    shown = maps([-3, 1], [0, 2], non_negative=(False, True))
    assert limits(ColorScale(scope="all"), shown) == [(-3, 3), (0, 3)]


def test_the_middle_of_a_diverging_color_map_is_zero_in_channels_of_all_kinds() -> None:
    assert limits(ColorScale(colormap="diverging"), maps([0, 2], non_negative=(True,))) == [(-2, 2)]


@pytest.mark.parametrize(
    ("normalize", "clip", "expected"),
    [
        ("auto", 75, [(-30, 30), (0, 3)]),
        ("signed", 75, [(-30, 30), (-3, 3)]),
        ("absolute", 75, [(0, 30), (0, 3)]),
        ("positive", 75, [(0, 10), (0, 3)]),
        ("minmax", 75, [(-30, 10), (1, 3)]),
        ("auto", 100, [(-40, 40), (0, 4)]),
    ],
)
def test_a_percentile_takes_the_place_of_the_largest_value(
    normalize: str, clip: float, expected: list[tuple[float, float]]
) -> None:
    shown = maps([-30, -40, 0, 10, 20], [0, 1, 2, 3, 4], non_negative=(False, True))
    found = limits(ColorScale(normalize, clip=clip), shown)
    np.testing.assert_allclose(found, expected)


def test_the_percentile_with_the_scope_all_is_that_of_all_channels() -> None:
    shown = maps([-1, 2, 3], [4, 5, 100])
    np.testing.assert_allclose(limits(ColorScale(scope="all", clip=80), shown), [(-5, 5)] * 2)


def test_a_percentile_of_zero_leaves_the_range_as_it_is() -> None:
    assert limits(ColorScale(clip=60), maps([0, 0, 0, 0, 7])) == [(-7, 7)]


def test_fixed_limits_do_not_depend_on_the_values() -> None:
    shown = maps([np.nan, 5], [1, 2], non_negative=(False, True))
    assert limits(ColorScale(limits=4), shown) == [(-4, 4), (0, 4)]
    np.testing.assert_allclose(limits(ColorScale(limits=(-1, 3)), shown), [(-1, 3)] * 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalize": "sqrt"}, "There is no normalization called 'sqrt'."),
        ({"colormap": "jet"}, "There is no color map called 'jet'."),
        ({"clip": 50}, "The percentile 50 is not more than 50 and at most 100."),
        ({"clip": float("nan")}, "The percentile nan is not more than 50 and at most 100."),
        (
            {"clip": 99, "limits": 1},
            "A percentile and a fixed range cannot both determine the range. Give one of them.",
        ),
        (
            {"clip": 99, "normalize": "none"},
            "The normalization none draws 0 as black and 1 as white, so it takes no percentile.",
        ),
        ({"limits": 0}, "The range 0 to 0 does not go from a number to a larger one."),
        ({"limits": (2, 1)}, "The range 2 to 1 does not go from a number to a larger one."),
        ({"limits": (0, float("inf"))}, "The range 0 to inf does not go from a number to a larger one."),
        (
            {"limits": 1, "normalize": "none"},
            "The normalization none draws 0 as black and 1 as white, so it takes no other range.",
        ),
    ],
)
def test_a_color_scale_that_contradicts_itself_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        ColorScale(**settings)
    assert str(caught.value).startswith(message)


def test_equally_dark_ends_make_the_diverging_color_map_symmetric() -> None:
    linear = (color_table("diverging") / 255) ** 2.2
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    np.testing.assert_allclose(luminance, luminance[::-1], atol=0.03)
    assert (np.diff(luminance[:127]) >= 0).all()


def test_the_sides_of_the_diverging_color_map_differ_for_each_kind_of_color_vision() -> None:
    # Simulations of protanopia, deuteranopia and tritanopia in linear RGB, after Viénot, Brettel and Mollon (1999).
    protanopia = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deuteranopia = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    for simulation in (np.eye(3), protanopia, deuteranopia):
        blue, orange = ((color_table("diverging")[level] / 255) ** 2.2 @ simulation.T for level in (32, 223))
        assert np.abs(np.clip(blue, 0, 1) ** (1 / 2.2) - np.clip(orange, 0, 1) ** (1 / 2.2)).max() > 0.3


@pytest.mark.parametrize("limits", [[-1, 1], (-1, 1), np.array([-1.0, 1.0])])
def test_limits_are_any_pair_of_numbers(limits) -> None:
    assert ColorScale(limits=limits).limits == (-1, 1)


@pytest.mark.parametrize(("argument", "value"), [("limits", "1"), ("limits", (1, "2")), ("clip", "99")])
def test_limits_and_percentiles_that_are_no_numbers_are_refused(argument, value) -> None:
    with pytest.raises(ArgumentError):
        ColorScale(**{argument: value})
