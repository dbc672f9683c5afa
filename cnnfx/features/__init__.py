"""What a filter looks for: the patches that excite it most, what in them does, and the input that would most.

Three looks at each filter, side by side, as in Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional
Networks": `top` finds the patches, `deconvolution` goes back from their activations to pixels, and `maximization`
climbs to an input of its own.
"""

from cnnfx.features.images import Gallery, ImageArray, ImageFiles
from cnnfx.features.search import Found, Pattern, find_patterns

__all__ = ["Found", "Gallery", "ImageArray", "ImageFiles", "Pattern", "find_patterns"]
