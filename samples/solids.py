"""Solid bodies and where rays hit them. Points, rays and colours are arrays `(3, N)`; x is right, y up, z away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Material:
    """A colour by place, and how it shines: `gloss` is the highlight, `mirror` what is reflected head-on."""

    color: Callable[[Vectors], Vectors]
    gloss: float = 0.0
    mirror: float = 0.0


class Body(Protocol):
    """Whatever a ray may hit."""

    @property
    def material(self) -> Material:
        """What it is made of."""

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """How far along each ray the body is hit, infinity where it is missed."""

    def normal(self, point: Vectors) -> Vectors:
        """The direction that a surface point faces."""


@dataclass(frozen=True)
class Sphere:
    """A sphere by centre and radius."""

    centre: tuple[float, float, float]
    radius: float
    material: Material

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Where |origin + t·ray − centre| is the radius: the nearer root of a quadratic equation."""
        offset = origin - column(self.centre)
        along = dot(offset, ray)
        under = along**2 - dot(offset, offset) + self.radius**2
        return ahead(-along - np.sqrt(np.maximum(under, 0)), under > 0)

    def normal(self, point: Vectors) -> Vectors:
        """Away from the centre."""
        return (point - column(self.centre)) / self.radius


@dataclass(frozen=True)
class Box:
    """A box by centre, half its sizes, and the angle by which it is turned about the upright axis."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    turn: float
    material: Material

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Inside between the last plane entered and the first one left."""
        start, step = self.own(origin), self._turned(ray)
        step = np.where(abs(step) < 1e-12, 1e-12, step)
        near, far = (-column(self.half) - start) / step, (column(self.half) - start) / step
        enter, leave = np.minimum(near, far).max(axis=0), np.maximum(near, far).min(axis=0)
        return ahead(enter, enter < leave)

    def normal(self, point: Vectors) -> Vectors:
        """That of the face whose plane is nearest."""
        own = self.own(point) / column(self.half)
        faces = (abs(own) == abs(own).max(axis=0)) * np.sign(own)
        return self._turned(faces, -1)

    def own(self, point: Vectors) -> Vectors:
        """A point seen from the box's centre, along its sides."""
        return self._turned(point - column(self.centre))

    def _turned(self, vectors: Vectors, sense: int = 1) -> Vectors:
        cosine, sine = np.cos(self.turn), sense * np.sin(self.turn)
        x, y, z = vectors
        return np.stack([cosine * x - sine * z, y, sine * x + cosine * z])


@dataclass(frozen=True)
class Plane:
    """A plane through a point of one axis (0, 1 or 2), facing up or towards the camera."""

    axis: int
    place: float
    facing: int
    material: Material

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Where the axis' coordinate becomes the plane's."""
        step = np.where(ray[self.axis] * self.facing < -1e-9, ray[self.axis], -1.0)
        return ahead((self.place - origin[self.axis]) / step, ray[self.axis] * self.facing < -1e-9)

    def normal(self, point: Vectors) -> Vectors:
        """The same everywhere."""
        return np.eye(3)[:, [self.axis]] * self.facing * np.ones(point.shape[1])


# Vectors


def column(values: tuple[float, float, float] | NDArray[np.float64]) -> Vectors:
    """Three numbers as a column, to calculate with many points at once."""
    return np.array(values)[:, None]


def dot(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """The inner product of each pair."""
    sums: NDArray[np.float64] = (first * second).sum(axis=0)
    return sums


def ahead(distance: NDArray[np.float64], met: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The distance where something is met in front of the start, else infinity."""
    return np.where(met & (distance > 1e-4), distance, np.inf)
