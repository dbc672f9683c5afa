"""Forward and backward passes of layers and networks on batches, and the loss."""
