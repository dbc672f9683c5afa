"""Small networks with known or random weights."""

from __future__ import annotations

import numpy as np

from cnnfx.nn.classifier import Dense
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network


def layer(weights, activation: str = "none", pool: str = "", bias=None, combine=(), **settings) -> Layer:
    weights = np.asarray(weights, float)
    names = tuple(f"f{k}" for k in range(len(weights)))
    biases = np.zeros(len(weights)) if bias is None else np.asarray(bias, float)
    conv = Conv(weights, biases, **settings)
    return Layer(conv, names, combine, Activation(activation), Pool.parse(pool) if pool else None)


def random_layer(random, shape, **settings) -> Layer:
    return layer(random.normal(size=shape), bias=random.normal(size=shape[0]) / 4, **settings)


def network(*layers, **settings) -> Network:
    return Network(tuple(layers), "tiny", **settings)


def with_head(random, net: Network, shape, count: int = 3) -> Network:
    maps = net.output_shapes(shape)[-1]
    head = Dense(random.normal(size=(count, int(np.prod(maps)))), random.normal(size=count), maps)
    return network(*net.layers, head=head, classes=tuple("abc"[:count]), input=net.input)
