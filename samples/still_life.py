"""A small ray tracer that renders spheres and a box on a wooden table under a soft light.

Random numbers come from a hash of integers, so that every run and every version of NumPy gives the same picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from solids import Body, Box, Material, Plane, Sphere, column, dot

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from solids import Vectors

WIDTH, HEIGHT, SIDE = 512, 384, 4  # each pixel is the mean of SIDE×SIDE rays
EYE, TARGET, ZOOM = np.array([0.15, 3.1, -7.4]), np.array([0.08, 0.62, 0.0]), 2.75
LIGHT, LIGHT_SIZE = np.array([-4.2, 6.6, -3.4]), 1.5
GRAIN = 1.6  # standard deviation of the noise, in gray levels


# Textures


def wood(point: Vectors) -> Vectors:
    """Return the color of planks that run from left to right, with grain and dark gaps."""
    across = point[2] / 1.15 + 40.3
    plank, inside = np.floor(across), across % 1
    along = point[0] + 7.7 * plank
    wave = _noise(along * 0.55, across * 2.2)
    grain = _noise(along * 1.6, across * 34) * 0.5 + _noise(along * 3, across * 90) * 0.3
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (inside * 3.2 + 2.4 * wave))
    tone: NDArray[np.float64] = 0.45 * rings + 0.55 * grain + 0.3 * _hash(plank, 3 * plank)
    gap: NDArray[np.float64] = np.clip(np.minimum(inside, 1 - inside) / 0.012, 0.25, 1)
    return (column((0.30, 0.155, 0.075)) + column((0.34, 0.21, 0.11)) * tone) * gap


def plaster(point: Vectors) -> Vectors:
    """Return the color of a greenish gray wall with low-frequency noise."""
    return column((0.36, 0.42, 0.41)) * (0.9 + 0.2 * _noise(point[0] * 1.3, point[1] * 1.3))


def stripes(point: Vectors) -> Vectors:
    """Return stripes of two colors around a tilted axis."""
    height = dot(point, column((0.45, 0.85, 0.28))) * 5.2
    return np.where(np.floor(height) % 2 == 0, column((0.86, 0.84, 0.76)), column((0.05, 0.32, 0.42)))


def checks(point: Vectors) -> Vectors:
    """Return a checkerboard along the sides of the box."""
    cells = np.floor(CUBE.to_local(point) * (0.999 / 0.34)).sum(axis=0) % 2
    return np.where(cells == 0, column((0.85, 0.62, 0.16)), column((0.62, 0.17, 0.09)))


def plain(red: float, green: float, blue: float) -> Callable[[Vectors], Vectors]:
    """Return a function that gives the same color everywhere."""
    return lambda point: column((red, green, blue)) * np.ones(point.shape[1])


CUBE = Box((-1.75, 0.68, 0.75), (0.68, 0.68, 0.68), 0.5, Material(checks, gloss=0.08))
BALLS = (
    Sphere((0.15, 0.95, 0.9), 0.95, Material(plain(0.78, 0.8, 0.82), gloss=0.5, mirror=0.72)),
    Sphere((1.95, 0.7, 0.1), 0.7, Material(stripes, gloss=0.3, mirror=0.03)),
    Sphere((-0.55, 0.45, -1.05), 0.45, Material(plain(0.72, 0.045, 0.04), gloss=0.6, mirror=0.05)),
    Sphere((0.85, 0.3, -1.45), 0.3, Material(plain(0.12, 0.36, 0.1), gloss=0.25, mirror=0.02)),
)
TABLE = Plane(1, 0.0, 1, Material(wood, gloss=0.05, mirror=0.015))
WALL = Plane(2, 4.6, -1, Material(plaster))
BODIES: tuple[Body, ...] = (TABLE, WALL, CUBE, *BALLS)


# Light


def trace(origin: Vectors, ray: Vectors, light: Vectors, depth: int) -> Vectors:
    """Return the color seen along each ray, with up to `depth` reflections."""
    distances = np.stack([body.hit(origin, ray) for body in BODIES])
    nearest, distance = distances.argmin(axis=0), distances.min(axis=0)
    colors = _background(ray)
    for index, body in enumerate(BODIES):
        seen = (nearest == index) & np.isfinite(distance)
        if seen.any():
            point = origin[:, seen] + ray[:, seen] * distance[seen]
            colors[:, seen] = _shaded(body, point, ray[:, seen], light[:, seen], depth)
    return colors


def _shaded(body: Body, point: Vectors, ray: Vectors, light: Vectors, depth: int) -> Vectors:
    """Return diffuse light from the lamp and the surroundings, the highlight of the lamp, and reflections."""
    material, normal = body.material, body.normal(point)
    toward = light - point
    reach = np.sqrt(dot(toward, toward))
    toward = toward / reach
    start = point + normal * 1e-3
    lit = np.maximum(dot(normal, toward), 0) * ~_blocked(start, toward, reach) * 56 / reach**2
    ambient = (0.26 + 0.14 * normal[1]) * _ambient_visibility(point, normal, body)
    mirrored = ray - 2 * dot(ray, normal) * normal
    colors: Vectors = material.color(point) * (column((1.0, 0.93, 0.82)) * lit + column((0.82, 0.92, 1.0)) * ambient)
    colors += material.gloss * np.maximum(dot(mirrored, toward), 0) ** 60 * (lit > 0)
    if depth and material.mirror:
        share = material.mirror + (1 - material.mirror) * np.clip(1 + dot(ray, normal), 0, 1) ** 5
        colors += share * (trace(start, mirrored, light, depth - 1) - colors)
    return colors


def _blocked(start: Vectors, toward: Vectors, reach: NDArray[np.float64]) -> NDArray[np.bool_]:
    nearest: NDArray[np.float64] = np.min([body.hit(start, toward) for body in (CUBE, *BALLS)], axis=0)
    return nearest < reach


def _ambient_visibility(point: Vectors, normal: Vectors, body: Body) -> NDArray[np.float64]:
    """Return the fraction of the surroundings that the other bodies do not hide; the box counts as a sphere."""
    seen = np.ones(point.shape[1])
    for center, radius in [(CUBE.center, 0.82), *((ball.center, ball.radius) for ball in BALLS)]:
        if center != getattr(body, "center", None):
            offset = column(center) - point
            reach = np.sqrt(dot(offset, offset))
            seen *= 1 - np.clip(dot(normal, offset) / reach, 0, 1) * np.minimum(radius / reach, 1) ** 2
    return seen


def _background(ray: Vectors) -> Vectors:
    """Return the color of the background: dim, with a bright window behind the camera. Only reflections show it."""
    window = (abs(ray[0] / ray[2] - 0.55) < 0.35) & (abs(ray[1] / ray[2] + 0.4) < 0.25) & (ray[2] < 0)
    colors: Vectors = column((0.3, 0.29, 0.28)) * (0.8 + 0.4 * ray[1]) + column((1.5, 1.6, 1.7)) * window
    return colors


# The picture


def still_life() -> NDArray[np.uint8]:
    """Return the picture `(384, 512, 3)`: for each pixel, the mean of rays to different parts of it and of the lamp."""
    rows, columns = (index.ravel().astype(float) for index in np.indices((HEIGHT, WIDTH)))
    first = np.floor(_hash(rows, columns) * SIDE**2)
    total = np.zeros((3, rows.size))
    for part in range(SIDE**2):
        across, down = columns + (part % SIDE + 0.5) / SIDE, rows + (part // SIDE + 0.5) / SIDE
        total += trace(column(EYE) * np.ones(rows.size), _rays(across, down), _lamp((first + 7 * part) % SIDE**2), 2)
    levels = 255 * np.clip(total / SIDE**2, 0, 1) ** (1 / 2.2)
    grain = sum(_hash(rows + 1000 * layer, columns) for layer in range(1, 5)) - 2  # nearly normal, std 0.58
    noisy = np.clip(np.rint(levels + grain * (GRAIN / 0.58)), 0, 255)
    return noisy.T.reshape(HEIGHT, WIDTH, 3).astype(np.uint8)


def _rays(across: NDArray[np.float64], down: NDArray[np.float64]) -> Vectors:
    """Return the directions from the eye through positions in the picture."""
    forward = (TARGET - EYE) / np.linalg.norm(TARGET - EYE)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    u, v = (2 * across - WIDTH) / HEIGHT, 1 - 2 * down / HEIGHT
    rays = column(forward) * ZOOM + column(right) * u + column(np.cross(forward, right)) * v
    return rays / np.sqrt(dot(rays, rays))


def _lamp(part: NDArray[np.float64]) -> Vectors:
    """Return the center of one of the parts of the square lamp."""
    side, front = (part % SIDE + 0.5) / SIDE - 0.5, (part // SIDE + 0.5) / SIDE - 0.5
    return column(LIGHT) + LIGHT_SIZE * np.stack([side, np.zeros(part.size), front])


# Randomness


def _hash(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a pseudorandom number from 0 to 1 for each pair of integers."""
    mixed = x.astype(np.int64).astype(np.uint32) * np.uint32(0x9E3779B1) ^ y.astype(np.int64).astype(np.uint32)
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(factor)
    return (mixed ^ (mixed >> np.uint32(16))) / 2**32


def _noise(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return value noise from 0 to 1: the hash at integer positions, interpolated between them."""
    left, top = np.floor(x), np.floor(y)
    u, v = ((part * part * (3 - 2 * part)) for part in (x - left, y - top))
    upper, lower = (_hash(left, top + d) * (1 - u) + _hash(left + 1, top + d) * u for d in (0, 1))
    return upper * (1 - v) + lower * v
