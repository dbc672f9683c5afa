"""Presets, filter files, arch files, typed kernels and model files, and the networks that they contain.

Reading order: `load` (the way in), `presets`; `toml_file` (filter files) with `toml_layers`, `toml_filters` and
`toml_weights` (a layer), `toml_tensors` (weights in a file of their own), `batch_norm` (folded into filters),
`toml_input` (input and classes) and `toml_schema` (tables); `kernel_text` (kernels typed on the command line), `arch`
(networks to train), `model` and `model_npz` (trained models); `save` (the way out) with `toml_writer`,
`safetensors_writer`, `onnx_writer` and `onnx_layers`.
"""

from cnnfx.formats.load import load_network
from cnnfx.formats.presets import find_presets, preset_names

__all__ = ["find_presets", "load_network", "preset_names"]
