"""Explanations as values for JSON: all digits, None for what is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cnnfx.explanation import Explanation, Patch, Point, Sum
from cnnfx.maps import FeatureMaps
from cnnfx.receptive_field import receptive_field


def described(maps: FeatureMaps, image: str, explanation: Explanation) -> dict[str, Any]:
    """One output of the last layer of `maps`, and what it was made from."""
    network, (_, height, width) = maps.network, maps.sizes[0]
    box = receptive_field(network, maps.sizes[0]).box(explanation.row, explanation.column)
    return {
        "image": image,
        "size": [width, height],
        "network": network.name,
        "normalisation": {"mean": network.mean, "deviation": network.deviation},
        "map": [maps.shape[2], maps.shape[1]],
        "receptive_field": {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom},
        **_output(explanation),
    }


def _output(explanation: Explanation) -> dict[str, Any]:
    pool, below = explanation.pool, explanation.contributions
    told: dict[str, Any] = {
        "layer": explanation.layer,
        "filter": explanation.channel,
        "at": [explanation.column, explanation.row],
        "points": [_point(point) for point in explanation.points],
        "pool": pool and {"kind": pool.kind, "size": pool.size},
        "shown": explanation.shown,
        "value": _number(explanation.value),
    }
    if below is not None:
        told["contributions"] = [
            {"adds": _numbers(found.amounts), "output": _output(found.explanation)} for found in below
        ]
        told["others"] = {"count": explanation.others, "add": _numbers(explanation.other_amounts)}
    return told


def _point(point: Point) -> dict[str, Any]:
    patch = point.patch
    return {
        "at": [patch.column, patch.row],
        "columns": patch.columns.tolist(),
        "rows": patch.rows.tolist(),
        "border": patch.border,
        "sums": [_sum(found, patch) for found in point.sums],
        "combination": point.combination,
        "combined": _number(point.combined),
        "activation": point.activation,
        "value": _number(point.value),
    }


def _sum(found: Sum, patch: Patch) -> dict[str, Any]:
    return {
        "filter": found.filter,
        "inputs": [
            {
                "channel": term.channel,
                "patch": _matrix(term.patch.tolist()),
                "padding": patch.padding.tolist(),
                "weights": _matrix(term.weights.tolist()),
                "products": _matrix(term.products.tolist()),
                "sum": _number(term.sum),
            }
            for term in found.terms
        ],
        "sum": _number(found.total),
        "bias": found.bias,
        "value": _number(found.value),
    }


def _matrix(rows: Iterable[Iterable[float]]) -> list[list[float | None]]:
    return [_numbers(row) for row in rows]


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
