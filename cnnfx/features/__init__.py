"""Feature visualization: what the channels of a layer respond to.

Three views of each channel, as in Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional Networks":
`top_patches` finds the patches of images with the largest activations, `deconvnet` projects these activations back to
the pixels, and `maximization` computes inputs with large activations. `search` combines them for a layer.
"""

from cnnfx.features.images import ImageArray, ImageFiles, ImageSource
from cnnfx.features.search import LayerPatterns, Pattern, find_patterns

__all__ = ["ImageArray", "ImageFiles", "ImageSource", "LayerPatterns", "Pattern", "find_patterns"]
