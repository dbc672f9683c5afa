"""ONNX models: files to networks and back.

Reading order: `model` (the way in), `weights` and `node` (what a file holds), `maps` (which axis is which),
`operators` with `windows`, `activations`, `arithmetic` and `axes` (each kind of node), `constants` (what is known
without an image), `names`; `writer` with `layers` (networks to files).
"""
