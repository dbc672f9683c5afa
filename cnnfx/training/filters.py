"""The filters of a layer in the way that takes the fewest multiplications: by patches, or by tiles.

A bank is what all that work on a batch share of a layer's filters: the matrices made from them, by `refresh`. Its
`step` computes with them; either kind gives the outputs as `(p, p, K, bh, bw, N)`, see `steps`.
"""

from __future__ import annotations

from cnnfx.layers import Array
from cnnfx.training.blocks import Blocks
from cnnfx.training.by_patches import PatchBank
from cnnfx.training.by_tiles import TileBank
from cnnfx.training.tiles import Tiles, cheapest

Bank = PatchBank | TileBank


def bank(blocks: Blocks, weights: Array, bias: Array) -> Bank:
    """The filters of a layer, with weights (K, C, kh, kw) and bias (K,) that may change in place."""
    way = cheapest(blocks, len(weights))
    return TileBank(way, weights, bias) if isinstance(way, Tiles) else PatchBank(way, weights, bias)
