"""Networks and what they compute.

Reading order: `layers` (filters, combination, activation, pooling, classifier head), `network` (layers in order),
`feature_maps` (the output channels for one image, in bands), `receptive_field`, `trace` (the arithmetic of one output),
`summary` (shapes and parameters), `concat` (filters of several networks in one layer).
"""
