"""Ray intersections with spheres, boxes and planes.

Points, rays and colors are arrays `(3, N)`; x points right, y up, z away from the camera.
"""

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
    """A color as a function of position, the strength of the highlight (`gloss`), and the reflectance at normal
    incidence (`mirror`)."""

    color: Callable[[Vectors], Vectors]
    gloss: float = 0.0
    mirror: float = 0.0


class Body(Protocol):
    """A solid that rays can hit."""

    @property
    def material(self) -> Material:
        """Return the material."""

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Return the distance along each ray to the body `(N,)`; infinity where the ray misses it."""

    def normal(self, point: Vectors) -> Vectors:
        """Return the unit normal of the surface at each point."""


@dataclass(frozen=True)
class Sphere:
    """A sphere by center and radius."""

    center: tuple[float, float, float]
    radius: float
    material: Material

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Solve |origin + t·ray − center| = radius for t; return the smaller root."""
        offset = origin - column(self.center)
        along = dot(offset, ray)
        under = along**2 - dot(offset, offset) + self.radius**2
        return in_front(-along - np.sqrt(np.maximum(under, 0)), under > 0)

    def normal(self, point: Vectors) -> Vectors:
        """Return the direction away from the center."""
        return (point - column(self.center)) / self.radius


@dataclass(frozen=True)
class Box:
    """A box by center, half its sizes, and its rotation about the vertical axis in radians."""

    center: tuple[float, float, float]
    half: tuple[float, float, float]
    angle: float
    material: Material

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Return where the last of the three pairs of planes is entered, if that is before the first is left."""
        start, step = self.to_local(origin), self._rotated(ray)
        step = np.where(abs(step) < 1e-12, 1e-12, step)
        near, far = (-column(self.half) - start) / step, (column(self.half) - start) / step
        enter, leave = np.minimum(near, far).max(axis=0), np.maximum(near, far).min(axis=0)
        return in_front(enter, enter < leave)

    def normal(self, point: Vectors) -> Vectors:
        """Return the normal of the face that is nearest to each point."""
        local = self.to_local(point) / column(self.half)
        faces = (abs(local) == abs(local).max(axis=0)) * np.sign(local)
        return self._rotated(faces, -1)

    def to_local(self, point: Vectors) -> Vectors:
        """Return points in the coordinates of the box: from its center, along its sides."""
        return self._rotated(point - column(self.center))

    def _rotated(self, vectors: Vectors, direction: int = 1) -> Vectors:
        cosine, sine = np.cos(self.angle), direction * np.sin(self.angle)
        x, y, z = vectors
        return np.stack([cosine * x - sine * z, y, sine * x + cosine * z])


@dataclass(frozen=True)
class Plane:
    """A plane perpendicular to one axis (0, 1 or 2) at a position on it; `facing` is the sign of its normal."""

    axis: int
    position: float
    facing: int
    material: Material

    def hit(self, origin: Vectors, ray: Vectors) -> NDArray[np.float64]:
        """Return the distance at which the coordinate along the axis equals the position."""
        step = np.where(ray[self.axis] * self.facing < -1e-9, ray[self.axis], -1.0)
        return in_front((self.position - origin[self.axis]) / step, ray[self.axis] * self.facing < -1e-9)

    def normal(self, point: Vectors) -> Vectors:
        """Return the same normal for every point."""
        return np.eye(3)[:, [self.axis]] * self.facing * np.ones(point.shape[1])


# Vectors


def column(values: tuple[float, float, float] | NDArray[np.float64]) -> Vectors:
    """Return three numbers as a `(3, 1)` array, to broadcast over points."""
    return np.array(values)[:, None]


def dot(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """Return the inner product of each pair of vectors, `(N,)`."""
    sums: NDArray[np.float64] = (first * second).sum(axis=0)
    return sums


def in_front(distance: NDArray[np.float64], hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance where the ray hits something in front of its origin, infinity elsewhere."""
    return np.where(hits & (distance > 1e-4), distance, np.inf)
