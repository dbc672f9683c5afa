"""Forward and backward passes of layers and networks on batches, and the loss.

Training: `network` (of chains of filters, with the gradient of the parameters), `layers`, `im2col`, `winograd`,
`parameters`, `loss`. All networks: `graph` (the gradient of the images and of the maps of every layer), with
`correlation`, `operations` and `pooling` for the steps of a layer.
"""
